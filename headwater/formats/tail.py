"""Whether a file looks cut off in the middle: the look at its end that tells a half-written file from a whole one.

A file that only looks odd is none of this module's business: reading it says what is wrong with each record.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec
from isal import igzip, isal_zlib

from headwater.formats.charsets import looks_wide
from headwater.formats.compression import compression_of
from headwater.formats.detect import UTF8_BOM
from headwater.formats.pgp import is_pgp
from headwater.formats.tar import BLOCK, is_tar

_decode = msgspec.json.Decoder(float_hook=float).decode
_LOOK_BYTES: Final = 65_536
_BLOCK_BYTES: Final = 1_048_576
_BLANKS: Final = b" \t\r\n"
_RECORD: Final = b"\n{"
_ZIP_END: Final = b"PK\x05\x06"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS: Final = (b",", b";", b"\t", b"|")


def find_cut(stream: BinaryIO, *, encoding: str) -> str | None:
    """Say where the content ends too early, or None if its end looks like one. The stream is left at its start.

    Gzip, ZIP and tar have to have their last bytes, Parquet its footer, a JSON array its bracket; a last line without
    an end of line has to be, or to end, a whole JSON object, or to have as many columns as the first line. What cannot
    be told (bzip2, deflate, zstd, binary OpenPGP, UTF-16) counts as whole; so does an empty file.

    Args:
        stream: The file's bytes, seekable.
        encoding: As the format's options declare it.
    """
    is_wide = encoding.startswith("utf-16")
    try:
        head = stream.read(_LOOK_BYTES)
        compression = compression_of(head)
        if compression == "gzip":
            return _cut_of_gzip(stream, is_wide=is_wide)
        if compression is not None:
            return None
        tail = _tail(stream)
        if is_pgp(head):
            return _cut_of_pgp(head, tail)
        if is_tar(head):
            return _cut_of_tar(tail)
        if head.startswith(b"PAR1"):
            return None if tail.endswith(b"PAR1") and tail != head[:4] else "the Parquet footer is missing"
        if head.startswith(b"PK\x03\x04"):
            return None if _ZIP_END in tail else "the end of the ZIP archive is missing"
        return _cut_of_text(head, tail, is_wide=is_wide)
    finally:
        stream.seek(0)


def _tail(stream: BinaryIO) -> bytes:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _LOOK_BYTES))
    return stream.read()


def _cut_of_gzip(stream: BinaryIO, *, is_wide: bool) -> str | None:
    stream.seek(0)
    head, tail = b"", b""
    try:
        for block in _unzipped(stream):
            head = head or block[:_LOOK_BYTES]
            tail = (tail + block)[-_LOOK_BYTES:]
    except EOFError:
        return "the gzip data ends too early"
    except (isal_zlib.IsalError, OSError):  # type: ignore[misc]  # isal's stub has an instance here
        return None  # damaged, which is for the reader to say
    return _cut_of_tar(tail) if is_tar(head) else _cut_of_text(head, tail, is_wide=is_wide)


def _cut_of_pgp(head: bytes, tail: bytes) -> str | None:
    """Armor says where it ends; of a binary message, only decrypting it tells."""
    is_armored = b"-----BEGIN PGP " in head[:100]
    return "the end of the OpenPGP armor is missing" if is_armored and b"-----END PGP " not in tail else None


def _cut_of_tar(tail: bytes) -> str | None:
    return None if tail.endswith(bytes(BLOCK)) else "the end mark of the tar archive is missing"


def _unzipped(stream: BinaryIO) -> Iterator[bytes]:
    with igzip.IGzipFile(fileobj=stream, mode="rb") as unzipped:  # type: ignore[no-untyped-call]
        while block := unzipped.read(_BLOCK_BYTES):
            yield block


def _cut_of_text(head: bytes, tail: bytes, *, is_wide: bool) -> str | None:
    if is_wide or head.startswith(_WIDE) or looks_wide(head[:4]):
        return None
    start = head.removeprefix(UTF8_BOM).lstrip(_BLANKS)
    end = tail.rstrip(_BLANKS)
    if start.startswith(b"["):
        return None if end.endswith(b"]") or _has_record_of_its_own(end) else "the JSON array is not closed"
    if tail.endswith((b"\n", b"\r")) or not end:
        return None
    last_line = tail.rsplit(b"\n", 1)[-1]
    if start.startswith(b"{"):
        is_whole = _is_json(last_line) or _ends_in_record(end, is_all=tail == head)
        return None if is_whole else "the last JSON object is cut off"
    return _cut_of_row(start, last_line)


def _has_record_of_its_own(end: bytes) -> bool:
    """Whether a text that begins with an array ends in a record that stands after it, not in it."""
    begin = end.rfind(_RECORD)
    return begin >= 0 and end[:begin].rstrip(_BLANKS).endswith((b"]", b"}")) and _is_json(end[begin:])


def _ends_in_record(end: bytes, *, is_all: bool) -> bool:
    """Whether a text ends in a whole record, perhaps one over several lines.

    Of one whose beginning we do not have, only the last character is looked at.
    """
    begin = end.rfind(_RECORD)
    if not end.endswith(b"}"):
        return False
    return (is_all and _is_json(end)) or (_is_json(end[begin:]) if begin >= 0 else not is_all)


def _is_json(text: bytes) -> bool:
    try:
        _decode(text.removeprefix(UTF8_BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _cut_of_row(head: bytes, last_line: bytes) -> str | None:
    first_line = head.split(b"\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    columns, there = first_line.count(delimiter) + 1, last_line.count(delimiter) + 1
    if b'"' in first_line or b'"' in last_line or there >= columns:
        return None
    return f"the last row has {there} of {columns} columns and no end of line"
