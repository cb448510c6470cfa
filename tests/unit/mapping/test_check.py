from typing import Any

import pytest

from headwater.mapping import check_mapping
from headwater.model.documents import MappingSet

TEXT = {"type": "string"}
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["_id", "timestamp"],
    "properties": {
        "_id": TEXT,
        "timestamp": TEXT,
        "person": {"type": "object", "required": ["key"], "properties": {"key": TEXT, "firstName": TEXT}},
        "emails": {"type": "array", "items": {"type": "object", "properties": {"address": TEXT}}},
        "labels": {"type": "object", "additionalProperties": TEXT},
    },
}


def check(*mappings: tuple[str, str] | tuple[str, str, str]) -> tuple[str, ...]:
    """Problems of mappings (source, destination[, type]), with the required fields mapped besides."""
    given = [("id", "_id"), ("ts", "timestamp"), *mappings]
    documents = [{"source": s, "destination": d, "source_type": (*kind, "ATTRIBUTE")[0]} for s, d, *kind in given]
    return check_mapping(
        MappingSet.from_json({"kind": "mapping_set", "name": "m", "schema": "s", "mappings": documents}), EVENT
    )


def test_nothing_is_wrong() -> None:
    assert (
        check(("k", "person.key"), ("mail", "emails[0].address"), ("x", "labels.en"), ("who", "person.firstName")) == ()
    )
    assert check(("all[*].a", "emails[*].address"), ("whole", "person")) == ()
    assert check(("shop", "labels.en", "STATIC")) == ()


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (
            ("x", "person.firstname"),
            "destination 'person.firstname' is not in the schema; did you mean 'person.firstName'?",
        ),
        (("x", "firstName"), "destination 'firstName' is not in the schema; did you mean 'person.firstName'?"),
        (("x", "zzz"), "destination 'zzz' is not in the schema"),
        (
            ("a + b", "labels.x", "EXPRESSION"),
            "'labels.x': EXPRESSION is not supported yet; use ATTRIBUTE (a column) or STATIC (a constant)",
        ),
        (("x", "labels", "STATIC"), "'labels' is a map; a STATIC constant needs a field of a single value"),
        (("x", "emails", "STATIC"), "'emails' is an array; a STATIC constant needs a field of a single value"),
        (
            ("x", "emails[*].address", "STATIC"),
            "'emails[*].address': [*] needs a source with [*]; a STATIC constant has none",
        ),
        (
            ("mail", "emails[*].address"),
            "'emails[*].address': [*] in a destination needs [*] in its source 'mail' too",
        ),
        (("x", "labels..en"), "'labels..en' is no path: at character 8 a name is expected"),
        (
            ("x", "person.firstName"),
            "the required field 'person.key' is not mapped; without it every record is rejected",
        ),
        (("x", "${_id}"), "'${_id}' and '_id' are the same destination; map it once"),
    ],
)
def test_what_is_wrong_is_said(mapping: tuple[str, str], problem: str) -> None:
    [found] = check(mapping)
    assert found.startswith(problem)


def test_required_fields_that_are_not_mapped_are_named() -> None:
    mapping_set = MappingSet.from_json(
        {"kind": "mapping_set", "name": "m", "schema": "s", "mappings": [{"source": "x", "destination": "labels.x"}]}
    )
    assert check_mapping(mapping_set, EVENT) == (
        "the required field '_id' is not mapped; without it every record is rejected",
        "the required field 'timestamp' is not mapped; without it every record is rejected",
    )


@pytest.mark.parametrize(
    ("field", "constant", "problem"),
    [
        (TEXT | {"enum": ["a", "b"]}, "c", "rule `enum` (['a', 'b']), so every record would be rejected"),
        (TEXT | {"pattern": "^[A-Z]{3}$"}, "eur", "rule `pattern` (^[A-Z]{3}$)"),
        (TEXT | {"maxLength": 2}, "abc", "rule `maxLength` (2)"),
        ({"type": "number", "minimum": 0}, "-1.5", "rule `minimum` (0)"),
        ({"type": "integer", "maximum": 10}, "11", "rule `maximum` (10)"),
        ({"type": "integer"}, "1.5", "rule `type` (integer)"),
        (TEXT | {"enum": ["a", "b"]}, "a", None),
        ({"type": "number", "minimum": 0}, "1.5", None),
        ({"type": "integer", "maximum": 10}, "10.0", None),
        (TEXT | {"format": "date-time"}, "2024-02-29", None),
        ({"type": "boolean"}, "yes", None),
    ],
)
def test_constants_are_held_to_the_rules_of_their_field(
    field: dict[str, Any], constant: str, problem: str | None
) -> None:
    mappings = [{"source": constant, "destination": "a", "source_type": "STATIC"}]
    mapping_set = MappingSet.from_json({"kind": "mapping_set", "name": "m", "schema": "s", "mappings": mappings})
    found = check_mapping(mapping_set, {"type": "object", "properties": {"a": field}})
    if problem is None:
        assert found == ()
    else:
        [message] = found
        assert message.startswith(f"'a': the constant {constant!r} breaks the field's {problem}")
