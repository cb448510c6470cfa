"""Inputs that mean harm, or look like it: each has its outcome, in bounded memory (docs: reference/formats.md)."""

import gzip
import io
import tracemalloc
from typing import Any, BinaryIO

import pytest

from headwater.errors import FileError
from headwater.formats import FormatOptions
from headwater.formats.expansion import FREE_BYTES
from headwater.ingest import FileReport, compile_plan, read_file
from headwater.model.records import MAX_RAW_BYTES
from tests.unit.ingest.reading import read

TEXT = {"type": "string"}
MB = 1_000_000
PLAN = compile_plan(
    {
        "type": "object",
        "properties": {
            "a": TEXT,
            "n": {"type": "number"},
            "list": {"type": "array", "items": {"type": "integer"}},
            "map": {"type": "object", "additionalProperties": TEXT},
            "any": {},
        },
    }
)


def repeated(start: bytes, unit: bytes, size_bytes: int) -> BinaryIO:
    """A stream of the same bytes again and again, of any length, of which nothing is kept."""
    return io.BufferedReader(_Repeated(start, unit, size_bytes))


class _Repeated(io.RawIOBase):
    def __init__(self, start: bytes, unit: bytes, size_bytes: int) -> None:
        self._start = io.BytesIO(start)
        self._unit = unit * (-(-65_536 // len(unit)))
        self._left = size_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401
        piece = self._start.read(len(buffer)) or self._unit[: min(len(buffer), self._left)]
        self._left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


def storm(stream: BinaryIO, *, format: str = "auto", most_chunks: int | None = None) -> tuple[FileReport, int]:
    """The report of a file whose chunks are not kept, and the most memory that reading it took, in bytes."""
    tracemalloc.start()
    try:
        reader = read_file(stream, PLAN, file="in/f", format=format)
        for number, _ in enumerate(reader, 1):
            if number == most_chunks:
                break
        return reader.report, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        pytest.param(b'{"a":"%b"}' % (b"x" * MB), "a", "x" * MB, id="line of 1 MB"),
        pytest.param(b'{"z":%b,"a":"x"}' % (b"[" * 200 + b"]" * 200), "a", "x", id="200 levels, unknown"),
        pytest.param(b'{"any":%b}' % (b"[" * 200 + b"]" * 200), "any", "[" * 200 + "]" * 200, id="200 levels"),
        pytest.param(b'{"z":1e400,"a":"x"}', "a", "x", id="10^400, unknown"),
        pytest.param(b'{"list":[%b]}' % b",".join([b"7"] * MB), "list", [7] * MB, id="1,000,000 elements"),
        pytest.param(b'{"map":{"%b":"v"}}' % (b"k" * MB), "map", [("k" * MB, "v")], id="key of 1 MB in a map"),
        pytest.param(b'{"%b":1,"a":"x"}' % (b"k" * MB), "a", "x", id="key of 1 MB, unknown"),
        pytest.param(b'{"a":"1","a":"2","a":"3"}', "a", "3", id="key three times"),
        pytest.param(
            b'{%b,"a":"x"}' % b",".join(b'"c%d":%d' % (i, i) for i in range(10_000)), "a", "x", id="10,000 unknown"
        ),
        pytest.param(b'\xef\xbb\xbf{"a":"x"}\r', "a", "x", id="BOM and CRLF"),
    ],
)
def test_records_that_are_odd_but_right(line: bytes, field: str, value: object) -> None:
    outcome = read(PLAN, line + b"\n")
    assert [row[field] for row in outcome.rows] == [value]
    assert len(outcome.report.unknown_fields) <= 1001
    assert all(len(pointer) < 100 for pointer in outcome.report.unknown_fields)


@pytest.mark.parametrize(
    ("line", "pointer", "message"),
    [
        pytest.param(b'{"n":1e400}', "/n", "the number is out of range", id="10^400"),
        pytest.param(b'{"n":%b}' % (b"9" * MB), "/n", "the number is out of range", id="number of 1,000,000 digits"),
        pytest.param(b'{"n":NaN}', "", "JSON is malformed: invalid character (byte 5)", id="NaN"),
        pytest.param(b'{"n":-Infinity}', "", "JSON is malformed: invalid character (byte 6)", id="Infinity"),
        pytest.param(b'{"z":%b}' % (b"[" * MB), "", "the record is nested too deeply", id="1,000,000 levels, open"),
        pytest.param(b'{"a":"\x00"}', "", "JSON is malformed: invalid character (byte 6)", id="NUL"),
        pytest.param(b'{"a":"\xc3("}', "", "byte 6 of the record is not UTF-8", id="invalid UTF-8"),
        pytest.param(b"{", "", "the record ends too early: brackets or quotes are not closed", id="one brace"),
        pytest.param(b'{"a":"x",}', "", "JSON is malformed: trailing comma in object (byte 9)", id="trailing comma"),
        pytest.param(b'{"a":"x"}{"a":"y"}', "", "perhaps a second one on the same line", id="two on a line"),
        pytest.param(b'{"list":[%b]}' % b",".join([b'"x"'] * 100_000), "/list/0", "a whole number", id="100,000 wrong"),
    ],
)
def test_records_that_are_wrong_cost_themselves_only(line: bytes, pointer: str, message: str) -> None:
    outcome = read(PLAN, b'{"a":"1"}\n' + line + b'\n{"a":"2"}\n')
    assert [row["a"] for row in outcome.rows] == ["1", "2"]
    [error] = outcome.errors
    assert error.problems[0].pointer == pointer
    assert message in error.problems[0].message
    assert error.raw == line[:MAX_RAW_BYTES]
    assert len(error.problems) <= 100


