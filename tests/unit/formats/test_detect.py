import bz2
import gzip
import io
import os
import re
from typing import BinaryIO, cast

import pytest

from headwater.errors import FileError
from headwater.formats.contents import open_contents
from headwater.formats.detect import detect_format
from headwater.formats.source import ByteSource


def decompress(content: bytes) -> tuple[ByteSource, str | None]:
    """The only content, and what was taken off."""
    found = next(open_contents(io.BytesIO(content), file="f"))
    return found.source, ", ".join(found.layers) or None


def detect(content: bytes, declared: str = "auto") -> str:
    source, _ = decompress(content)
    return detect_format(source, file="f", declared=declared)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a":1}\n', "json"),
        (b'\n  [{"a":1}]', "json"),
        (b'\xef\xbb\xbf{"a":1}', "json"),
        (b'not json\n{"a":1}\n', "json"),
        (b"SKU,Name\n1,2\n", "csv"),
        (b"\xef\xbb\xbfSKU;Name\n", "csv"),
        (b"Name\nNo\xebl\n", "csv"),
        (b"PAR1....", "parquet"),
    ],
)
def test_the_content_decides(content: bytes, expected: str) -> None:
    assert detect(content) == expected


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        (b'{"a":1}', "json", "json"),
        (b'[{"a":1}]', "ndjson", "json"),
        (b"broken line\n", "json", "json"),
        (b'{"header"},b\n', "csv", "csv"),
        (b"PAR1", "parquet", "parquet"),
    ],
)
def test_a_declaration_decides_where_the_content_allows_it(content: bytes, declared: str, expected: str) -> None:
    assert detect(content, declared) == expected


@pytest.mark.parametrize(
    ("content", "declared", "message", "code"),
    [
        (b"", "auto", "f: the file is empty (0 bytes)", "106"),
        (b" \n\t\r\n", "json", "f: the file is empty (nothing but blanks)", "106"),
        (b"\xef\xbb\xbf", "auto", "f: the file is empty (nothing but blanks)", "106"),
        (gzip.compress(b"", mtime=0), "auto", "f: the file is empty (nothing but blanks)", "106"),
        (b"PAR1", "json", "f: declared as json, but the content is parquet", "200"),
        (b"SKU,Name\n", "parquet", "f: declared as parquet, but the content is csv", "200"),
        (b"\xff\xfe\0\0{\0\0\0", "auto", "f: the text is UTF-32; send it as UTF-8", "200"),
        (b"\x00\x01\x02\x03\n", "auto", "f: the content is binary and of no known format", "200"),
        (b"PK\x03\x04....", "auto", "f: the end of the ZIP archive is missing; the file is cut short", "200"),
        (b"\x28\xb5\x2f\xfd...", "auto", "f: the zstd data ends too early; the file is cut short", "200"),
        (b"\xfd7zXZ\0..", "auto", "f: the file is compressed with xz; supported are JSON, CSV and Parquet", "200"),
        (
            gzip.compress(b"{}" * 9999, mtime=0)[:-20],
            "auto",
            "f: the gzip data ends too early; the file is cut short",
            "200",
        ),
        (bz2.compress(b"{}" * 999)[:-9], "auto", "f: the bzip2 data ends too early; the file is cut short", "200"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 100, "auto", "f: begins like gzip, but is damaged", "200"),
        (b"BZh9garbage", "auto", "f: begins like bzip2, but is damaged", "200"),
    ],
)
def test_what_is_no_source_file_is_refused(content: bytes, declared: str, message: str, code: str) -> None:
    def read_all() -> None:
        source, _ = decompress(content)
        detect_format(source, file="f", declared=declared)
        while source.read(100):
            pass

    with pytest.raises(FileError, match=re.escape(message)) as caught:
        read_all()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        (gzip.compress(b"first ", mtime=0) + gzip.compress(b"second", mtime=0), "gzip"),
        (bz2.compress(b"first ") + bz2.compress(b"second"), "bzip2"),
        (b"first second", None),
    ],
)
def test_compression_is_taken_off(packed: bytes, name: str | None) -> None:
    source, found = decompress(packed)
    assert found == name
    assert source.read(1000) == b"first second"
    assert source.position == 12


def test_a_damaged_checksum_is_noticed() -> None:
    packed = bytearray(gzip.compress(b"x" * 100_000, mtime=0))
    packed[-6] ^= 1
    source, _ = decompress(bytes(packed))
    with pytest.raises(FileError, match="begins like gzip, but is damaged"):
        source.read(200_000)


def test_an_error_of_the_source_itself_is_passed_on() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise ConnectionResetError(104, os.strerror(104))

    with pytest.raises(ConnectionResetError):
        next(open_contents(cast("BinaryIO", Broken()), file="f"))
