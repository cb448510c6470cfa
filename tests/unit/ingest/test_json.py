"""JSON files through the engine: what is accepted, converted, refused, and how it is told."""

import gc
import gzip
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from headwater.errors import FileError
from headwater.ingest import Plan, compile_plan
from headwater.model.records import MAX_RAW_BYTES
from tests.unit.ingest.reading import read

TEXT = {"type": "string"}
LOYALTY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "_techmarketingdemos": {
            "type": "object",
            "properties": {
                "systemIdentifier": {"type": "object", "properties": {"loyaltyId": TEXT, "crmId": TEXT}},
            },
        },
        "loyalty": {
            "type": "object",
            "properties": {
                "points": {"type": "number"},
                "tier": TEXT,
                "joinDate": {"type": "string", "format": "date-time"},
            },
        },
        "person": {
            "type": "object",
            "properties": {
                "name": {"type": "object", "properties": {"firstName": TEXT, "lastName": TEXT}},
                "gender": TEXT | {"enum": ["male", "female", "not_specified", "non_specific"]},
            },
        },
        "homeAddress": {"type": "object", "properties": {"city": TEXT}},
    },
}


@pytest.fixture(scope="module")
def loyalty() -> Plan:
    return compile_plan(LOYALTY)


def plan_for(field: dict[str, Any], **root: Any) -> Plan:  # noqa: ANN401
    return compile_plan({"type": "object", "properties": {"a": field}, **root})


def one(field: dict[str, Any], value: str) -> Any:  # noqa: ANN401
    """What becomes of one JSON value in one field: the stored value, or the problem's rule and message."""
    outcome = read(plan_for(field), b'{"a":%b}\n' % value.encode())
    if outcome.rows:
        return outcome.rows[0]["a"]
    problem = outcome.problem()
    assert problem.pointer == "/a"
    return problem.rule, problem.message


