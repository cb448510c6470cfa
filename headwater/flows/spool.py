"""A temporary file that is filled from front to back, and knows the hash of what it holds."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from hashlib import _Hash


class Spool:
    """What has come of a file so far.

    Args:
        file: Where the bytes go; open for reading and writing, and empty unless the others say more.
        size_bytes: How many bytes it holds already.
        digest: Their hash.
        is_kept: Whether a later try finds them, should this one fail.
        noted: Called after each change with the number of bytes and their hash.

    Attributes:
        is_kept: As given.
        size_bytes: How many bytes it holds.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        size_bytes: int = 0,
        digest: "_Hash | None" = None,
        is_kept: bool = False,
        noted: "Callable[[int, _Hash], None] | None" = None,
    ) -> None:
        self._file = file
        self._digest = digest or hashlib.sha256()
        self._noted = noted
        self.is_kept = is_kept
        self.size_bytes = size_bytes

    @property
    def sha256(self) -> str:
        """Hash of all bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def append(self, block: memoryview) -> None:
        """Add bytes; called by one thread at a time."""
        self._digest.update(block)
        self._file.write(block)
        self.size_bytes += len(block)
        self._note()

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
        self._note()

    def from_the_start(self) -> BinaryIO:
        """Return the file, at its first byte."""
        self._file.seek(0)
        return self._file

    def _note(self) -> None:
        if self._noted is not None:
            self._file.flush()
            self._noted(self.size_bytes, self._digest)


@contextmanager
def passing_spool() -> Iterator[Spool]:
    """Give a spool without a name, which vanishes with the process."""
    with tempfile.TemporaryFile(prefix="headwater-") as file:
        yield Spool(cast(BinaryIO, file))
