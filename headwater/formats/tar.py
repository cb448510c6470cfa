"""Tar archives as a stream (POSIX ustar and pax, and GNU's long names): nothing is wound back, nothing kept.

The standard library's reader takes an archive whose headers are damaged in the middle, or that is cut between two
members, for one that ends there. Records would be lost without a word; so headers are walked here.
"""

import tarfile
from collections.abc import Iterator
from typing import Final

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.compression import Gate, cut_short
from headwater.formats.expansion import Allowance
from headwater.formats.members import Member, MemberNames, refused
from headwater.formats.source import ByteSource

BLOCK: Final = tarfile.BLOCKSIZE
_MOST_HEADER_BYTES: Final = 1024 * 1024
_SKIP_BYTES: Final = 65_536
_REGULAR: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_NAMES: Final = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def is_tar(start: bytes) -> bool:
    """Whether a tar header begins here: its checksum is right."""
    try:
        tarfile.TarInfo.frombuf(start[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def tar_members(source: ByteSource, allowance: Allowance, *, file: str) -> Iterator[Member]:
    """The regular files of an archive that are to be read, in its order. What was not read of one is skipped.

    Raises:
        FileError: "200" if the archive is damaged, cut short, or holds what is no regular file.
    """
    names = MemberNames(file)
    pax: dict[str, str] = {}
    while (header := _next_header(source, file)) is not None:
        names.count()
        if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            pax |= _pax_records(_header_body(source, header, file), file)
        elif header.type == tarfile.GNUTYPE_LONGNAME:
            pax["path"] = _text(_header_body(source, header, file).rstrip(b"\0"))
        elif header.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            _header_body(source, header, file)
        else:
            name, size = pax.get("path", header.name), _size(header, pax, file)
            if any(key.startswith("GNU.sparse") for key in pax):
                raise refused(file, f"its member {name!r} is a sparse file")
            pax = {}
            body = _Body(source, size, file=file)
            if header.type in _REGULAR and not name.endswith("/"):
                if (accepted := names.accept(name)) is not None:
                    label = f"{file}!/{accepted}"
                    yield Member(name=accepted, source=ByteSource(Gate(body, allowance, file=label, name="tar")))
            elif header.type not in (*_REGULAR, tarfile.DIRTYPE):
                kind = _NAMES.get(header.type, f"of the unknown type {header.type!r}")
                raise refused(file, f"its member {name!r} is {kind}")
            body.skip()
    _require_end(source, file)


class _Body:
    """The bytes of one member, with the padding behind them."""

    def __init__(self, source: ByteSource, size: int, *, file: str) -> None:
        self._source = source
        self._left = size
        self._padding = -size % BLOCK
        self._file = file

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(min(size, self._left))
        self._left -= len(piece)
        if not piece and size and self._left:
            raise cut_short(self._file, "tar")
        return piece

    def skip(self) -> None:
        """Go to the next header."""
        while self._left:
            self.read(_SKIP_BYTES)
        if len(self._source.read(self._padding)) < self._padding:
            raise cut_short(self._file, "tar")


def _next_header(source: ByteSource, file: str) -> tarfile.TarInfo | None:
    """The next header; None at the archive's end mark, a block of zeros."""
    block = source.read(BLOCK)
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the stub leaves it out
        return None
    except tarfile.HeaderError:
        if len(block) < BLOCK:
            raise cut_short(file, "tar") from None
        raise _damaged(file, source.position - BLOCK) from None


def _header_body(source: ByteSource, header: tarfile.TarInfo, file: str) -> bytes:
    if not 0 <= header.size <= _MOST_HEADER_BYTES:
        raise refused(file, f"it has a header of {header.size:,} bytes")
    body = _Body(source, header.size, file=file)
    content = ByteSource(body).read(header.size)
    body.skip()
    return content


def _pax_records(content: bytes, file: str) -> dict[str, str]:
    """Records `LENGTH KEY=VALUE` with a line end (POSIX pax), of which the length counts all of it."""
    records: dict[str, str] = {}
    while content:
        digits, blank, _ = content[:20].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        key, equals, value = content[len(digits) + 1 : length].removesuffix(b"\n").partition(b"=")
        if not key or not equals or length > len(content):
            raise refused(file, "an extended header of it cannot be read")
        records[_text(key)] = _text(value)
        content = content[length:]
    return records


def _size(header: tarfile.TarInfo, pax: dict[str, str], file: str) -> int:
    written = pax.get("size", "")
    if header.type not in _REGULAR:
        return 0
    if (written and not (written.isascii() and written.isdigit() and len(written) < 20)) or header.size < 0:
        raise refused(file, f"the size of its member {header.name!r} is no number")
    return int(written) if written else header.size


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _require_end(source: ByteSource, file: str) -> None:
    """Read what pads the end mark; records in it would be lost, so anything but zeros is refused."""
    while padding := source.read(_SKIP_BYTES):
        if padding.strip(b"\0"):
            raise refused(file, "bytes follow its end mark; perhaps several archives were put together")


def _damaged(file: str, offset: int) -> FileError:
    return FileError(
        f"{file}: the tar archive is damaged: there is no header at byte {offset:,}. Send it again.", code=FILE_MISMATCH
    )
