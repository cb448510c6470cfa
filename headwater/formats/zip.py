"""ZIP archives: members are read where they lie, one after the other."""

import errno
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Final

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.compression import Gate
from headwater.formats.expansion import Allowance
from headwater.formats.members import MAX_MEMBERS, Member, MemberNames, refused
from headwater.formats.source import ByteSource

MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
"""How an archive begins, the second one without members."""
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1 | 0x40
_MOST_DIRECTORY_BYTES: Final = 32 * 1024 * 1024
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22 + 65_535
_END64_LOCATOR: Final = b"PK\x06\x07"
_UNIX: Final = 3


def zip_members(stream: BinaryIO, allowance: Allowance, *, file: str) -> Iterator[Member]:
    """The files of an archive that are to be read, in the order of its directory.

    Args:
        stream: Seekable; not closed.
        allowance: Counts what the members hold.
        file: Path of the archive, for messages.

    Raises:
        FileError: "200" if the archive is damaged or cut short, or a member is encrypted, a link, or compressed with
            anything but deflate.
    """
    _require_small_directory(stream, file)
    names = MemberNames(file)
    with _translated(file):
        archive = zipfile.ZipFile(stream)
    with archive:
        for info in archive.infolist():
            names.count()
            if info.filename.endswith("/") or (name := names.accept(info.orig_filename.rstrip("\0"))) is None:
                continue
            label = f"{file}!/{name}"
            _require_readable(info, label)
            with _translated(label):
                content = archive.open(info)
            with content:
                yield Member(
                    name=name, source=ByteSource(Gate(_Body(content, label), allowance, file=label, name="ZIP"))
                )


class _Body:
    """A member whose library errors are ours."""

    def __init__(self, content: IO[bytes], label: str) -> None:
        self._content = content
        self._label = label

    def read(self, size: int, /) -> bytes:
        with _translated(self._label):
            return self._content.read(size)


@contextmanager
def _translated(file: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, struct.error, ValueError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # which is a place before the file's beginning
            raise
        raise FileError(
            f"{file}: begins like ZIP, but is damaged or cut short and cannot be read. Send it again.",
            code=FILE_MISMATCH,
        ) from error


def _require_readable(info: zipfile.ZipInfo, label: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise FileError(
            f"{label}: the member is encrypted with a ZIP password, which is not supported. Ask the sender for an "
            "archive without a password.",
            code=FILE_MISMATCH,
        )
    mode = info.external_attr >> 16
    if info.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise refused(label, "this member is a link or another special file")
    if info.compress_type not in _METHODS:
        method = zipfile.compressor_names.get(info.compress_type, str(info.compress_type))  # type: ignore[attr-defined]
        raise FileError(
            f"{label}: the member is compressed with {method}; within ZIP, deflate is supported, and none. Ask the "
            "sender for one of these.",
            code=FILE_MISMATCH,
        )


def _require_small_directory(stream: BinaryIO, file: str) -> None:
    """The standard library holds all of the directory in memory, so its size is looked at first (APPNOTE 4.3.14-16)."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END_BYTES - 20))
    tail = stream.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) < place + 22:
        raise FileError(
            f"{file}: the end of the ZIP archive is missing; the file is cut short. Send it again whole.",
            code=FILE_MISMATCH,
        )
    entries, directory_bytes = struct.unpack_from("<HL", tail, place + 10)
    if tail[max(0, place - 20) :].startswith(_END64_LOCATOR):
        stream.seek(min(size, struct.unpack_from("<Q", tail, place - 12)[0]))
        record = stream.read(56)
        if len(record) == 56:
            entries, directory_bytes = struct.unpack_from("<QQ", record, 32)
    stream.seek(0)
    if entries > MAX_MEMBERS:
        raise refused(file, f"it has more than {MAX_MEMBERS:,} entries")
    if directory_bytes > _MOST_DIRECTORY_BYTES:
        raise refused(file, f"its directory has {directory_bytes:,} bytes")
