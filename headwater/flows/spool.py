"""A temporary file that is filled from front to back, and knows the hash of what it holds."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, FileIO
from typing import TYPE_CHECKING, BinaryIO, cast

from headwater.errors import HeadwaterError

if TYPE_CHECKING:
    from hashlib import _Hash


_WRITE_BYTES = 256 * 1024
"""Larger writes have Linux look for larger pieces of free memory, which was ten times slower in one of two runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which bytes of a file are wanted: `size_bytes` from `offset` on; None for all that there are."""

    offset: int = 0
    size_bytes: int | None = None


class Spool:
    """What has come of a file so far.

    Args:
        file: Where the bytes go: unbuffered, open for reading and writing, at the end of what it holds.
        size_bytes: How many bytes it holds already.
        digest: Their hash; None if there are none.
        is_kept: Whether a later try finds them, should this one fail.
        noted: Called after each block with the number of bytes and their hash.

    Attributes:
        is_kept: As given.
        size_bytes: How many bytes it holds.
    """

    def __init__(
        self,
        file: FileIO,
        *,
        size_bytes: int = 0,
        digest: "_Hash | None" = None,
        is_kept: bool = False,
        noted: "Callable[[int, _Hash], None] | None" = None,
    ) -> None:
        self._file = file
        self._digest = digest or hashlib.sha256()
        self._noted = noted
        self._reader: BufferedReader | None = None
        self.is_kept = is_kept
        self.size_bytes = size_bytes

    @property
    def sha256(self) -> str:
        """Hash of all bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, block: memoryview) -> None:
        """Store bytes; they count once they were given to `note` too, maybe by another thread.

        Raises:
            HeadwaterError: They can't be stored; `restart` gives the space back.
        """
        with self._explained():
            while block:
                count = self._file.write(block[:_WRITE_BYTES])
                block = block[count:]

    def note(self, block: memoryview) -> None:
        """Hash bytes that were stored, in the same order; raises as `write` does."""
        self._digest.update(block)
        self.size_bytes += len(block)
        if self._noted is not None:
            with self._explained():
                self._noted(self.size_bytes, self._digest)

    def last(self, count: int) -> bytes:
        """Return the last bytes, as many as there are, and leave the file at its end."""
        count = min(count, self.size_bytes)
        self._file.seek(self.size_bytes - count)
        return self._file.read(count)

    def restart(self) -> None:
        """Forget all bytes."""
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def from_the_start(self) -> BinaryIO:
        """Return the file, at its first byte; it is closed with the spool."""
        self._file.seek(0)
        self._reader = BufferedReader(self._file)  # it would close the file if it was forgotten
        return cast(BinaryIO, self._reader)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HeadwaterError(
                f"a file that is being fetched can't be stored on this machine: {error.strerror}, after "
                f"{self.size_bytes:,} bytes. Make room for temporary files, and in HEADWATER_HOME.",
                retryable=True,
            ) from error


@contextmanager
def passing_spool() -> Iterator[Spool]:
    """Give a spool without a name, which vanishes with the process."""
    with tempfile.TemporaryFile(prefix="headwater-", buffering=0) as file:
        yield Spool(file)
