"""How large a packed file may become: the bounds that stop bombs."""

from collections.abc import Callable
from typing import Final

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH

MAX_EXPANSION: Final = 250
"""How many times its own size a packed file may have beyond `FREE_BYTES`: records shrink tenfold, not so far."""
FREE_BYTES: Final = 256 * 1024 * 1024
"""Up to here, any expansion is taken."""


class Allowance:
    """Counts what one file becomes, over all its layers and members together.

    Args:
        file: Path of the file, for messages.
        packed_bytes: How many bytes of the file itself this came of.
        most_bytes: What it may become at most, however large it is itself.
    """

    def __init__(self, *, file: str, packed_bytes: Callable[[], int], most_bytes: int) -> None:
        self._file = file
        self._packed_bytes = packed_bytes
        self._most_bytes = most_bytes
        self._taken = 0

    def take(self, count: int, *, name: str) -> None:
        """Count some more bytes that came of a layer called `name`.

        Raises:
            FileError: "200" if these are too many.
        """
        self._taken += count
        if self._taken > max(FREE_BYTES, MAX_EXPANSION * self._packed_bytes()):
            raise FileError(
                f"{self._file}: {self._packed_bytes():,} bytes of {name} data expand to more than {MAX_EXPANSION} "
                "times as many; no records are as repetitive, so this is taken for an attack. Send the file again "
                "uncompressed if it is right.",
                code=FILE_MISMATCH,
            )
        if self._taken > self._most_bytes:
            raise FileError(
                f"{self._file}: the {name} data expands to more than {self._most_bytes:,} bytes "
                "(`max_unpacked_bytes`). Send it in several files, or raise the limit.",
                code=FILE_MISMATCH,
            )
