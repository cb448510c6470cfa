"""The oracle in parts against `jsonschema` on the whole: the same errors, on records that nothing has converted."""

import json
import random
from itertools import islice
from typing import Any

import pytest

from headwater.ingest.judge import explain
from headwater.ingest.oracle import Fault, Oracle
from headwater.ingest.quick import quick_test
from headwater.model.records import Problem
from headwater.xdm.validation import make_validator
from tests.unit.ingest.schemas import EVENT, ODD_VALUES, make_event, mutate

SCHEMAS: list[dict[str, Any]] = [
    {"properties": {"a": {"type": ["string", "integer"], "minLength": 2, "minimum": 5}}},
    {"properties": {"a": {"type": "string", "enum": ["x", "1"]}, "b": {"type": "integer", "enum": [0, 1]}}},
    {"properties": {"a": {"enum": [1, True, None, {"a": 1}]}, "b": {"const": False}}},
    {"properties": {"a": {"minLength": 2}, "b": {"required": ["a"]}}, "required": ["a", "b"], "type": "object"},
    {"properties": {"a": False, "b": True}},
    {
        "properties": {"a": {"type": "string", "format": "email"}, "b": {"format": "date"}},
        "additionalProperties": False,
    },
    {"properties": {"a": {"type": "array", "items": [{"type": "string"}], "additionalItems": {"type": "integer"}}}},
    {"properties": {"a": {"type": "array", "items": False}, "b": {"items": {"type": "number"}, "maxItems": 1}}},
    {"definitions": {"t": {"maximum": 3}}, "properties": {"a": {"$ref": "#/definitions/t"}}},
    {"patternProperties": {"^a": {"type": "string"}}, "properties": {"a": {"minLength": 2}}},
    {"additionalProperties": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 1}}},
    {"properties": {"a": {"type": "object", "properties": {"a": {"type": "null"}}, "minProperties": 1}}},
    {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"not": {"type": "string"}}}},
]


def as_problems(faults: list[Fault]) -> list[Problem]:
    return [problem for fault in faults for problem in explain(fault)]


def without_maps(event: dict[str, Any]) -> dict[str, Any]:
    """The event without its two maps: `jsonschema` reports on their values in no certain order."""
    tenant = event.get("_tenant")
    if isinstance(tenant, dict):
        tenant.pop("counts", None)
    return {name: value for name, value in event.items() if name != "identityMap"}


def ask_jsonschema(schema: dict[str, Any], record: dict[str, Any]) -> list[Problem]:
    return as_problems([Fault(pointer="", error=error) for error in make_validator(schema).iter_errors(record)])


@pytest.mark.parametrize("seed", range(4))
def test_an_event_has_the_errors_that_jsonschema_finds_in_its_order(seed: int) -> None:
    rng = random.Random(2000 + seed)
    oracle = Oracle(EVENT)
    for number in range(100):
        event = make_event(number, rng)
        for _ in range(3):
            event = mutate(event, rng)
        event = without_maps(event)
        assert as_problems(oracle.find_faults(event, 1000)) == ask_jsonschema(EVENT, event), event


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_a_schema_has_the_errors_that_jsonschema_finds(schema: dict[str, Any]) -> None:
    rng = random.Random(7)
    oracle = Oracle(schema)
    found = 0
    for _ in range(400):
        record = {name: rng.choice(ODD_VALUES) for name in ("a", "b", "ab") if rng.random() < 0.7}
        problems = ask_jsonschema(schema, record)
        assert sorted(map(repr, as_problems(oracle.find_faults(record, 1000)))) == sorted(map(repr, problems)), record
        found += bool(problems)
    assert found > 20, "the schema refuses next to nothing: nothing is shown"


def test_no_more_faults_are_looked_for_than_asked() -> None:
    schema = {"properties": {"a": {"type": "array", "items": {"type": "integer"}}, "b": {"type": "string"}}}
    record = {"a": ["x"] * 1_000_000, "b": 1}
    faults = Oracle(schema).find_faults(record, 5)
    assert as_problems(faults) == list(islice(ask_jsonschema(schema, {"a": ["x"] * 9, "b": 1}), 5))


def test_fields_are_judged_without_the_record() -> None:
    oracle = Oracle(EVENT)
    record = {"commerce": {"order": {"currencyCode": "eur"}}}
    [problem] = as_problems(oracle.find_faults(record, 9, part={"commerce"}))
    assert problem.pointer == "/commerce/order/currencyCode"
    assert len(oracle.find_faults(record, 9)) == 3, "_id and timestamp are missing too"


def test_a_field_that_must_be_there_is_missed_only_if_it_is_looked_for() -> None:
    found = as_problems(Oracle(EVENT).find_faults({}, 9, part={"timestamp", "commerce"}))
    assert [(problem.pointer, problem.rule) for problem in found] == [("/timestamp", "required")]


def test_what_is_in_the_wrong_already_is_not_asked_for_its_own_rules() -> None:
    record = {"_id": 5, "timestamp": "2020-08-11T10:00:00Z", "commerce": {"order": {"priceTotal": "n/a"}}}
    oracle = Oracle(EVENT)
    assert [problem.pointer for problem in as_problems(oracle.find_faults(record, 9))] == [
        "/_id",
        "/commerce/order/priceTotal",
    ]
    [problem] = as_problems(oracle.find_faults(record, 9, blamed={"/commerce/order/priceTotal"}))
    assert problem.pointer == "/_id"


def test_what_is_in_the_wrong_already_is_asked_for_the_rules_that_bear_on_what_is_below_it() -> None:
    schema = {"properties": {"a": {"type": "array", "required": ["b"]}}}
    found = as_problems(Oracle(schema).find_faults({"a": {}}, 9, blamed={"/a"}))
    assert found == list(ask_jsonschema(schema, {"a": {}}))


@pytest.mark.parametrize("schema", [SCHEMAS[5], SCHEMAS[8], SCHEMAS[9]])
def test_a_schema_whose_rules_bear_on_each_other_is_not_taken_apart(schema: dict[str, Any]) -> None:
    assert not Oracle(schema).is_divisible


def test_a_quick_test_is_sure_or_says_no() -> None:
    assert quick_test({"type": "integer", "minimum": 1})(1)
    assert not quick_test({"type": "integer"})(True)
    assert not quick_test({"type": "integer"})(1.0), "valid, which only the oracle knows"
    assert not quick_test({"contains": {}, "type": "array"})([1]), "not understood here"
    assert quick_test({"format": "uri"})(5)
