"""A message that GnuPG decrypts while it is read: nothing of it is stored."""

import os
import selectors
import subprocess
from contextlib import suppress
from typing import IO, Final

from headwater.errors import FileError, HeadwaterError
from headwater.flows.pgp.home import GnupgHome, pipe_with
from headwater.flows.pgp.keys import DecryptionRules
from headwater.flows.pgp.verdict import judge, parse_statuses
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.source import ByteSource

_PIECE_BYTES: Final = 65_536
_MOST_STATUS_BYTES: Final = 256 * 1024
_SILENCE_SECONDS: Final = 300.0
"""So long may GnuPG neither take nor give anything."""


class Message:
    """What a message holds; `read` feeds GnuPG as it takes the message, and judges the message at its end.

    Args:
        home: With the keys.
        message: The message's bytes.
        rules: What is asked of it.
        trusted: Fingerprints of the keys that may have signed it.
        file: Path of the file, for messages.
    """

    def __init__(
        self, home: GnupgHome, message: ByteSource, rules: DecryptionRules, *, trusted: frozenset[str], file: str
    ) -> None:
        self._message = message
        self._rules = rules
        self._trusted = trusted
        self._file = file
        self._waiting = b""
        self._statuses = b""
        self._read_statuses, write_statuses = os.pipe()
        passphrase = pipe_with(rules.passphrase + b"\n")
        command = home.command(f"--status-fd={write_statuses}", f"--passphrase-fd={passphrase}", "--decrypt")
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=home.environment,
                pass_fds=(write_statuses, passphrase),
                bufsize=0,
            )
        except BaseException:
            os.close(self._read_statuses)
            raise
        finally:
            os.close(write_statuses)
            os.close(passphrase)
        self._selector = selectors.DefaultSelector()
        self._input, self._output = _not_none(self._process.stdin), _not_none(self._process.stdout)
        for pipe in (self._input, self._output):
            os.set_blocking(pipe.fileno(), False)
        self._selector.register(self._input, selectors.EVENT_WRITE, self._feed)
        self._selector.register(self._read_statuses, selectors.EVENT_READ, self._listen)
        self._selector.register(self._output, selectors.EVENT_READ)
        self._closed = False

    def read(self, size: int, /) -> bytes:
        """At most so many bytes of what the message holds; b"" at its end, once the message was found to be right.

        Raises:
            FileError: "200" if it is not whole, was tampered with, or is not encrypted and signed as it has to be.
            HeadwaterError: GnuPG hangs.
        """
        while not self._closed and self._selector.get_map():
            events = self._selector.select(_SILENCE_SECONDS)
            if not events:
                self.close()
                raise HeadwaterError(
                    f"{self._file}: GnuPG did nothing for {_SILENCE_SECONDS:.0f} s and was stopped. Run it again."
                )
            for key, _ in events:
                if key.data is not None:
                    key.data()
            if any(key.data is None for key, _ in events):
                piece = os.read(self._output.fileno(), size)
                if piece:
                    return piece
                self._selector.unregister(self._output)
        if not self._closed:
            self.close()
            self._judge()
        return b""

    def close(self) -> None:
        """End GnuPG if it still runs. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._selector.close()
        self._process.kill()
        with suppress(BrokenPipeError):
            self._input.close()
        self._output.close()
        os.close(self._read_statuses)
        self._process.wait()

    def _judge(self) -> None:
        reason = judge(parse_statuses(self._statuses), self._rules, trusted=self._trusted)
        if reason is not None:
            raise FileError(f"{self._file}: {reason} Nothing of the file is loaded.", code=FILE_MISMATCH)

    def _feed(self) -> None:
        self._waiting = self._waiting or self._message.read(_PIECE_BYTES)
        try:
            taken = os.write(self._input.fileno(), self._waiting) if self._waiting else 0
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has seen enough; its statuses say why
            taken = 0
            self._waiting = b""
        self._waiting = self._waiting[taken:]
        if not taken:
            self._selector.unregister(self._input)
            with suppress(BrokenPipeError):
                self._input.close()

    def _listen(self) -> None:
        piece = os.read(self._read_statuses, _PIECE_BYTES)
        self._statuses = (self._statuses + piece)[:_MOST_STATUS_BYTES]
        if not piece:
            self._selector.unregister(self._read_statuses)


def _not_none(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise HeadwaterError("a process was started without pipes")
    return pipe
