"""What a schema compiles to."""

import re
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest

from headwater.errors import DocumentError, SchemaError
from headwater.ingest import compile_plan
from tests.unit.ingest.reading import read
from tests.unit.ingest.schemas import EVENT

TEXT = {"type": "string"}


def column(field: dict[str, Any]) -> pa.DataType:
    return compile_plan({"type": "object", "properties": {"a": field}}).arrow_schema.field("a").type


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"type": "string"}, pa.string()),
        ({"type": "number"}, pa.float64()),
        ({"type": "integer"}, pa.int64()),
        ({"type": "integer", "meta:xdmType": "long"}, pa.int64()),
        ({"type": "integer", "meta:xdmType": "int"}, pa.int32()),
        ({"type": "integer", "meta:xdmType": "short"}, pa.int32()),
        ({"type": "integer", "minimum": 0, "maximum": 100}, pa.int32()),
        ({"type": "boolean"}, pa.bool_()),
        ({"type": "string", "format": "date"}, pa.date32()),
        ({"type": "string", "format": "date-time"}, pa.timestamp("us", "UTC")),
        ({"type": "string", "format": "email"}, pa.string()),
        ({"type": "array", "items": {"type": "integer"}}, pa.list_(pa.int64())),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, pa.map_(pa.string(), pa.bool_())),
        ({"type": "object", "properties": {"b": {"type": "number"}}}, pa.struct({"b": pa.float64()})),
        ({"type": "object"}, pa.string()),
        ({"type": "array"}, pa.string()),
        ({}, pa.string()),
        ({"type": ["integer", "null"]}, pa.int64()),
        ({"type": ["integer", "string"]}, pa.string()),
        ({"$ref": "#/definitions/x"}, pa.string()),
    ],
)
def test_columns(field: dict[str, Any], expected: pa.DataType) -> None:
    assert column(field) == expected


def test_every_column_may_be_null() -> None:
    assert all(field.nullable for field in compile_plan(EVENT).arrow_schema)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (TEXT, "a record's schema must be an object with at least one field in `properties`"),
        ({"type": "object"}, "a record's schema must be an object with at least one field"),
        ({"type": "object", "properties": {'a"b': TEXT}}, "field 'a\"b' below the record cannot be a column"),
        (
            {"type": "object", "properties": {"": TEXT}},
            "field '' below the record cannot be a column: its name is empty",
        ),
        (
            {"type": "object", "properties": {"a": TEXT | {"pattern": "("}}},
            "the pattern of /a is no regular expression: missing ), unterminated subpattern",
        ),
    ],
)
def test_schemas_that_cannot_be_read_with(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(message)):
        compile_plan(schema)


def test_timestamp_options_are_checked() -> None:
    plan = compile_plan({"type": "object", "properties": {"a": TEXT}})
    with pytest.raises(
        DocumentError, match=re.escape("format option `timestamps.unit`: Input should be 'seconds'")
    ) as caught:
        read(plan, b"{}", timestamps={"unit": "weeks"})
    assert caught.value.key == "format_options.timestamps.unit"


def test_a_recursive_schema_keeps_json_text_and_is_checked_by_the_oracle() -> None:
    schema = {
        "type": "object",
        "properties": {"tree": {"$ref": "#/definitions/node"}},
        "definitions": {
            "node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/definitions/node"}}}
        },
    }
    outcome = read(compile_plan(schema), b'{"tree":{"v":1,"next":{"v":2}}}\n{"tree":{"next":{"v":"x"}}}\n')
    assert outcome.rows[0]["tree"] == '{"v":1,"next":{"v":2}}'
    assert outcome.problems == [(2, "/tree/next/v", "type", "1501")]


def test_a_wide_schema_with_few_values() -> None:
    wide = {f"group{i}": {"type": "object", "properties": {f"field{j}": TEXT for j in range(30)}} for i in range(40)}
    plan = compile_plan({"type": "object", "properties": wide})
    outcome = read(plan, b'{"group7":{"field3":"x"}}\n' * 50)
    assert [row["group7"]["field3"] for row in outcome.rows] == ["x"] * 50
    assert outcome.rows[0]["group8"] is None


def test_importing_the_package_is_cheap() -> None:
    """Dag files import it while they are parsed."""
    code = (
        "import sys, headwater.ingest, headwater.formats, headwater.mapping;"
        "print(sorted({'pyarrow', 'msgspec', 'jsonschema', 'isal'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert done.stdout.strip() == "[]"
