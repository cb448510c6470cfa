"""Further connections, over which large files of a distant server are read together with the first one."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import paramiko

from connectors.errors import ConnectorError
from connectors.sftp.connection import Connection
from connectors.sftp.reading import OpenFile
from connectors.sftp.wire import Attributes, ProtocolError, StatusError
from connectors.slots import Slot, Slots

log = logging.getLogger(__name__)

_WORTH_BYTES = 8 * 1024 * 1024
"""A connection takes some ten round trips to make; with less than this to read, it does not pay."""
_MOST_EXTRAS = 7
_BLOCKS_FIRST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extra:
    connection: Connection
    slot: Slot

    def close(self) -> None:
        self.connection.close()
        self.slot.release()


class Joining:
    """The same file, as it gets open in further connections. Close it before the file is closed.

    Nothing is begun before a few blocks were read: many a reader only wants a file's head.

    Args:
        begin: Begins to open it in further connections.
    """

    def __init__(self, begin: Callable[[], "list[Future[OpenFile | None]]"]) -> None:
        self._begin = begin
        self._calls = 0
        self._waiting: list[Future[OpenFile | None]] = []
        self._opened: list[OpenFile] = []

    def ready(self) -> list[OpenFile]:
        """Return what was opened since the last call; to be called after each block; never blocks."""
        self._calls += 1
        if self._calls == _BLOCKS_FIRST:
            self._waiting = self._begin()
        return self._collect([future for future in self._waiting if future.done()])

    def close(self) -> None:
        """Close what was opened, waiting for what is being opened."""
        self._collect(self._waiting)
        for file in self._opened:
            file.session.close_handle(file.handle)

    def _collect(self, done: "list[Future[OpenFile | None]]") -> list[OpenFile]:
        opened = [file for future in done if (file := future.result()) is not None]
        self._waiting = [future for future in self._waiting if future not in done]
        self._opened += opened
        return opened


class ExtraConnections:
    """Connections besides the first one: made when a file is worth it, kept for the next one, closed together.

    They are made in the background, while the first one reads. A server that refuses one is not asked again: what
    there is has to do. When somebody waits for a slot, they are given up before the next file.

    Args:
        connect: Makes a connection; called by several threads at once.
        slots: Where the room for each is taken from.
    """

    def __init__(self, connect: Callable[[], Connection], slots: Slots) -> None:
        self._connect = connect
        self._slots = slots
        self._extras: list[_Extra] = []
        self._is_refused = False
        self._threads: ThreadPoolExecutor | None = None

    def open_file(self, path: bytes, *, like: Attributes, size_bytes: int) -> Joining:
        """Return the file as it will be opened in further connections; in those only where it is the same.

        Args:
            path: The file, as the server names it.
            like: What the file is in the first connection.
            size_bytes: How many bytes of it are to be read; decides how many connections are of use.
        """
        count = max(0, min(_MOST_EXTRAS, size_bytes // _WORTH_BYTES - 1))
        return Joining(lambda: self._begin(path, like, count))

    def close(self) -> None:
        """Close all of them. May be called twice; they may be used again."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()
        extras, self._extras = self._extras, []
        for extra in extras:
            extra.close()

    def _begin(self, path: bytes, like: Attributes, count: int) -> "list[Future[OpenFile | None]]":
        self._close_lost()
        if self._slots.are_wanted():
            self.close()
            return []
        known = self._extras[:count]
        slots = self._free_slots(count - len(known))
        if not known and not slots:
            return []
        self._threads = self._threads or ThreadPoolExecutor(_MOST_EXTRAS, "sftp connecting")
        waiting = [self._threads.submit(_open_same, extra.connection, path, like) for extra in known]
        return waiting + [self._threads.submit(self._make, slot, path, like) for slot in slots]

    def _close_lost(self) -> None:
        lost = [extra for extra in self._extras if not extra.connection.is_alive]
        self._extras = [extra for extra in self._extras if extra not in lost]
        for extra in lost:
            extra.close()

    def _free_slots(self, count: int) -> list[Slot]:
        slots: list[Slot] = []
        while not self._is_refused and len(slots) < count and (slot := self._slots.take_free()) is not None:
            slots.append(slot)
        return slots

    def _make(self, slot: Slot, path: bytes, like: Attributes) -> OpenFile | None:
        try:
            extra = _Extra(connection=self._connect(), slot=slot)
        except ConnectorError as error:
            slot.release()
            self._is_refused = True
            log.info("Going on with fewer connections: %s", error)
            return None
        except BaseException:
            slot.release()
            raise
        self._extras.append(extra)
        return _open_same(extra.connection, path, like)


def _open_same(connection: Connection, path: bytes, like: Attributes) -> OpenFile | None:
    """Open the file; None if that fails, or if it is another file by now."""
    session = connection.session
    try:
        handle = session.open_file(path)
        if session.stat_handle(handle) == like:
            return OpenFile(session=session, handle=handle)
        session.close_handle(handle)
    except StatusError:
        return None
    except (ProtocolError, OSError, EOFError, paramiko.SSHException):
        connection.close()
    return None
