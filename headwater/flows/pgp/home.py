"""A home for GnuPG that lasts as long as it is needed: keys, and the agent that holds the passphrase."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from headwater.errors import HeadwaterError

_PREFIX: Final = "headwater-pgp-"
_LOCK: Final = "in-use"
_PROGRAMS: Final = ("gpg", "gpg-agent", "gpgconf", "cat")
_TIMEOUT_SECONDS: Final = 120


class GnupgHome:
    """A folder of one process, 0700, with an agent of its own; both are gone when it is closed.

    The agent ends when this process does, even if it is killed: it lives no longer than a `cat` whose input we hold. A
    folder that a killed process left behind is removed when the next home is made.

    Raises:
        HeadwaterError: GnuPG is not installed, or its agent does not start.
    """

    def __init__(self) -> None:
        self._programs = _find_programs()
        _remove_abandoned()
        with ExitStack() as opened:
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            opened.callback(shutil.rmtree, self._folder, ignore_errors=True)
            opened.callback(os.close, _lock(self._folder))
            self._start_agent(opened)
            self._opened = opened.pop_all()

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of `gpg` that asks nobody, reads no configuration and reaches no network."""
        return [
            self._programs["gpg"],
            f"--homedir={self._folder}",
            *("--no-options", "--batch", "--no-tty", "--no-autostart", "--disable-dirmngr", "--no-auto-key-locate"),
            *("--pinentry-mode=loopback", "--trust-model=always"),
            *arguments,
        ]

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its processes, which has nothing of ours but the path."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", "HOME": str(self._folder)}

    def output(self, *arguments: str) -> bytes:
        """Run `gpg` to its end; returns what it writes, whatever its exit status is."""
        return self._run(*arguments).stdout

    def statuses(self, *arguments: str, content: bytes = b"", passphrase: bytes = b"") -> bytes:
        """Run `gpg` to its end; returns what it says of it, and drops what it writes."""
        return self._run("--status-fd=2", *arguments, content=content, passphrase=passphrase).stderr

    def import_keys(self, keys: bytes) -> frozenset[str]:
        """Take keys in; returns the fingerprints of their primary keys, none if these are no keys."""
        said = self.statuses("--import", content=keys)
        words = [line.split() for line in said.decode("utf-8", "replace").splitlines()]
        return frozenset(line[3] for line in words if line[1:2] == ["IMPORT_OK"] and len(line) == 4)

    def close(self) -> None:
        """Stop the agent and remove the folder. May be called twice."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _run(
        self, *arguments: str, content: bytes = b"", passphrase: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Everything goes through pipes: `gpg` removes the file that it was told to write to when it fails."""
        reading = pipe_with(passphrase + b"\n")
        try:
            return subprocess.run(  # noqa: S603 (our own command line)
                self.command(f"--passphrase-fd={reading}", *arguments),
                input=content,
                capture_output=True,
                env=self.environment,
                pass_fds=(reading,),
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        finally:
            os.close(reading)

    def _start_agent(self, opened: ExitStack) -> None:
        """Start it, and wait until it listens, which it does before the `cat` that it watches is there to answer."""
        options = ("--no-options", "--disable-scdaemon", "--daemon", "--")
        agent = opened.enter_context(
            subprocess.Popen(  # noqa: S603 (our own command line)
                [self._programs["gpg-agent"], f"--homedir={self._folder}", *options, self._programs["cat"]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self.environment,
            )
        )
        opened.callback(self._stop_agent)
        if agent.stdin is not None and agent.stdout is not None:
            with suppress(BrokenPipeError):
                agent.stdin.write(b"\n")
                agent.stdin.flush()
            if agent.stdout.readline() != b"\n":
                raise HeadwaterError(
                    f"GnuPG's agent did not start in {str(self._folder)!r}. The path of its socket has room for some "
                    "100 bytes: let TMPDIR name a folder with a short path that the worker may write to."
                )

    def _stop_agent(self) -> None:
        command = [self._programs["gpgconf"], "--homedir", str(self._folder), "--kill", "gpg-agent"]
        subprocess.run(  # noqa: S603 (our own command line)
            command, capture_output=True, env=self.environment, timeout=_TIMEOUT_SECONDS, check=False
        )


def pipe_with(content: bytes) -> int:
    """The reading end of a pipe that holds a short text and then ends; whoever gets it closes it."""
    reading, writing = os.pipe()
    try:
        os.write(writing, content)
    finally:
        os.close(writing)
    return reading


def _find_programs() -> dict[str, str]:
    found = {name: path for name in _PROGRAMS if (path := shutil.which(name)) is not None}
    if missing := [name for name in _PROGRAMS if name not in found]:
        raise HeadwaterError(
            f"The file is encrypted with OpenPGP, and {', '.join(f'`{name}`' for name in missing)} of GnuPG, which "
            "decrypts it, is not on this worker's PATH. Install the package `gnupg`, version 2.2.8 or later."
        )
    return found


def _lock(folder: Path) -> int:
    """Mark a folder as in use, until the descriptor that is returned is closed; the lock is never there unheld."""
    unfinished = folder / f"{_LOCK}.new"
    lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unfinished.rename(folder / _LOCK)
    return lock


def _remove_abandoned() -> None:
    """Remove the folders of this user's processes that were killed: nobody holds their locks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a folder of ours; raises OSError if it is another user's, held, or not there yet."""
    if path.parent.lstat().st_uid != os.getuid():
        raise PermissionError(path)
    lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
