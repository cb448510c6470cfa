"""Room for connections to a remote account, shared by all threads and processes of one machine.

A slot is a lock on a file. The operating system gives it back when its holder ends, however it ends; so nothing has to
be renewed, nothing expires while its holder lives, and no clock decides. Between machines, Airflow's pools hold.
"""

import fcntl
import hashlib
import logging
import os
import time
from pathlib import Path

from connectors.errors import UnreachableError
from headwater.errors import SettingsError

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_WAITING = "waiting"


class FileSlot:
    """Room for one connection, until it is released or its process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give it back. May be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class AccountSlots:
    """The slots of one account. A process that is forked shares the slots that were taken before.

    Args:
        folder: Where the files are kept, the same for all who share the account.
        account: The account's name.
        limit: How many connections it may have.

    Raises:
        SettingsError: The folder can't be written.
    """

    def __init__(self, folder: Path, *, account: str, limit: int) -> None:
        self._account = account
        self._limit = limit
        self._folder = folder / hashlib.sha256(account.encode()).hexdigest()[:32]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"connections to account {account!r} can't be counted: folder {str(self._folder)!r} can't be made "
                f"({error.strerror}). Set HEADWATER_HOME to a folder that can be written."
            ) from error

    def take(self, *, wait_seconds: float) -> FileSlot:
        """Return room for one connection, waiting for it if need be.

        Raises:
            UnreachableError: None became free in time.
        """
        slot = self.take_free()
        if slot is not None:
            return slot
        log.info("account %r has all of its %d connections in use: waiting for one", self._account, self._limit)
        deadline = time.monotonic() + wait_seconds
        waiting = self._open(_WAITING)
        try:
            fcntl.flock(waiting, fcntl.LOCK_SH)
            while (slot := self.take_free()) is None:
                if time.monotonic() >= deadline:
                    raise UnreachableError(
                        f"Account {self._account!r} has all of its {self._limit} connections in use by other runs on "
                        f"this machine, and none became free within {wait_seconds:g} s. Nothing was read. Try again "
                        "later, or raise `max_connections` if the server allows more."
                    )
                time.sleep(_POLL_SECONDS)
        finally:
            os.close(waiting)
        return slot

    def take_free(self) -> FileSlot | None:
        """Return room for one connection, or None if there is none at the moment."""
        for number in range(self._limit):
            descriptor = self._open(str(number))
            if _locked(descriptor):
                return FileSlot(descriptor)
            os.close(descriptor)
        return None

    def are_wanted(self) -> bool:
        """Return whether somebody waits in `take`."""
        descriptor = self._open(_WAITING)
        try:
            return not _locked(descriptor)
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(descriptor: int) -> bool:
    """Lock an open file for its holder alone; return whether that was possible at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