def test_an_array_of_very_many_unique_objects_is_looked_at_once() -> None:
    items = {"type": "object", "properties": {"x": {"type": "integer"}}}
    plan = compile_plan({"type": "object", "properties": {"a": {"type": "array", "items": items, "uniqueItems": True}}})
    unique = b",".join(b'{"x":%d}' % number for number in range(50_000))
    outcome = read(plan, b'{"a":[%b]}\n{"a":[%b,{"x":0.0}]}\n' % (unique, unique))
    assert [len(row["a"]) for row in outcome.rows] == [50_000]
    assert outcome.problem().message == "the array has an element twice"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"\w+\/[-.\w]+(?:\+[-.\w]+)?", r"the text does not match the pattern \w+"),
        (r"^(\w+\s?)+$", "the text does not match the pattern"),
        (r"\w+\b\/", "the text is longer than the 1,000 characters that its pattern can be matched with"),
    ],
    ids=["square", "exponential", "not in RE2"],
)
def test_a_text_on_which_a_pattern_would_take_hours_is_refused(pattern: str, message: str) -> None:
    plan = compile_plan({"type": "object", "properties": {"a": TEXT | {"pattern": pattern}}})
    outcome = read(plan, b'{"a":"%b!"}\n' % (b"a" * MB))
    assert outcome.problem().pointer == "/a"
    assert outcome.problem().rule == "pattern"
    assert message in outcome.problem().message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "the file is empty (0 bytes)", id="empty"),
        pytest.param(b"\n" * MB, "the file is empty (nothing but blanks)", id="blank lines"),
        pytest.param(b"\x00" * MB, "the content is binary and of no known format", id="NUL bytes"),
        pytest.param(b'[{"a":"1"},{"a":', "is never closed; the file ends in the record that begins", id="cut short"),
        pytest.param(b"[" * MB, "is never closed", id="1,000,000 arrays"),
    ],
)
def test_files_that_are_none(content: bytes, message: str) -> None:
    with pytest.raises(FileError) as caught:
        read(PLAN, content)
    assert message in str(caught.value)


def test_a_single_record_over_several_lines_is_one_record() -> None:
    outcome = read(PLAN, b'{\r\n  "a": "x",\r\n  "list": [\r\n    1\r\n  ]\r\n}\r\n')
    assert [(row["a"], row["list"]) for row in outcome.rows] == [("x", [1])]


def test_a_broken_element_of_an_array_is_one_bad_row() -> None:
    outcome = read(PLAN, b'[{"a":"1"},\n{"a":["x"},\n{"a":"2"},\n{"a":"3"}]')
    assert [row["a"] for row in outcome.rows] == ["1", "2", "3"]
    assert outcome.problem().message == "JSON is malformed: expected ',' or ']' (byte 9)"
    assert (outcome.errors[0].line, outcome.errors[0].byte_offset) == (2, 12)


@pytest.mark.parametrize(
    ("start", "surplus"), [(b"[", b"]\r\n"), (b'{"a":"0"}\n[', b"]")], ids=["array", "array on a line"]
)
def test_a_million_brackets_too_many_are_looked_at_once(start: bytes, surplus: bytes) -> None:
    outcome = read(PLAN, start + surplus * MB + b',{"a":"x"}]\n')
    assert [row["a"] for row in outcome.rows][-1] == "x"
    assert outcome.problem().message.startswith("JSON is malformed")


@pytest.mark.slow
def test_ten_thousand_columns() -> None:
    names = [f"c{i}" for i in range(10_000)]
    plan = compile_plan({"type": "object", "properties": {name: {"type": "integer"} for name in names}})
    content = (",".join(names) + "\n" + ",".join(map(str, range(10_000))) + "\n").encode()
    [row] = read(plan, content).rows
    assert [row[name] for name in names] == list(range(10_000))


@pytest.mark.slow
def test_a_gzip_bomb_is_told_and_stopped() -> None:
    packed = gzip.compress(b"0" * MB, compresslevel=9, mtime=0) * (2 * FREE_BYTES // MB)
    with pytest.raises(FileError, match=r"in/f: .* bytes of gzip data expand to more than 250 times as many"):
        read(PLAN, packed, format="json")


RUBBISH = [
    pytest.param(b'{"a":"x"}\n', b"x", 64 * MB, id="one endless line"),
    pytest.param(b'{"a":"x"}\n', b"rubbish\n", MB // 8, id="short lines"),
    pytest.param(b'{"a":"x"}\n', b"[" * 200_000 + b"\n", MB // 2, id="brackets"),
    pytest.param(b'{"a":"x"}\n', b"r" * 3 * MB + b"\n", 32 * MB, id="lines of 3 MB"),
    pytest.param(b'[{"a":"x"}', b',\n{"a":[}', MB // 8, id="broken elements"),
    pytest.param(b'{\n"a":"x"\n}\n', b'{"a":\n', MB // 8, id="pieces"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("start", "unit", "size_bytes"), RUBBISH)
def test_rubbish_of_any_size_takes_bounded_memory(start: bytes, unit: bytes, size_bytes: int) -> None:
    try:
        report, peak = storm(repeated(start, unit, size_bytes))
    except FileError as error:
        assert "byte" in str(error)  # noqa: PT017
    else:
        assert report.read == report.failed + 1
        assert peak < 60 * MB


def test_a_storm_can_be_left_at_any_chunk() -> None:
    report, peak = storm(repeated(b'{"a":"x"}\n', b"rubbish\n", 10**13), most_chunks=1)
    assert report.failed > 1000
    assert peak < 60 * MB
    options = FormatOptions(max_record_bytes=1024)
    reader = read_file(io.BytesIO(b'{"a":"x"}\n' + b"r" * 5000), PLAN, file="f", options=options)
    assert sum(chunk.read for chunk in reader) == 2