class TestLuma:
    """The traps of the worked example (spec: luma-tutorial.md, section 4)."""

    def test_a_bare_date_in_a_date_time_is_midnight_utc(self, loyalty: Plan) -> None:
        outcome = read(loyalty, b'{"loyalty":{"points":596518,"tier":"gold","joinDate":"2000-05-15"}}')
        assert outcome.rows[0]["loyalty"] == {
            "points": 596518.0,
            "tier": "gold",
            "joinDate": datetime(2000, 5, 15, tzinfo=UTC),
        }
        assert outcome.report.rules == {"/loyalty/joinDate": {"date at midnight UTC": 1}}

    def test_fields_whose_times_are_written_in_several_ways_are_told(self, loyalty: Plan) -> None:
        written = [b'"2000-05-15"', b'"2000-05-15T10:00:00Z"', b"1531263959000", b'"2001-05-15"']
        content = b"".join(b'{"loyalty":{"joinDate":%b}}\n' % value for value in written)
        outcome = read(loyalty, content)
        assert outcome.report.notes == (
            "in/f: values of one field were read by several rules: "
            "/loyalty/joinDate as date at midnight UTC (2), epoch number (1), rfc3339 (1)",
        )

    def test_a_number_in_a_text_is_converted(self, loyalty: Plan) -> None:
        outcome = read(loyalty, b'{"_techmarketingdemos":{"systemIdentifier":{"loyaltyId":5625458}}}')
        assert outcome.rows[0]["_techmarketingdemos"]["systemIdentifier"]["loyaltyId"] == "5625458"
        assert outcome.report.rules == {"/_techmarketingdemos/systemIdentifier/loyaltyId": {"converted": 1}}

    def test_nulls_are_dropped_and_the_record_stays(self, loyalty: Plan) -> None:
        outcome = read(loyalty, b'{"person":{"name":{"firstName":null},"gender":null},"homeAddress":null}')
        assert outcome.rows[0]["person"] == {"name": {"firstName": None, "lastName": None}, "gender": None}
        assert outcome.rows[0]["homeAddress"] is None

    def test_an_array_of_one_object_per_line_needs_no_flag(self, loyalty: Plan) -> None:
        records = [{"person": {"name": {"firstName": f"N{i}"}}} for i in range(1000)]
        content = b"[" + b",\n".join(json.dumps(record).encode() for record in records) + b"]\n"
        outcome = read(loyalty, content, format="ndjson")
        assert [row["person"]["name"]["firstName"] for row in outcome.rows] == [f"N{i}" for i in range(1000)]
        assert [row["row_number"] for row in outcome.rows] == list(range(1, 1001))
        assert all(content[row["byte_offset"] :].startswith(b'{"person"') for row in outcome.rows)

    def test_text_is_kept_as_it_is(self, loyalty: Plan) -> None:
        names = ["O'Neil", "O’Neil", "Jean-Luc", "Zoë", "Abominable\ufffd Hoodie™", "山田", "a\u0000b"]
        content = "\n".join(json.dumps({"homeAddress": {"city": name}}, ensure_ascii=False) for name in names)
        assert [row["homeAddress"]["city"] for row in read(loyalty, content.encode()).rows] == names

    def test_one_broken_line_is_one_failed_record_with_all_there_is_to_say(self, loyalty: Plan) -> None:
        outcome = read(
            loyalty, b'{"person":{}}\n{"person":{"gender":"x"},"loyalty":{"points":"n/a"}\n\n{"person":{}}\r\n'
        )
        [error] = outcome.errors
        assert (error.file, error.row_number, error.line, error.byte_offset) == ("in/f", 2, 2, 14)
        assert error.raw == b'{"person":{"gender":"x"},"loyalty":{"points":"n/a"}'
        assert outcome.problem().code == "1401"
        assert outcome.problem().message.startswith("the record ends too early: brackets or quotes are not closed")
        assert [row["row_number"] for row in outcome.rows] == [1, 3]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (TEXT, "5625458", "5625458"),
        (TEXT, "1.0", "1.0"),
        (TEXT, "1e3", "1000.0"),
        (TEXT, "123456789012345678901234567890", "123456789012345678901234567890"),
        (TEXT, '" x "', " x "),
        (TEXT, '""', None),
        (TEXT, "null", None),
        ({"type": "number"}, '"252.19"', 252.19),
        ({"type": "number"}, '"1e3"', 1000.0),
        ({"type": "number"}, "9007199254740993", 9007199254740992.0),
        ({"type": "integer"}, '"12"', 12),
        ({"type": "integer"}, '"12.0"', 12),
        ({"type": "integer"}, "12.0", 12),
        ({"type": "integer"}, "1e3", 1000),
        ({"type": "integer"}, "9223372036854775807", 9223372036854775807),
        ({"type": "integer", "meta:xdmType": "byte"}, "-128", -128),
        ({"type": "boolean"}, "false", False),
        ({"type": "string", "format": "date"}, '"2024-02-29"', date(2024, 2, 29)),
        ({"type": "string", "format": "date"}, "1531263959000", date(2018, 7, 10)),
        ({"type": "string", "format": "date-time"}, "1531263959000", datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)),
        ({"type": "string", "format": "date-time"}, '"1531263959000"', datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)),
        ({"type": "string", "format": "email"}, '"not an address"', "not an address"),
        ({"type": "array", "items": TEXT}, '["a",1,""]', ["a", "1", ""]),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            '{"x":"1","y":null,"":3}',
            [("x", 1), ("", 3)],
        ),
        ({}, '{"b": [1, null]}', '{"b":[1,null]}'),
        ({"type": "object"}, '{"b":1}', '{"b":1}'),
        ({"type": ["string", "null"]}, "null", None),
    ],
)
def test_what_converts(field: dict[str, Any], value: str, expected: object) -> None:
    found = one(field, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "value", "rule", "message"),
    [
        (TEXT, "true", "type", "expected text, found a boolean"),
        (TEXT, "{}", "type", "expected text, found an object"),
        (TEXT, "1e400", "conversion", "the number is out of range"),
        ({"type": "number"}, '"n/a"', "conversion", "expected a number, found text that is not one"),
        ({"type": "number"}, '" 12"', "conversion", "expected a number, found text that is not one"),
        ({"type": "number"}, '"NaN"', "conversion", "expected a number, found text that is not one"),
        ({"type": "number"}, "true", "type", "expected a number, found a boolean"),
        ({"type": "number"}, "1e400", "conversion", "the number is out of range"),
        ({"type": "number"}, "9" * 5000, "conversion", "the number is out of range"),
        ({"type": "integer"}, "1.5", "conversion", "expected a whole number, found one with a fraction"),
        ({"type": "integer"}, '"1.5"', "conversion", "expected a whole number, found one with a fraction"),
        ({"type": "integer"}, "9223372036854775808", "conversion", "the number is outside the range of the type"),
        (
            {"type": "integer", "meta:xdmType": "byte"},
            "128",
            "conversion",
            "outside the range of the type, -128 to 127",
        ),
        ({"type": "integer", "meta:xdmType": "short"}, '"32768"', "conversion", "the type, -32,768 to 32,767"),
        (
            {"type": "integer", "meta:xdmType": "int", "minimum": -2147483648, "maximum": 2147483648},
            "2147483648",
            "conversion",
            "outside the range of the type",
        ),
        ({"type": "boolean"}, '"yes"', "type", "expected true or false, found text"),
        ({"type": "boolean"}, "1", "type", "expected true or false, found a whole number"),
        ({"type": "string", "format": "date-time"}, "1531263959", "conversion", "looks like seconds"),
        (
            {"type": "string", "format": "date-time"},
            "1.5",
            "type",
            "expected a timestamp, found a number with a fraction",
        ),
        (
            {"type": "string", "format": "date-time"},
            '"2018-07-10 10:00:00"',
            "conversion",
            "the timestamp is refused: no zone",
        ),
        (
            {"type": "string", "format": "date"},
            '"2018-02-30"',
            "conversion",
            "the date is refused: day 30 does not exist",
        ),
        ({"type": "array", "items": TEXT}, '"a"', "type", "expected an array, found text"),
        ({"type": "object", "properties": {"b": TEXT}}, "[]", "type", "expected an object, found an array"),
        ({"type": "object", "additionalProperties": TEXT}, "5", "type", "expected a map, found a whole number"),
        (TEXT | {"enum": ["x", "y"]}, '"z"', "enum", "the value is none of those allowed: x, y"),
        (TEXT | {"const": "x"}, '"z"', "const", "the value is not x, the only one allowed"),
        (TEXT | {"pattern": "^[A-Z]{3}$"}, '"usd"', "pattern", "the text does not match the pattern ^[A-Z]{3}$"),
        (TEXT | {"minLength": 2}, '"é"', "minLength", "the text is shorter than 2 characters"),
        (TEXT | {"maxLength": 2}, "123", "maxLength", "the text is longer than 2 characters"),
        ({"type": "number", "minimum": 0}, '"-0.5"', "minimum", "the number is less than 0"),
        ({"type": "integer", "maximum": 7}, "8", "maximum", "the number is greater than 7"),
        ({"type": "number", "exclusiveMinimum": 0}, "0", "exclusiveMinimum", "the number is not greater than 0"),
        ({"type": "integer", "multipleOf": 2}, "3", "multipleOf", "the number is no multiple of 2"),
        ({"type": "array", "items": TEXT, "minItems": 2}, '["x"]', "minItems", "the array has fewer than 2 elements"),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, '["x","x"]', "uniqueItems", "an element twice"),
        (
            {"type": "object", "properties": {"b": TEXT}, "additionalProperties": False},
            '{"c":1}',
            "additionalProperties",
            "fields that the schema does not allow: c",
        ),
        ({"type": "object"}, '"x"', "type", "expected object, found text"),
    ],
)
def test_what_does_not(field: dict[str, Any], value: str, rule: str, message: str) -> None:
    found = one(field, value)
    assert found[0] == rule
    assert message in found[1]


