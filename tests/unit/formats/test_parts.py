"""A divided file: its parts, read one by one, are the file read whole."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import FileError
from headwater.formats import FormatOptions
from headwater.formats.blocks import Block, Limits
from headwater.formats.delimited import delimited_blocks
from headwater.formats.json_text import json_blocks
from headwater.formats.parts import MAX_HEADER_BYTES, divide
from headwater.formats.source import ByteSource
from headwater.model.parts import Division, FilePart, Undivided

MB = 1024 * 1024
LIMITS = Limits(block_bytes=16, max_record_bytes=64)
Framed = list[tuple[bytes, int, int, str | None]]

csv_texts = st.lists(
    st.sampled_from([b"a", b"bc", b",", b'"', b'""', b"\n", b"\r\n", b"\r", b"\\", b"[", b"\xef\xbb\xbf", b"x" * 70]),
    min_size=20,
    max_size=150,
).map(lambda pieces: b"h,i\n1,2\n" + b"".join(pieces))
json_texts = st.lists(
    st.sampled_from(
        [
            b'{"a":1}',
            b'{"b":"}\\"{"}',
            b"\n",
            b"\n",
            b"\r\n",
            b" ",
            b'[{"c":2},{"d":3}]',
            b"[{",
            b"x",
            b"\xef\xbb\xbf{}",
            b"y" * 70,
        ]
    ),
    min_size=20,
    max_size=100,
).map(lambda pieces: b'{"first":0}\n' + b"".join(pieces))


def framed(blocks: Iterable[Block]) -> Framed:
    found: Framed = []
    for block in blocks:
        assert block.offsets is not None
        assert block.lines is not None
        places = zip(block.records, block.offsets, block.lines, strict=True)
        found += [_comparable(*place, block.faults.get(i)) for i, place in enumerate(places)]
    return found


def _comparable(record: bytes, offset: int, line: int, fault: str | None) -> tuple[bytes, int, int, str | None]:
    """Of an overlong line, how much is kept depends on where the block ended in which it was found."""
    overlong = fault is not None and "longer than" in fault
    return (b"", 0, line, fault) if overlong else (record, offset, line, fault)


def frame(
    text: bytes,
    format: str,
    options: FormatOptions,
    *,
    offset: int = 0,
    line: int = 1,
    header: bytes | None = None,
) -> Framed:
    source = ByteSource(io.BytesIO(text), offset)
    if format == "csv":
        return framed(delimited_blocks(source, options, LIMITS, line=line, header=header))
    return framed(json_blocks(source, LIMITS, file="f", line=line))


def divided(text: bytes, format: str, options: FormatOptions, part_bytes: int) -> Division | Undivided:
    return divide(io.BytesIO(text), file="f", format=format, options=options, part_bytes=part_bytes, limits=LIMITS)


def assert_parts_are_the_whole(
    text: bytes, format: str, options: FormatOptions, part_bytes: int
) -> tuple[FilePart, ...]:
    division = divided(text, format, options, part_bytes)
    if isinstance(division, Undivided):
        return ()
    whole = frame(text, format, options)
    assert (division.size_bytes, division.sha256) == (len(text), hashlib.sha256(text).hexdigest())
    found: Framed = []
    position = 0
    for number, part in enumerate(division.parts, 1):
        assert (part.number, part.offset) == (number, position)
        assert part.records_before == len(found) - (format == "csv" and number > 1)
        content = text[part.offset : part.offset + part.size_bytes]
        assert hashlib.sha256(content).hexdigest() == part.sha256
        found += frame(content, format, options, offset=part.offset, line=part.first_line, header=part.header)
        position += part.size_bytes
        assert part.header == (whole[0][0] if format == "csv" and number > 1 else None)
    assert position == len(text)
    assert found == whole
    return division.parts


@given(csv_texts, st.sampled_from([None, "\\"]), st.integers(1, 200))
def test_csv_is_cut_between_records_whatever_its_quotes_say(text: bytes, escape: str | None, part_bytes: int) -> None:
    assert_parts_are_the_whole(text, "csv", FormatOptions(escape=escape), part_bytes)


@given(json_texts, st.integers(1, 200))
def test_lines_of_json_are_cut_between_records(text: bytes, part_bytes: int) -> None:
    assert_parts_are_the_whole(text, "json", FormatOptions(), part_bytes)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("format", ["csv", "json"])
def test_a_sound_file_is_divided_in_as_many_parts_as_its_length_says(format: str, line_end: str) -> None:
    if format == "csv":
        records = ["id,text", *(f'{n},"a ""quoted""{line_end}text, {n}"' for n in range(200))]
    else:
        records = [json.dumps({"id": n, "text": "a\nb"}) for n in range(200)]
    text = line_end.join(records).encode()
    parts = assert_parts_are_the_whole(text, format, FormatOptions(), len(text) // 7)
    assert len(parts) in (6, 7)
    assert max(part.size_bytes for part in parts) < len(text) // 7 + 2 * LIMITS.block_bytes + 40


def test_a_quoted_field_over_many_lines_is_never_cut() -> None:
    text = b"h,i\n" + b'1,"' + b"line\n" * 10 + b'"\n' + b"2,3\n" * 10
    parts = assert_parts_are_the_whole(text, "csv", FormatOptions(), 8)
    inside = range(text.index(b'"'), text.rindex(b'"') + 1)
    assert parts
    assert not [part for part in parts if part.offset in inside]


@pytest.mark.parametrize(
    ("text", "format", "reason"),
    [
        (b'[{"a": 1},\n{"a": 2}]', "auto", "is one JSON array"),
        (b"\xef\xbb\xbf \n [{}]", "json", "is one JSON array"),
        (b"PAR1 and more", "auto", "is Parquet"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "auto", "is compressed with gzip"),
        (b'{"a": 1}\n{"a": 2}\n', "auto", "has no border between records where it could be divided"),
        (b"a" * (MAX_HEADER_BYTES + 1) + b"\n1\n", "csv", "has a header that cannot be read, or is longer than"),
        (b'"never closed\n1,2\n', "csv", "has a header that cannot be read, or is longer than"),
    ],
    ids=["array", "array after blanks", "Parquet", "gzip", "short", "long header", "broken header"],
)
def test_what_cannot_be_divided_says_why(text: bytes, format: str, reason: str) -> None:
    options = FormatOptions()
    division = divide(io.BytesIO(text), file="f", format=format, options=options, part_bytes=5)
    assert isinstance(division, Undivided)
    assert division.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (b"PK\x03\x04" + bytes(60), {}, "is a zip archive"),
        (tarfile.TarInfo("a.csv").tobuf() + bytes(1024), {}, "is a tar archive"),
        (b"a,b\n1,2\n" * 9, {"compression_type": "tarGzip"}, "is compressed with gzip"),
        (b"a,b\n1,2\n" * 9, {"compression_type": "zipDeflate"}, "is a zip archive"),
        (("a,b\n" * 9).encode("utf-16"), {}, "is written in UTF-16"),
        (("a,b\n" * 9).encode("utf-16-be"), {"encoding": "utf-16-be"}, "is written in UTF-16"),
    ],
    ids=["zip", "tar", "declared gzip", "declared zip", "byte order mark", "declared UTF-16"],
)
def test_what_is_not_plain_text_as_it_stands_is_not_divided(text: bytes, options: dict[str, str], reason: str) -> None:
    division = divide(
        io.BytesIO(text), file="f", format="auto", options=FormatOptions.model_validate(options), part_bytes=5
    )
    assert division == Undivided(reason=reason)


def test_what_is_not_supported_is_refused_before_it_is_divided() -> None:
    with pytest.raises(FileError, match="f: the file is compressed with xz"):
        divide(io.BytesIO(b"\xfd7zXZ\x00"), file="f", format="csv", options=FormatOptions(), part_bytes=5)


def test_a_quote_that_is_never_closed_is_told_by_the_header_in_every_part() -> None:
    text = b"h,i\n" + b"1,2\n" * 9 + b'3,"4\n' + b"5,6\n" * 9 + b'7,"8"\n' + b"9,0\n" * 9
    parts = assert_parts_are_the_whole(text, "csv", FormatOptions(), 8)
    assert len(parts) > 2


class _Endless:
    """A record that does not end; counts what was read of it."""

    def __init__(self, start: bytes) -> None:
        self._start = start
        self.taken = 0

    def read(self, size: int, /) -> bytes:
        piece, self._start = self._start[:size], self._start[size:]
        piece = piece or b"a" * min(size, 64 * MB - self.taken)
        self.taken += len(piece)
        return piece


@pytest.mark.parametrize("start", [b'{"x":1}\n{"x":"', b"h,i\n1,2\n3,"], ids=["json", "csv"])
def test_a_record_without_end_is_not_held_to_divide_the_file(start: bytes) -> None:
    stream = _Endless(start)
    limits = Limits(block_bytes=MB, max_record_bytes=MB)
    division = divide(stream, file="f", format="auto", options=FormatOptions(), part_bytes=5, limits=limits)
    assert division == Undivided(reason="has a record far longer than the limit of 1,048,576 bytes")
    assert stream.taken < 8 * MB
