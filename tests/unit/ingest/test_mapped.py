"""JSON through a mapping set."""

from typing import Any

from headwater.ingest import compile_plan
from headwater.model.documents import MappingSet
from tests.unit.ingest.reading import Outcome, read

TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_id"],
    "properties": {
        "_id": TEXT,
        "person": {
            "type": "object",
            "properties": {"first": TEXT, "points": {"type": "integer"}, "vip": {"type": "boolean"}},
        },
        "emails": {
            "type": "array",
            "items": {"type": "object", "properties": {"address": TEXT, "primary": {"type": "boolean"}}},
        },
    },
}


def apply(content: bytes, mappings: dict[str, str]) -> Outcome:
    documents = [{"source": source, "destination": destination} for destination, source in mappings.items()]
    mapping = MappingSet.from_json({"kind": "mapping_set", "name": "m", "schema": "s", "mappings": documents})
    return read(compile_plan(SCHEMA, mapping=mapping), content)


def test_fields_go_where_the_mapping_says() -> None:
    outcome = apply(
        b'{"key":7,"who":{"first":"Ann","points":"12","extra":1},"mails":[{"a":"x@y","p":"yes"},{"a":"z@y"}]}\n',
        {"_id": "key", "person": "who", "emails[*].address": "mails[*].a", "emails[*].primary": "mails[*].p"},
    )
    assert outcome.rows == [
        {
            "_id": "7",
            "person": {"first": "Ann", "points": 12, "vip": None},
            "emails": [{"address": "x@y", "primary": True}, {"address": "z@y", "primary": None}],
            "row_number": 1,
            "byte_offset": 0,
        }
    ]
    assert outcome.report.notes == ()


def test_what_does_not_convert_is_left_out_and_counted() -> None:
    outcome = apply(
        b'{"k":"a","p":"many","m":[{"p":"maybe"}]}\n{"k":"b","p":{},"m":[]}\n',
        {"_id": "k", "person.points": "p", "emails[*].primary": "m[*].p"},
    )
    assert [row["person"] for row in outcome.rows] == [None, None]
    assert outcome.report.left_out == {"/person/points": 2, "/emails/*/primary": 1}


def test_a_rejected_record_keeps_its_own_bytes_and_all_reasons() -> None:
    content = b'{"k":{},"p":"many"}\n{"k":}\n'
    outcome = apply(content, {"_id": "k", "person.points": "p"})
    assert outcome.problems == [
        (1, "/_id", "required", "1555"),
        (1, "/_id", "mapping", "3700"),
        (1, "/person/points", "mapping", "3700"),
        (2, "", "json", "1401"),
    ]
    assert [(error.raw, error.byte_offset, error.line) for error in outcome.errors] == [
        (b'{"k":{},"p":"many"}', 0, 1),
        (b'{"k":}', 20, 2),
    ]


def test_a_deep_value_is_a_bad_record() -> None:
    content = b'{"k":"a","p":' + b'{"x":' * 800 + b"1" + b"}" * 800 + b'}\n{"k":"b"}\n'
    outcome = apply(content, {"_id": "k", "person": "p"})
    assert [row["_id"] for row in outcome.rows][-1] == "b"
    assert outcome.report.read == 2


def test_counts_of_what_was_left_out_name_fields_not_keys() -> None:
    schema = {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {"type": "integer"}}}}
    mapping = MappingSet.from_json(
        {"kind": "mapping_set", "name": "m", "schema": "s", "mappings": [{"source": "m", "destination": "m"}]}
    )
    outcome = read(compile_plan(schema, mapping=mapping), b'{"m":{"ann@example.com":"x","bob@example.com":"1"}}\n')
    assert outcome.rows[0]["m"] == [("bob@example.com", 1)]
    assert outcome.report.left_out == {"/m/*": 1}