@pytest.mark.parametrize("nothing", [b"null", b'""'])
@pytest.mark.parametrize(
    ("rules", "broken"),
    [
        ({"additionalProperties": False}, None),
        ({"maxProperties": 1}, None),
        ({"required": ["z"]}, "required"),
        ({"anyOf": [{"required": ["z"]}]}, "anyOf"),
        ({"minProperties": 2}, "minProperties"),
    ],
    ids=["closed", "at most", "required", "one of several", "at least"],
)
def test_an_unknown_field_without_a_value_is_not_there(
    rules: dict[str, Any], broken: str | None, nothing: bytes
) -> None:
    outcome = read(plan_for({"type": "object", "properties": {"b": TEXT}} | rules), b'{"a":{"b":"1","z":%b}}' % nothing)
    assert [row["a"] for row in outcome.rows] == ([] if broken else [{"b": "1"}])
    assert [rule for _, _, rule, _ in outcome.problems] == ([broken] if broken else [])


def test_all_problems_of_a_record_are_told_with_their_pointers() -> None:
    plan = plan_for(
        {
            "type": "array",
            "items": {"type": "object", "required": ["SKU"], "properties": {"SKU": TEXT, "n/m": {"type": "integer"}}},
        },
        required=["a", "_id"],
    )
    outcome = read(plan, b'{"a":[{"SKU":"x"},{"n/m":"q"},null,{"SKU":""}]}\n{}\n')
    assert outcome.problems == [
        (1, "/a/1/n~1m", "conversion", "1501"),
        (1, "/a/2", "type", "1501"),
        (1, "/a/1/SKU", "required", "1555"),
        (1, "/a/3/SKU", "required", "1555"),
        (1, "/_id", "required", "1555"),
        (2, "/a", "required", "1555"),
        (2, "/_id", "required", "1555"),
    ]


