import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headwater.errors import FileError
from headwater.formats import FormatOptions
from headwater.formats.blocks import Limits
from headwater.formats.delimited import delimited_blocks
from headwater.formats.fields import parse_fields, read_header
from headwater.formats.source import ByteSource

LIMITS = Limits(block_bytes=32, max_record_bytes=1024)


def frame(
    text: bytes, options: FormatOptions | None = None, limits: Limits = LIMITS
) -> list[tuple[bytes, int, int, str | None]]:
    found = []
    for block in delimited_blocks(ByteSource(io.BytesIO(text)), options or FormatOptions(), limits):
        assert block.offsets is not None
        assert block.lines is not None
        for i, record in enumerate(block.records):
            found.append((record, block.offsets[i], block.lines[i], block.faults.get(i)))
    return found


def rows(
    text: bytes, options: FormatOptions | None = None, limits: Limits = LIMITS, width: int = 3
) -> list[list[str | None]]:
    options = options or FormatOptions()
    found = []
    for block in delimited_blocks(ByteSource(io.BytesIO(text)), options, limits):
        fields = parse_fields(block, width, options)
        assert not fields.faults
        found += [list(row) for row in zip(*(column.to_pylist() for column in fields.columns), strict=True)]
    return found


def test_records_with_their_places() -> None:
    text = b'a,b\r\n"1\n2",3\r\n\r\n4,"5,""6"""\n7,8'
    assert frame(text) == [
        (b"a,b", 0, 1, None),
        (b'"1\n2",3', 5, 2, None),
        (b'4,"5,""6"""', 16, 5, None),
        (b"7,8", 28, 6, None),
    ]


def test_fields() -> None:
    text = '1,"x ""y"" \n z",é\n,"",3\n'.encode()
    assert rows(text) == [["1", 'x "y" \n z', "é"], [None, None, "3"]]


def test_a_dialect() -> None:
    options = FormatOptions(delimiter="\\t", quote="'", escape="\\", null_marker="NULL")
    assert options.delimiter == "\t"
    assert rows(b"a\t'b\tc'\td\\\te\nNULL\t'it\\'s'\t''\n", options) == [["a", "b\tc", "d\te"], [None, "it's", None]]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_an_escape_that_ends_a_record_takes_nothing_of_the_next_one(end: str) -> None:
    options = FormatOptions(escape="\\")
    text = end.join(["a,b", "1,2\\", "3,4\\\\", "5,6", ""]).encode()
    fault = "an escape character ends the line, and stands for nothing"
    assert [(record, reason) for record, _, _, reason in frame(text, options)] == [
        (b"a,b", None),
        (b"1,2\\", fault),
        (b"3,4\\\\", None),
        (b"5,6", None),
    ]


def test_another_encoding() -> None:
    options = FormatOptions(encoding="ISO-8859-1")
    assert rows(b"No\xebl,\xa9,x\n", options) == [["Noël", "©", "x"]]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            b'1,2\n"a"x,b\n3,4\n',
            [None, "text stands beside a quoted field; a quote within a quoted field is doubled", None],
        ),
        (b'1,2\n"a,b\n3,4\n', [None, "a quoted field that begins on this line is never closed", None]),
        (b"1,2\na,b\rc,d\n3,4\n", [None, "a carriage return stands in a field without quotes", None]),
        (
            b'1,2\n"a\nb"x,y\n3,4\n',
            [None, "text stands beside a quoted field; a quote within a quoted field is doubled", None],
        ),
        (
            b'1,2\n"a","b\n"c","d"\n',
            [None, "a quoted field that begins on this line is never closed", None],
        ),
    ],
)
def test_what_does_not_follow_the_rules_is_a_fault(text: bytes, faults: list[str | None]) -> None:
    assert [fault for _, _, _, fault in frame(text)] == faults


def test_a_quote_within_a_field_without_quotes_is_text() -> None:
    assert rows(b'5" disk,a"b,c\n') == [['5" disk', 'a"b', "c"]]


def test_records_of_other_widths_and_other_encodings_are_faults_of_their_own() -> None:
    blocks = list(
        delimited_blocks(ByteSource(io.BytesIO(b"1,2\n1\n\xff,2\n3,4\n1,2,3\n5,6\n")), FormatOptions(), Limits())
    )
    fields = parse_fields(blocks[0], 2, FormatOptions())
    assert list(fields.positions) == [0, 3, 5]
    assert fields.columns[0].to_pylist() == ["1", "3", "5"]
    assert fields.faults == {
        1: "the record has 1 fields, the header has 2",
        2: "byte 0 of the record is not UTF-8; if the file is ISO-8859-1, say `encoding: iso-8859-1`",
        4: "the record has 3 fields, the header has 2",
    }


def test_an_open_quote_costs_one_line_not_the_file() -> None:
    text = b'1,"2\n' + b"3,4\n" * 2000
    found = frame(text)
    assert found[0] == (b'1,"2', 0, 1, "a quoted field that begins on this line is not closed within the limit")
    assert found[1:] == [(b"3,4", 5 + 4 * i, 2 + i, None) for i in range(2000)]


