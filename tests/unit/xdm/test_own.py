from typing import Any

import pytest

from headwater.errors import SchemaError
from headwater.model.documents import DataType, FieldGroup, XdmClass
from tests.unit.xdm import luma
from tests.unit.xdm.luma import PROFILE, TENANT, field_group, schema

TEXT = {"type": "string"}


def refusal(resource: FieldGroup | XdmClass | DataType) -> str:
    problems = luma.registry(resource).problems()
    assert len(problems) == 1
    return problems[0]


def test_root_properties_belong_below_the_tenant_object() -> None:
    group = FieldGroup(name="g", properties={"name": TEXT, TENANT: {"type": "object", "properties": {"a": TEXT}}})
    assert refusal(group) == (
        "field group 'g' has the root properties '_techmarketingdemos', 'name'. What an organisation adds itself "
        "stands below one object named '_' and its tenant id: put all of them into that object."
    )


@pytest.mark.parametrize("properties", [{"name": TEXT}, {"_a": TEXT, "_b": TEXT}])
def test_other_root_properties_are_refused_in_classes_too(properties: dict[str, Any]) -> None:
    assert "stands below one object" in refusal(XdmClass(name="c", behavior="record", properties=properties))


def test_a_class_may_add_nothing_but_a_field_group_may_not() -> None:
    assert luma.registry(XdmClass(name="c", behavior="record")).problems() == ()
    assert refusal(FieldGroup(name="g")) == "field group 'g' has no properties. Give it at least one."
    assert refusal(DataType(name="d")) == "data type 'd' has no properties. Give it at least one."


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"title": "A"}, "_techmarketingdemos.f has no type. Give it one of string, number, integer"),
        ({"type": "text"}, "type of _techmarketingdemos.f is 'text'; it must be one of string, number, integer"),
        ({"type": "object"}, "_techmarketingdemos.f is an object without fields. Give it properties, or"),
        ({"type": "array"}, "_techmarketingdemos.f is an array without items."),
        ({"type": "string", "items": TEXT}, "_techmarketingdemos.f is of type string but has what only arrays have."),
        ({"type": "string", "maxLenght": 3}, "has the keyword 'maxLenght', which own properties do not; did you mean"),
        ({"type": "string", "allOf": []}, "has the keyword 'allOf', which own properties do not; use $ref, "),
        ({"type": "string", "pattern": "["}, "pattern of _techmarketingdemos.f is '['; it must be a valid regular"),
        ({"type": "string", "enum": []}, "it must be a list with at least one value."),
        ({"type": "string", "enum": [True, "no"]}, "enum of _techmarketingdemos.f holds True, which is no string. In"),
        ({"type": "integer", "default": True}, "default of _techmarketingdemos.f holds True, which is no integer."),
        ({"type": "string", "maxLength": -1}, "maxLength of _techmarketingdemos.f is -1; it must be a whole number of"),
        ({"type": "number", "minimum": "0"}, "minimum of _techmarketingdemos.f is '0'; it must be a number."),
        ({"properties": {}}, "it must be a mapping with at least one property."),
        ("string", "_techmarketingdemos.f is 'string', not a schema such as {type: string}."),
        (
            {"properties": {"a": TEXT}, "required": ["b"]},
            "_techmarketingdemos.f requires 'b', which it does not have. Its properties are 'a'.",
        ),
        (
            {"properties": {"a": TEXT}, "additionalProperties": TEXT},
            "has properties and additionalProperties. An object has the one, a map the other.",
        ),
        (
            {"properties": {"xdm:a": TEXT}},
            "'xdm:a' is no name for a property. Use letters, digits, '_' and, not in front, '-'; in the",
        ),
        ({"type": "array", "items": {"type": "array"}}, "_techmarketingdemos.f[] is an array without items."),
        ({"additionalProperties": {"title": "x"}}, "_techmarketingdemos.f{} has no type."),
        ({"$ref": "sise"}, "field group 'g' refers to the data type 'sise', which does not exist."),
    ],
)
def test_fields_that_say_what_they_may_not(field: object, expected: str) -> None:
    assert expected in refusal(FieldGroup(name="g", properties={TENANT: {"properties": {"f": field}}}))


def test_fields_nested_without_end_are_refused() -> None:
    field: dict[str, Any] = TEXT
    for _ in range(40):
        field = {"properties": {"deeper": field}}
    assert refusal(field_group("g", {"f": field})).endswith(
        "_techmarketingdemos.f.deeper… is nested more than 32 levels deep."
    )


def test_a_required_root_property_must_exist() -> None:
    group = FieldGroup(
        name="g", properties={TENANT: {"type": "object", "properties": {"a": TEXT}}}, required=("_other",)
    )
    assert "(root) requires '_other', which it does not have." in refusal(group)
    assert "requires 'timestamp'" in refusal(XdmClass(name="c", behavior="record", required=("timestamp",)))


def test_what_field_groups_say_they_extend_must_exist() -> None:
    problem = refusal(field_group("g", {"a": TEXT}, extends=("hotel",)))
    assert "field group 'g' refers to the class or behaviour 'hotel', which does not exist." in problem


def test_an_own_field_cannot_take_the_place_of_a_standard_one() -> None:
    registry = luma.registry(
        FieldGroup(name="g", properties={"_id": {"type": "object", "properties": {"a": TEXT}}}),
        schema("s", PROFILE, "g"),
    )
    with pytest.raises(SchemaError, match="_id is string in behaviour 'Record' and object in field group 'g'"):
        registry.resolve("s")
