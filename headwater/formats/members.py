"""Members of an archive: which of them are read, and under which names."""

from dataclasses import dataclass
from typing import Final

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.source import ByteSource
from headwater.model.paths import stored_path

MAX_MEMBERS: Final = 10_000
"""More entries than this in one archive are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in an archive; `name` is checked, and `source` is to be read before the next member is asked for."""

    name: str
    source: ByteSource


class MemberNames:
    """Judges the entries of one archive, one after the other."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0
        self._seen: set[str] = set()

    def count(self) -> None:
        """Count an entry of any kind.

        Raises:
            FileError: "200" if these are more than `MAX_MEMBERS`.
        """
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise refused(self._file, f"it has more than {MAX_MEMBERS:,} entries")

    def accept(self, name: str) -> str | None:
        """The name under which a regular file is reported; None if it is not read.

        Names that begin with a dot and what lies under `__MACOSX` are an archiver's own notes, and not read.

        Raises:
            FileError: "200" for a name that leads out of the archive, is not printable, or comes twice.
        """
        shown = stored_path(name)
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ".." in parts or parts[0][1:2] == ":":
            raise refused(self._file, f"the name of its member {shown!r} leads out of the archive")
        if any(ord(character) < 32 or ord(character) == 127 for character in name):
            raise refused(self._file, f"the name of its member {shown!r} has control characters")
        parts = [part for part in parts if part not in ("", ".")]
        if not parts or parts[0] == "__MACOSX" or parts[-1].startswith("."):
            return None
        plain = "/".join(map(stored_path, parts))
        if plain in self._seen:
            raise refused(self._file, f"it has the member {plain!r} twice")
        self._seen.add(plain)
        return plain


def refused(file: str, reason: str) -> FileError:
    """What is raised for an archive of which nothing is taken."""
    return FileError(
        f"{file}: the archive is refused: {reason}. Nothing of it is loaded. Ask the sender for an archive of regular "
        "files.",
        code=FILE_MISMATCH,
    )