def test_a_message_never_repeats_the_value() -> None:
    plan = plan_for(TEXT | {"enum": ["x"], "pattern": "^x", "maxLength": 3})
    [error] = read(plan, b'{"a":"daniel@example.com"}').errors
    assert len(error.problems) == 3
    assert not any("daniel" in problem.message for problem in error.problems)


def test_a_record_with_very_many_problems_tells_the_first_hundred() -> None:
    plan = plan_for({"type": "array", "items": {"type": "integer"}})
    [error] = read(plan, b'{"a":[%b]}' % b",".join([b'"x"'] * 5000)).errors
    assert len(error.problems) == 100


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a":"\xff"}', "byte 6 of the record is not UTF-8"),
        (b'{"z":"\xed\xa0\x80"}', "byte 6 of the record is not UTF-8"),
        (b'{"a":"\\ud800"}', "half of a surrogate pair"),
        (b'{"a":"x"}{"a":"y"}', "something follows the record, perhaps a second one on the same line"),
        (b'{"a":"x"} {"a":"y"}', "something follows the record, perhaps a second one on the same line"),
        (b'{"a":"x"},', "something follows the record"),
        (b'{"a":NaN}', "JSON is malformed: invalid character"),
        (b'{"z":Infinity}', "JSON is malformed: invalid character"),
        (b'{"a":01}', "JSON is malformed: invalid number"),
        (b'{"a":"x\x00"}', "JSON is malformed: invalid character"),
        (b"\x00\x00\x00", "JSON is malformed: invalid character"),
        (b'{"a":"x",}', "JSON is malformed"),
        (b"{'a':1}", "JSON is malformed"),
        (b'{"z":' + b"[" * 5000 + b"]" * 5000 + b"}", "the record is nested too deeply"),
        (b"null", "expected a JSON object, found null"),
        (b'"text"', "expected a JSON object, found text"),
        (b"# comment", "JSON is malformed"),
    ],
)
def test_lines_that_cannot_be_read(line: bytes, message: str) -> None:
    outcome = read(plan_for(TEXT), b'{"a":"1"}\n' + line + b'\n{"a":"2"}\n')
    assert [row["a"] for row in outcome.rows] == ["1", "2"]
    assert outcome.errors[0].raw == line
    assert outcome.problem().code == "1401"
    assert outcome.problem().rule == "json"
    assert message in outcome.problem().message


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a":"x","a":"y"}', "y"),
        (b'{"\\u0061":"x"}', "x"),
        (b'{"z":1e400,"a":"x"}', "x"),
        (b'{"z":' + b"9" * 5000 + b',"a":5}', "5"),
        (b'{"z":' + b"[" * 200 + b"]" * 200 + b',"a":"x"}', "x"),
        (b'\t{"a":"x"}  \r', "x"),
        (b'{"a":"' + b"x" * 1_000_000 + b'"}', "x" * 1_000_000),
    ],
)
def test_odd_lines_that_are_accepted(line: bytes, value: str) -> None:
    assert [row["a"] for row in read(plan_for(TEXT), line + b"\n").rows] == [value]


def test_a_line_that_is_too_long_is_rejected_and_only_its_beginning_kept() -> None:
    content = b'{"a":"1"}\n{"a":"' + b"x" * 3_000_000 + b'"}\n{"a":"2"}\n'
    outcome = read(plan_for(TEXT), content, max_record_bytes=1_000_000)
    assert [row["byte_offset"] for row in outcome.rows] == [0, len(content) - 10]
    assert outcome.problem().message == "the record is longer than 1,000,000 bytes (`max_record_bytes`)"
    assert len(outcome.errors[0].raw) == MAX_RAW_BYTES


def test_a_trailing_comma_in_an_array_is_a_failed_record() -> None:
    outcome = read(plan_for(TEXT), b'[{"a":"1"},\n]')
    assert [row["a"] for row in outcome.rows] == ["1"]
    assert outcome.problem().message == "a comma without a record"


def test_an_array_that_is_not_closed_fails_the_file() -> None:
    with pytest.raises(FileError, match="in/f: the JSON array that opens at byte 0 is never closed") as caught:
        read(plan_for(TEXT), b'[{"a":"1"},\n{"a":')
    assert caught.value.code == "200"


