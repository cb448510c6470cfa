"""What a file is, by its first bytes."""

import bz2
import io
import re
from typing import Any, Final, Literal

from isal import igzip, isal_zlib

from headwater.errors import FileError
from headwater.formats.blocks import FILE_EMPTY, FILE_MISMATCH
from headwater.formats.source import ByteSource, Readable

FormatName = Literal["json", "csv", "parquet"]
UTF8_BOM: Final = b"\xef\xbb\xbf"
MAX_EXPANSION: Final = 250
"""How many times its own size a compressed file may have beyond `FREE_BYTES`: records shrink tenfold, not so far."""
FREE_BYTES: Final = 256 * 1024 * 1024
"""Up to here, any expansion is taken."""
_PEEK_BYTES = 65_536
_PACKED: dict[bytes, str] = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"\x04\x22\x4d\x18": "compressed with LZ4",
    b"Obj\x01": "an Avro file",
    b"ORC": "an ORC file",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"%PDF": "a PDF document",
}
_WIDE_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_JSON_LINE = re.compile(rb"^[ \t\r]*[\[{]", re.MULTILINE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class _Decompressed:
    """A decompressing stream whose library errors are ours, and that ends where a file expands beyond measure."""

    def __init__(self, stream: Readable, packed: ByteSource, *, file: str, name: str) -> None:
        self._stream = stream
        self._packed = packed
        self._file = file
        self._name = name
        self._taken = 0

    def read(self, size: int, /) -> bytes:
        piece = self._read(size)
        self._taken += len(piece)
        if self._taken > max(FREE_BYTES, MAX_EXPANSION * self._packed.position):
            raise FileError(
                f"{self._file}: {self._packed.position:,} bytes of {self._name} data expand to more than "
                f"{MAX_EXPANSION} times as many; no records are as repetitive, so this is taken for an attack. Send "
                "the file again uncompressed if it is right.",
                code=FILE_MISMATCH,
            )
        return piece

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except EOFError:
            raise FileError(
                f"{self._file}: the {self._name} data ends too early; the file is cut short. Send it again whole.",
                code=FILE_MISMATCH,
            ) from None
        except (isal_zlib.IsalError, OSError) as error:  # type: ignore[misc]  # isal's stub has an instance here
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise FileError(
                f"{self._file}: begins like {self._name}, but is damaged and cannot be decompressed. Send it again.",
                code=FILE_MISMATCH,
            ) from error


def decompress(stream: Readable, *, file: str) -> tuple[ByteSource, str | None]:
    """The content of a file, and the name of the compression that was taken off (`gzip`, `bzip2`, or None).

    Raises:
        FileError: "106" for an empty file; "200" for a packing that is not supported.
    """
    source = ByteSource(stream)
    start = source.peek(8)
    if not start:
        raise FileError(f"{file}: the file is empty (0 bytes)", code=FILE_EMPTY)
    if start.startswith(b"\x1f\x8b"):
        unzipped = igzip.IGzipFile(fileobj=_AsFile(source), mode="rb")  # type: ignore[no-untyped-call]
        return ByteSource(_Decompressed(unzipped, source, file=file, name="gzip")), "gzip"
    if start.startswith(b"BZh"):
        return ByteSource(_Decompressed(bz2.BZ2File(_AsFile(source)), source, file=file, name="bzip2")), "bzip2"
    for magic, what in _PACKED.items():
        if start.startswith(magic):
            raise FileError(
                f"{file}: the file is {what}; supported are JSON, CSV and Parquet, plain or compressed with gzip or "
                "bzip2",
                code=FILE_MISMATCH,
            )
    return source, None


class _AsFile(io.RawIOBase):
    """A source as the file object that the libraries ask for."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  (whatever the library brings)
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def detect_format(source: ByteSource, *, file: str, declared: str) -> FormatName:
    """What the content is. `declared` is `auto`, `json`, `ndjson`, `csv` or `parquet`.

    JSON is told from CSV by the first lines: one that begins with `{` or `[` makes the file JSON.

    Raises:
        FileError: "106" if there is nothing but blanks; "200" if the content contradicts what is declared.
    """
    found = _look(source.peek(_PEEK_BYTES), file=file)
    wanted = "json" if declared == "ndjson" else declared
    if wanted in ("auto", found):
        return found
    if wanted == "json" and found == "csv":
        # Text that looks like no JSON: said to be JSON, its lines are reported one by one.
        return "json"
    if wanted == "csv" and found == "json":
        return "csv"
    raise FileError(f"{file}: declared as {declared}, but the content is {found}", code=FILE_MISMATCH)


def _look(start: bytes, *, file: str) -> FormatName:
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(_WIDE_ENCODINGS):
        raise FileError(f"{file}: the text is UTF-16 or UTF-32; supported are UTF-8 and ISO-8859-1", code=FILE_MISMATCH)
    text = start.removeprefix(UTF8_BOM)
    if not text.strip():
        raise FileError(f"{file}: the file is empty (nothing but blanks)", code=FILE_EMPTY)
    head = b"\n".join(text.lstrip().split(b"\n", 10)[:10])
    if _JSON_LINE.search(head):
        return "json"
    if _BINARY.search(head.split(b"\n", 1)[0]):
        raise FileError(
            f"{file}: the content is binary and of no known format; supported are JSON, CSV and Parquet",
            code=FILE_MISMATCH,
        )
    return "csv"
