"""What real exporters do to CSV: each damage costs the rows it touches, told with their places, and no others."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import FileError, MappingError
from headwater.ingest import compile_plan
from tests.unit.ingest.reading import read

PLAN = compile_plan({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}})
BESIDE = "text stands beside a quoted field; a quote within a quoted field is doubled"
AGAIN = "the header stands here again; several files were put together, perhaps"
UNCLOSED = "a quoted field that begins on this line is never closed"


@pytest.mark.parametrize(
    ("damage", "reasons"),
    [
        pytest.param(b"only\n", ["the record has 1 fields, the header has 2"], id="too few fields"),
        pytest.param(b"1,2,3\n", ["the record has 3 fields, the header has 2"], id="too many fields"),
        pytest.param(b"1,2,\n", ["the record has 3 fields, the header has 2"], id="a delimiter at the end"),
        pytest.param(b'"x"y,2\n', [BESIDE], id="text after a quote"),
        pytest.param(b'"say "hi" now",2\n', [BESIDE], id="quotes not doubled"),
        pytest.param(b'"x,2\n', [UNCLOSED], id="a quote never closed"),
        pytest.param(b'1,"x\n', [UNCLOSED], id="a quote never closed in the last field"),
        pytest.param(b"1,x\ry\n", ["a carriage return stands in a field without quotes"], id="a lone CR"),
        pytest.param(b"1,\0\n", ["byte 2 of the record is NUL"], id="NUL"),
        pytest.param(b"\0\0\0\0\n", ["byte 0 of the record is NUL"], id="a block of NUL"),
        pytest.param(b"1,\xff\n", ["byte 2 of the record is not UTF-8; if the file is"], id="not UTF-8"),
        pytest.param(b"a,b\n", [AGAIN], id="header again"),
        pytest.param(b"\xef\xbb\xbfa,b\r\n", [AGAIN], id="header again, with a byte order mark"),
        pytest.param(b"   \n", ["the record has 1 fields, the header has 2"], id="blanks"),
        pytest.param(b"x\n1,2,3\na,b\n", ["has 1 fields", "has 3 fields", AGAIN], id="three at once"),
        pytest.param(b"\n\r\n\n", [], id="empty lines"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_damage_costs_its_own_rows_only(damage: bytes, reasons: list[str], end: bytes) -> None:
    before = b"a,b" + end + b'"one\nand a half",1' + end
    after = b'two,"2\r\n"' + end + b"three,3"
    outcome = read(PLAN, before + damage + after, format="csv")
    assert [(row["a"], row["b"]) for row in outcome.rows] == [
        ("one\nand a half", "1"),
        ("two", "2\r\n"),
        ("three", "3"),
    ]
    assert [row["row_number"] for row in outcome.rows] == [1, 2 + len(reasons), 3 + len(reasons)]
    last = before + damage + after[: after.index(b"three")]
    assert [row["byte_offset"] for row in outcome.rows[1:]] == [len(before + damage), len(last)]
    assert len(outcome.errors) == len(reasons)
    offset, line = len(before), 4
    for error, reason, text in zip(outcome.errors, reasons, damage.splitlines(keepends=True), strict=False):
        assert reason in error.problems[0].message
        assert (error.byte_offset, error.line) == (offset, line)
        offset, line = offset + len(text), line + 1


def test_an_open_quote_does_not_take_the_rows_up_to_the_next_quote_along() -> None:
    rows = b"3,4\n" * 500 + b"ragged\n" + b"5,6\n" * 500
    outcome = read(PLAN, b'a,b\n1,"x\n' + rows + b'"7","8"\n9,0\n', format="csv")
    assert len(outcome.rows) == 1002
    assert [(error.line, error.problems[0].message.rpartition(": ")[2]) for error in outcome.errors] == [
        (2, UNCLOSED),
        (503, "the line comes after a quoted field that is never closed, and is no record of its own"),
    ]


def test_many_lines_of_open_quotes_are_looked_at_twice_at_most() -> None:
    outcome = read(PLAN, b'a,b\n1,"x\n' + b'a","b\n' * 10_000 + b'"7","8"\n' + b'1,"x\n' * 10_000, format="csv")
    assert [row["a"] for row in outcome.rows] == ["7"]
    assert len(outcome.errors) == 20_001


@pytest.mark.parametrize("max_record_bytes", [300_000, 16_777_216], ids=["beyond the limit", "to the end"])
def test_many_lines_that_close_a_quote_and_open_the_next_are_looked_at_twice_at_most(max_record_bytes: int) -> None:
    text = b"a,b\n" + b'x","y\n' * 100_000 + b"1,2\n"
    outcome = read(PLAN, text, format="csv", max_record_bytes=max_record_bytes)
    assert [(row["a"], row["row_number"]) for row in outcome.rows] == [("1", 100_001)]
    assert len(outcome.errors) == 100_000
    assert outcome.errors[-1].problems[0].message.endswith(UNCLOSED)


def test_a_byte_order_mark_after_the_header_is_text_or_a_bad_row() -> None:
    outcome = read(PLAN, 'a,b\n\ufeffx,1\n\ufeff\n\ufeff"y,2\nz",3\n'.encode(), format="csv")
    assert [(row["a"], row["b"]) for row in outcome.rows] == [("\ufeffx", "1"), ('\ufeff"y', "2"), ('z"', "3")]
    assert outcome.problem().message.endswith("the record has 1 fields, the header has 2")


def test_line_ends_may_be_mixed() -> None:
    outcome = read(PLAN, b"a,b\r\n1,2\n3,4\r\n\r\n5,6\n7,8\r\n", format="csv")
    assert [row["a"] for row in outcome.rows] == ["1", "3", "5", "7"]
    assert [row["byte_offset"] for row in outcome.rows] == [5, 9, 16, 20]


def test_a_delimiter_at_the_end_of_every_line_is_a_column_without_a_name() -> None:
    outcome = read(PLAN, b"a,b,\n1,2,\n3,4,\n", format="csv")
    assert [(row["a"], row["b"]) for row in outcome.rows] == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            b"a,b\r1,2\r3,4\r",
            "in/f: the header cannot be read: a carriage return stands in a field without quotes. Lines end with LF",
            id="old Mac line ends",
        ),
        pytest.param(
            b"a," + b"b" * 200_000 + b"\n", "in/f: the header cannot be read: field larger than field limit", id="huge"
        ),
        pytest.param(b'"a,b\n1,2\n', f"in/f: the header cannot be read: {UNCLOSED}", id="open quote"),
        pytest.param(b"\na\0,b\n1,2\n", "in/f: the content is binary and of no known format", id="NUL"),
    ],
)
def test_a_header_that_cannot_be_read_fails_the_file(content: bytes, message: str) -> None:
    with pytest.raises((FileError, MappingError), match=re.escape(message)):
        read(PLAN, content, format="csv")


ROWS = st.lists(st.tuples(st.text("xü,\"\n;' ", max_size=5), st.text("0ß\\", max_size=3)), min_size=1, max_size=9)
DAMAGE = st.sampled_from([b"only\n", b"1,2,3,4\n", b'"x"y,2\n', b"\xff,1\n", b"\0,1\n", b"a,b\n"])


@given(rows=ROWS, hits=st.dictionaries(st.integers(0, 9), DAMAGE, max_size=4), end=st.sampled_from(["\n", "\r\n"]))
def test_good_rows_come_through_whatever_stands_between_them(
    rows: list[tuple[str, str]], hits: dict[int, bytes], end: str
) -> None:
    lines = [b"a,b\n"]
    for number, row in enumerate(rows):
        lines.append(hits.get(number, b""))
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=end).writerow(row)
        lines.append(text.getvalue().encode())
    outcome = read(PLAN, b"".join(lines), format="csv")
    assert [(row["a"] or "", row["b"] or "") for row in outcome.rows] == rows
    struck = [damage for number, damage in sorted(hits.items()) if number < len(rows)]
    assert [error.raw + b"\n" for error in outcome.errors] == struck