def test_gzip_is_taken_off_and_offsets_are_those_of_the_text() -> None:
    outcome = read(plan_for(TEXT), gzip.compress(b'{"a":"1"}\n{"a":true}\n{"a":"2"}\n', mtime=0))
    assert [row["byte_offset"] for row in outcome.rows] == [0, 21]
    assert outcome.errors[0].byte_offset == 10
    assert outcome.report.compression == "gzip"


def test_a_row_limit_stops_early() -> None:
    outcome = read(plan_for(TEXT), b'{"a":true}\n' + b'{"a":"x"}\n' * 10, row_limit=3)
    assert (len(outcome.rows), len(outcome.errors)) == (2, 1)


def test_unknown_fields_are_not_stored_but_told() -> None:
    plan = compile_plan(LOYALTY)
    record = b'{"loyalty":{"tier":"x","level":1},"surplus":{"deep":1},"person":{"name":{"nick":null}}}\n'
    outcome = read(plan, record * 3)
    assert outcome.report.unknown_fields == {"/surplus": 3, "/loyalty/level": 3}
    assert outcome.report.notes == (
        "in/f: fields that are not in the schema were not stored: /surplus (3), /loyalty/level (3)",
    )


@pytest.mark.parametrize(
    ("record", "found"),
    [
        pytest.param(b'{"person":{"name":"text"},"loyalty":5,"surplus":1}', {"/surplus": 1}, id="beside-wrong-types"),
        pytest.param(b'{"loyalty":{"x":1},"loyalty":{"tier":"a"}}', {}, id="in-a-value-that-is-given-again"),
        pytest.param(b'{"surplus":null,"loyalty":null}', {}, id="without-a-value"),
        pytest.param(b'{"surplus":1', {}, id="in-what-is-no-record"),
    ],
)
def test_unknown_fields_are_counted_where_they_are_stored_otherwise(record: bytes, found: dict[str, int]) -> None:
    assert read(compile_plan(LOYALTY), record + b"\n").report.unknown_fields == found


@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_the_collector_of_garbage_is_left_as_it_was(*, is_on: bool) -> None:
    was_on = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        read(plan_for(TEXT), b'{"a":"1"}\n{"a":[]}\n')
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if was_on else gc.disable)()


def test_unknown_fields_of_a_long_file_are_told_from_a_sample() -> None:
    outcome = read(plan_for(TEXT), b'{"a":"1","b":"' + b"x" * 90 + b'"}\n')
    assert outcome.report.sampled == 1
    outcome = read(plan_for(TEXT), (b'{"a":"1","b":"' + b"x" * 90 + b'"}\n') * 10_000)
    assert 1000 + 9000 // 64 <= outcome.report.sampled <= 1200
    assert outcome.report.unknown_fields == {"/b": outcome.report.sampled}
    assert f"(looked for in {outcome.report.sampled} of 10000 records)" in outcome.report.notes[0]


def test_counts_add_up_over_many_blocks_with_bad_rows_in_each() -> None:
    lines = [b'{"a":"%d"}' % i if i % 7 else b'{"a":[]}' for i in range(60_000)]
    outcome = read(plan_for(TEXT), b"\n".join(lines))
    good = [i for i in range(60_000) if i % 7]
    assert [row["row_number"] for row in outcome.rows] == [i + 1 for i in good]
    assert [row["a"] for row in outcome.rows] == [str(i) for i in good]
    assert [error.row_number for error in outcome.errors] == list(range(1, 60_001, 7))


@pytest.mark.parametrize("depth", [100, 300, 900, 3000, 100_000])
def test_deep_values_never_crash_wherever_they_stand(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    tree = {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}, "v": {"type": "integer"}}}
    schema = {
        "type": "object",
        "properties": {"any": {}, "tree": {"$ref": "#/definitions/node"}, "a": TEXT},
        "definitions": {"node": tree},
    }
    nested = b'{"next":' * depth + b'{"v":1}' + b"}" * depth
    lines = [b'{"any":%b,"a":true}', b'{"any":%b,"a":"x"}', b'{"surplus":%b,"a":true}']
    content = b"".join(line % deep + b"\n" for line in lines) + b'{"tree":%b}\n' % nested
    outcome = read(compile_plan(schema), content)
    assert outcome.report.read == 4
    if depth <= 100:
        assert [row["row_number"] for row in outcome.rows] == [2, 4]
    assert {problem.message for error in outcome.errors for problem in error.problems} <= {
        "the record is nested too deeply",
        "the value is nested too deeply",
        "expected text, found a boolean",
    }
