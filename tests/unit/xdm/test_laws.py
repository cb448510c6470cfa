"""Laws that hold for whatever is composed."""

import json
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from headwater.xdm import check_evolution, iter_fields
from headwater.xdm.validation import make_validator
from tests.unit.xdm import luma
from tests.unit.xdm.luma import COMMERCE, CONTACT, DEMOGRAPHIC, ENVIRONMENT, EXPERIENCE_EVENT, LOYALTY, PROFILE, WEB
from tests.unit.xdm.strategies import own_fields, own_objects, records

generous = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


def resolve(properties: dict[str, Any]) -> dict[str, Any]:
    group = luma.field_group("own", properties)
    return luma.registry(group, luma.schema("s", PROFILE, "own", DEMOGRAPHIC, LOYALTY)).resolve("s").json_schema


@generous
@given(st.data(), own_objects(own_fields()))
def test_whatever_composes_accepts_its_own_examples(data: st.DataObject, fields: dict[str, Any]) -> None:
    json_schema = resolve(fields["properties"])
    record = data.draw(records(json_schema))
    assert [error.message for error in make_validator(json_schema).iter_errors(record)] == []


@generous
@given(st.data())
def test_standard_events_accept_their_own_examples(data: st.DataObject) -> None:
    registry = luma.registry(luma.schema("s", EXPERIENCE_EVENT, COMMERCE, WEB, ENVIRONMENT, CONTACT))
    json_schema = registry.resolve("s").json_schema
    record = data.draw(records(json_schema))
    assert [error.message for error in make_validator(json_schema).iter_errors(record)] == []


@generous
@given(own_objects(own_fields()))
def test_every_field_has_a_type_and_nothing_is_referred_to(fields: dict[str, Any]) -> None:
    json_schema = resolve(fields["properties"])
    assert all(field.schema["meta:xdmType"] and field.schema["type"] for field in iter_fields(json_schema))
    assert "$ref" not in json.dumps(json_schema)


@generous
@given(own_objects(own_fields()), st.permutations([DEMOGRAPHIC, CONTACT, LOYALTY, "own"]))
def test_the_order_of_field_groups_changes_no_field(fields: dict[str, Any], groups: list[str]) -> None:
    own = luma.field_group("own", fields["properties"])
    first = luma.registry(own, luma.schema("s", PROFILE, DEMOGRAPHIC, CONTACT, LOYALTY, "own")).resolve("s")
    other = luma.registry(own, luma.schema("s", PROFILE, *groups)).resolve("s")
    assert check_evolution(first.json_schema, other.json_schema) == ()


@generous
@given(st.data(), own_objects(own_fields()), own_objects(own_fields()))
def test_a_schema_that_only_grew_accepts_old_records(
    data: st.DataObject, fields: dict[str, Any], more: dict[str, Any]
) -> None:
    old = resolve(fields["properties"])
    new = resolve({**more["properties"], **fields["properties"]})
    assume(not any(change.breaking for change in check_evolution(old, new)))
    assert make_validator(new).is_valid(data.draw(records(old)))


@generous
@given(own_objects(own_fields()), own_objects(own_fields()))
def test_a_removed_field_always_breaks(fields: dict[str, Any], more: dict[str, Any]) -> None:
    old = resolve({**more["properties"], **fields["properties"]})
    new = resolve(fields["properties"])
    removed = more["properties"].keys() - fields["properties"].keys()
    broken = {change.path.split(".")[1] for change in check_evolution(old, new) if change.breaking}
    assert broken == removed
