import pytest

from headwater.cli.schema import fields
from headwater.model.nested import flatten, value_at

SCHEMA = {
    "type": "object",
    "required": ["_id"],
    "properties": {
        "_id": {"type": "string", "meta:xdmType": "string"},
        "person": {
            "type": "object",
            "properties": {"age": {"type": "integer", "meta:xdmType": "short", "minimum": -32768, "maximum": 32767}},
        },
        "tags": {"type": "array", "items": {"type": "string", "meta:xdmType": "string", "enum": ["a", "b"]}},
        "scores": {"type": "object", "additionalProperties": {"type": "number", "meta:xdmType": "double"}},
        "seen": {"type": "string", "format": "date-time", "meta:xdmType": "date-time"},
    },
}


def test_the_fields_of_a_schema() -> None:
    assert list(fields(SCHEMA)) == [
        ("_id", "string", True, ""),
        ("person.age", "short", False, ""),
        ("tags[]", "string", False, "enum ['a', 'b']"),
        ("scores{}", "double", False, ""),
        ("seen", "date-time", False, ""),
    ]


def test_a_record_becomes_columns() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1]}}, "e": "x"}) == [("a.b", 1), ("a.c.d", [1]), ("e", "x")]


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/a/0/b", 1), ("/x~1y", 2), ("/x~0y", 3), ("/a/7", None), ("/x~1y/z", None), ("/none", None)],
)
def test_pointers(pointer: str, value: object) -> None:
    assert value_at({"a": [{"b": 1}], "x/y": 2, "x~y": 3}, pointer) == value