def test_a_line_that_is_too_long_is_one_fault() -> None:
    text = b"1,2\n" + b"x" * 200_000 + b"\n3,4\n"
    found = frame(text)
    assert [(offset, line, fault) for _, offset, line, fault in found] == [
        (0, 1, None),
        (4, 2, "the record is longer than 1,024 bytes (`max_record_bytes`)"),
        (len(text) - 4, 3, None),
    ]


cells = st.lists(
    st.lists(st.text(st.sampled_from('ab ,;"\n\r\té'), max_size=5), min_size=3, max_size=3), min_size=1, max_size=10
)


@given(table=cells, block=st.integers(1, 100), ends=st.sampled_from(["\n", "\r\n"]))
def test_whatever_pythons_writer_writes_is_read(table: list[list[str]], block: int, ends: str) -> None:
    text = io.StringIO(newline="")
    bare_returns = any("\r" in cell for row in table for cell in row)
    csv.writer(text, lineterminator=ends, quoting=csv.QUOTE_ALL if bare_returns else csv.QUOTE_MINIMAL).writerows(table)
    found = rows(text.getvalue().encode(), limits=Limits(block_bytes=block, max_record_bytes=1 << 20))
    assert found == [[cell or None for cell in row] for row in table]


MARK = "\ufeff"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        pytest.param(f"{MARK}\n", 1, [[MARK]], id="alone"),
        pytest.param(f"{MARK}x,1\n{MARK}y,2\n", 2, [[f"{MARK}x", "1"], [f"{MARK}y", "2"]], id="before text"),
        pytest.param(f'{MARK}"x,1\ny",2\n', 2, [[f'{MARK}"x', "1"], ['y"', "2"]], id="before a quote, which is text"),
    ],
)
def test_a_byte_order_mark_within_a_file_is_text_wherever_a_block_begins(
    text: str, width: int, expected: list[list[str]]
) -> None:
    header = ["h", "i"][:width]
    content = f"{MARK}{','.join(header)}\n{text}".encode()
    for block_bytes in (1, 1000):
        assert rows(content, limits=Limits(block_bytes=block_bytes), width=width) == [header, *expected]


@given(
    text=st.text(st.sampled_from(f'a,"\n\r\\{MARK}'), max_size=40).map(str.encode),
    width=st.integers(1, 3),
    escape=st.sampled_from([None, "\\"]),
)
def test_every_record_is_a_row_or_a_fault(text: bytes, width: int, escape: str | None) -> None:
    options = FormatOptions(escape=escape)
    for block in delimited_blocks(ByteSource(io.BytesIO(text)), options, LIMITS):
        fields = parse_fields(block, width, options)
        assert sorted([*fields.positions, *fields.faults]) == list(range(len(block.records)))
        assert {len(column) for column in fields.columns} == {len(fields.positions)}


@given(text=st.text(st.sampled_from('a,"\n\r;'), max_size=40).map(str.encode), block=st.integers(1, 50))
def test_where_blocks_are_cut_makes_no_difference(text: bytes, block: int) -> None:
    assert frame(text, limits=Limits(block_bytes=block)) == frame(text)
    assert b"".join(record for record, _, _, _ in frame(text)).count(b"a") == text.count(b"a")


def test_headers() -> None:
    assert read_header('SKU,"Product, Name",Größe'.encode(), FormatOptions(), file="f") == (
        "SKU",
        "Product, Name",
        "Größe",
    )


@pytest.mark.parametrize(
    ("header", "code", "message"),
    [
        (b",,", "118", "f: the header is empty; the first line must name the columns"),
        (b"  ", "118", "f: the header is empty"),
        (b"Gr\xf6\xdfe", "200", "f: the header is not utf-8; if the file is ISO-8859-1, say `encoding: iso-8859-1`"),
    ],
)
def test_bad_headers(header: bytes, code: str, message: str) -> None:
    with pytest.raises(FileError, match=re.escape(message)) as caught:
        read_header(header, FormatOptions(), file="f")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ",,"}, "delimiter, quote and escape are one ASCII character each, not ',,'"),
        ({"delimiter": "\n"}, "one ASCII character each"),
        ({"quote": "é"}, "one ASCII character each, not 'é'"),
        ({"delimiter": '"'}, "delimiter, quote and escape must differ"),
        ({"encoding": "utf-7"}, "Input should be 'utf-8', 'iso-8859-1', 'windows-1252', 'utf-16', 'utf-16-le' or "),
        ({"separator": ";"}, "Extra inputs are not permitted"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        FormatOptions.from_json(options)


@pytest.mark.parametrize("block_bytes", [32, 4096], ids=["in pieces", "in one piece"])
def test_a_record_whose_last_line_is_too_long_is_never_read_without_its_end(block_bytes: int) -> None:
    text = b'a,b\n"1\n2",' + b"x" * 1100 + b"\n3,4\n"
    found = frame(text, limits=Limits(block_bytes=block_bytes, max_record_bytes=1024))
    assert [(line, fault) for _, _, line, fault in found] == [
        (1, None),
        (2, "a quoted field that begins on this line is not closed within the limit"),
        (3, "the record is longer than 1,024 bytes (`max_record_bytes`)"),
        (4, None),
    ]
    assert found[-1][1] == text.index(b"3,4")
