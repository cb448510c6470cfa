import os
import subprocess
import sys
from typing import Any

import pytest

from headwater.errors import SchemaError
from headwater.model.documents import DataType, FieldGroup, XdmClass
from headwater.xdm import SchemaRegistry, find_field, iter_fields
from headwater.xdm.validation import make_validator
from tests.unit.xdm import luma
from tests.unit.xdm.luma import CONTACT, DEMOGRAPHIC, EXPERIENCE_EVENT, LOYALTY, PROFILE, TENANT, field_group, schema

TEXT = {"type": "string"}


def message(registry: SchemaRegistry, name: str) -> str:
    with pytest.raises(SchemaError) as caught:
        registry.resolve(name)
    return str(caught.value)


def test_the_resolved_form_has_no_references_left() -> None:
    resolved = luma.registry(*luma.luma_resources()).resolve("luma_purchases").json_schema
    stack: list[Any] = [resolved]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            assert not part.keys() & {"$ref", "allOf", "definitions"}
        if isinstance(part, dict | list):
            stack.extend(part.values() if isinstance(part, dict) else part)


def test_the_root_tells_what_the_schema_is() -> None:
    registry = luma.registry(
        schema("members", PROFILE, DEMOGRAPHIC, title="Members", description="People", enabled_for_profile=False)
    )
    root = registry.resolve("members").json_schema
    assert {key: root[key] for key in root if key not in ("properties", "meta:extends")} == {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "$id": "https://ns.adobe.com/techmarketingdemos/schemas/members",
        "title": "Members",
        "description": "People",
        "type": "object",
        "meta:xdmType": "object",
        "meta:altId": "_techmarketingdemos.schemas.members",
        "meta:class": PROFILE,
    }
    assert root["meta:extends"] == [
        PROFILE,
        DEMOGRAPHIC,
        "https://ns.adobe.com/xdm/data/record",
        "https://ns.adobe.com/xdm/common/auditable",
    ]


def test_a_schema_is_found_by_name_id_and_alt_id_and_resolved_once() -> None:
    registry = luma.registry(schema("members", "_xdm.context.profile"))
    resolved = registry.resolve("members")
    assert registry.resolve("https://ns.adobe.com/techmarketingdemos/schemas/members") is resolved
    assert registry.resolve("_techmarketingdemos.schemas.members") is resolved


def test_groups_that_extend_the_same_tenant_object_are_merged() -> None:
    registry = luma.registry(
        field_group("one", {"ids": {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, "x": TEXT}),
        field_group("two", {"ids": {"type": "object", "properties": {"b": TEXT}, "required": ["b"]}}),
        schema("both", PROFILE, "one", "two"),
    )
    tenant = registry.resolve("both").json_schema["properties"][TENANT]
    assert list(tenant["properties"]) == ["ids", "x"]
    assert tenant["properties"]["ids"]["required"] == ["a", "b"]
    assert list(tenant["properties"]["ids"]["properties"]) == ["a", "b"]


def test_conflicting_types_name_both_origins() -> None:
    registry = luma.registry(
        field_group("one", {"size": TEXT}),
        field_group("two", {"size": {"type": "number"}}),
        schema("both", PROFILE, "one", "two"),
    )
    assert message(registry, "both") == (
        "_techmarketingdemos.size is string in field group 'one' and number in field group 'two'. "
        "One field has one type: rename one of the two, or use only one of these resources."
    )


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ({"type": "string"}, {"type": "string", "format": "date"}, "is string in field group 'one' and date in"),
        ({"type": "array", "items": TEXT}, TEXT, "is array in field group 'one' and string in field group 'two'"),
        (
            {"type": "object", "properties": {"a": TEXT}},
            {"type": "object", "additionalProperties": TEXT},
            "is object in field group 'one' and map in field group 'two'",
        ),
        (
            {"type": "array", "items": TEXT},
            {"type": "array", "items": {"type": "boolean"}},
            "_techmarketingdemos.f[] is string in field group 'one' and boolean in field group 'two'",
        ),
        (
            {"type": "integer", "minimum": 5},
            {"type": "integer", "maximum": 3},
            "has minimum 5 and maximum 3 in field group 'one' and field group 'two' together; no value fits both",
        ),
        (
            {"type": "string", "enum": ["a", "b"]},
            {"type": "string", "const": "c"},
            "has const 'c' and enum ['a', 'b'] in field group 'one' and field group 'two' together; no value fits both",
        ),
        (
            {"type": "string", "enum": ["a", "b"]},
            {"type": "string", "enum": ["c"]},
            "has enum ['a', 'b'] in field group 'one' and ['c'] in field group 'two'; no value fits both",
        ),
        (
            {"type": "string", "pattern": "^a"},
            {"type": "string", "pattern": "^b"},
            "has pattern '^a' in field group 'one' and '^b' in field group 'two'",
        ),
    ],
)
def test_declarations_that_exclude_each_other(one: dict[str, Any], two: dict[str, Any], expected: str) -> None:
    registry = luma.registry(
        field_group("one", {"f": one}), field_group("two", {"f": two}), schema("both", PROFILE, "one", "two")
    )
    assert expected in message(registry, "both")


def test_constraints_of_two_declarations_all_hold() -> None:
    registry = luma.registry(
        field_group(
            "one", {"n": {"type": "integer", "minimum": 0, "maximum": 9}, "s": {"type": "string", "enum": ["a", "b"]}}
        ),
        field_group(
            "two", {"n": {"type": "integer", "minimum": 5, "maximum": 99}, "s": {"type": "string", "enum": ["b"]}}
        ),
        schema("both", PROFILE, "one", "two"),
    )
    fields = registry.resolve("both").json_schema["properties"][TENANT]["properties"]
    assert (fields["n"]["minimum"], fields["n"]["maximum"], fields["n"]["meta:xdmType"]) == (5, 9, "byte")
    assert fields["s"]["enum"] == ["b"]


def test_a_data_type_is_referred_to_by_name_or_id() -> None:
    registry = luma.registry(
        DataType(name="size", properties={"width": {"type": "number"}}, required=("width",)),
        field_group(
            "boxes",
            {
                "inner": {"$ref": "size", "title": "Inside"},
                "outer": {"$ref": "https://ns.adobe.com/techmarketingdemos/datatypes/size"},
                "seen": {"type": "array", "items": {"$ref": "size"}},
                "by": {"$ref": "https://ns.adobe.com/xdm/context/person-name"},
            },
        ),
        schema("s", PROFILE, "boxes"),
    )
    fields = registry.resolve("s").json_schema["properties"][TENANT]["properties"]
    assert fields["inner"] == {
        "title": "Inside",
        "type": "object",
        "meta:xdmType": "object",
        "properties": {"width": {"type": "number", "meta:xdmType": "number"}},
        "required": ["width"],
    }
    assert fields["outer"]["properties"] == fields["inner"]["properties"] == fields["seen"]["items"]["properties"]
    assert "lastName" in fields["by"]["properties"]


def test_a_stated_integer_type_brings_its_range() -> None:
    registry = luma.registry(
        field_group("g", {"n": {"type": "integer", "meta:xdmType": "short"}, "m": {"type": "integer"}}),
        schema("s", PROFILE, "g"),
    )
    resolved = registry.resolve("s").json_schema
    fields = resolved["properties"][TENANT]["properties"]
    assert fields["n"] == {"minimum": -32768, "maximum": 32767, "type": "integer", "meta:xdmType": "short"}
    assert fields["m"] == {"type": "integer", "meta:xdmType": "long"}
    assert not make_validator(resolved).is_valid({TENANT: {"n": 40000}})


@pytest.mark.parametrize("types", [("long", "int"), ("int", "long")], ids=["first", "second"])
def test_the_narrower_of_two_integer_types_holds(types: tuple[str, str]) -> None:
    groups = [field_group(f"g{n}", {"n": {"type": "integer", "meta:xdmType": types[n]}}) for n in (0, 1)]
    resolved = luma.registry(*groups, schema("s", PROFILE, "g0", "g1")).resolve("s").json_schema
    field = resolved["properties"][TENANT]["properties"]["n"]
    assert field == {"minimum": -(2**31), "maximum": 2**31 - 1, "type": "integer", "meta:xdmType": "int"}


IMPORTED = "https://ns.adobe.com/example/mixins/imported"


def imported(field: dict[str, Any]) -> SchemaRegistry:
    """A registry with a schema of an imported field group that has one field."""
    group = {"$id": IMPORTED, "title": "Imported", "meta:resourceType": "mixins", "type": "object"}
    return luma.registry(group | {"properties": {"f": field}}, schema("s", PROFILE, IMPORTED))


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"type": "number", "multipleOf": 0.01}, "multipleOf"),
        ({"type": "string", "not": {"const": "x"}}, "not"),
        ({"type": "array", "contains": {"const": 1}}, "contains"),
        ({"type": "object", "propertyNames": {"maxLength": 3}}, "propertyNames"),
    ],
    ids=["multipleOf", "not", "contains", "propertyNames"],
)
def test_a_rule_that_composition_would_lose_is_refused(rule: dict[str, Any], named: str) -> None:
    assert message(imported(rule), "s") == (
        f"field group 'Imported' has {named}, which Headwater does not check in composed schemas. Nothing was "
        "composed. Take the rule out of your copy of the resource, or leave the resource out of the schema."
    )


def test_a_choice_of_unchecked_formats_takes_any_of_them() -> None:
    either = [{"format": "ipv4"}, {"format": "ipv6"}]
    resolved = imported({"type": "string", "oneOf": either}).resolve("s").json_schema
    assert make_validator(resolved).is_valid({"f": "10.0.0.1"})
    assert resolved["properties"]["f"]["anyOf"] == either
    exact = [{"format": "date"}, {"format": "date-time"}]
    kept = imported({"type": "string", "oneOf": exact}).resolve("s").json_schema
    assert kept["properties"]["f"]["oneOf"] == exact


def test_an_own_class_may_demand_what_its_behavior_gives() -> None:
    registry = luma.registry(
        XdmClass(name="visits", behavior="time-series", required=("_id", "timestamp")), schema("s", "visits")
    )
    resolved = registry.resolve("s")
    assert resolved.json_schema["required"] == ["_id", "timestamp"]
    assert resolved.behavior == "time-series"


def test_an_ad_hoc_class_has_only_its_own_fields() -> None:
    registry = luma.registry(
        XdmClass(name="sheet", behavior="adhoc", properties={"_adhoc": {"type": "object", "properties": {"a": TEXT}}}),
        schema("s", "sheet"),
    )
    assert registry.resolve("s").behavior == "adhoc"
    assert [field.name for field in iter_fields(registry.resolve("s").json_schema)] == ["_adhoc", "_adhoc.a"]


def test_a_field_group_extends_only_some_classes() -> None:
    registry = luma.registry(
        XdmClass(name="product", behavior="record"),
        field_group("people_only", {"a": TEXT}, extends=(PROFILE,)),
        schema("events", EXPERIENCE_EVENT, LOYALTY),
        schema("products", "product", "people_only"),
        schema("people", PROFILE, "people_only", LOYALTY),
    )
    assert registry.resolve("people").behavior == "record"
    assert message(registry, "events") == (
        "schema 'events' has the class 'XDM ExperienceEvent', which the field group 'Loyalty Details' does not extend; "
        "it extends https://ns.adobe.com/xdm/context/profile. Leave the field group out, or use one of these classes."
    )
    assert message(registry, "products").startswith(
        "schema 'products' has the class 'product', which the field group 'people_only' does not extend"
    )


def test_a_field_group_may_extend_a_behavior() -> None:
    registry = luma.registry(
        field_group("any_record", {"a": TEXT}, extends=("https://ns.adobe.com/xdm/data/record",)),
        schema("people", PROFILE, "any_record"),
        schema("events", EXPERIENCE_EVENT, "any_record"),
    )
    assert TENANT in registry.resolve("people").json_schema["properties"]
    assert "does not extend" in message(registry, "events")


@pytest.mark.parametrize(
    ("xdm_class", "groups", "expected"),
    [
        (
            "https://ns.adobe.com/xdm/context/profil",
            (),
            "schema 's' refers to the class 'https://ns.adobe.com/xdm/context/profil', which does not exist. "
            "Did you mean 'https://ns.adobe.com/xdm/context/profile'?",
        ),
        (
            "hotels",
            (),
            "schema 's' refers to the class 'hotels', which does not exist. If it is one of Adobe's, load their public "
            "repository with `headwater schema import`.",
        ),
        (
            DEMOGRAPHIC,
            (),
            f"schema 's' refers to '{DEMOGRAPHIC}' as a class, but it is the field group 'Demographic Details'.",
        ),
        (PROFILE, ("size",), "schema 's' refers to 'size' as a field group, but it is the data type 'size'."),
        (PROFILE, ("identty",), "refers to the field group 'identty', which does not exist. Did you mean 'identity'?"),
    ],
)
def test_references_that_lead_nowhere(xdm_class: str, groups: tuple[str, ...], expected: str) -> None:
    registry = luma.registry(
        DataType(name="size", properties={"width": TEXT}),
        field_group("identity", {"a": TEXT}),
        schema("s", xdm_class, *groups),
    )
    assert expected in message(registry, "s")


def test_a_data_type_that_holds_itself_is_refused() -> None:
    registry = luma.registry(
        DataType(name="branch", properties={"leaf": TEXT, "twigs": {"type": "array", "items": {"$ref": "twig"}}}),
        DataType(name="twig", properties={"grows_on": {"$ref": "branch"}}),
        field_group("tree", {"trunk": {"$ref": "branch"}}),
        schema("s", PROFILE, "tree"),
    )
    own = "https://ns.adobe.com/techmarketingdemos/datatypes"
    assert message(registry, "s") == (
        f"data type 'branch' holds itself: {own}/branch# → {own}/twig# → {own}/branch#. A table cannot hold fields "
        "without end: leave this resource out, or keep the inner part as text."
    )


def test_references_that_multiply_are_stopped() -> None:
    levels = [
        DataType(name=f"level{n}", properties={f"p{i}": {"$ref": f"level{n + 1}"} for i in range(10)}) for n in range(9)
    ]
    registry = luma.registry(
        *levels,
        DataType(name="level9", properties={"a": TEXT}),
        field_group("g", {"top": {"$ref": "level0"}}),
        schema("s", PROFILE, "g"),
    )
    assert message(registry, "s") == "schema 's' has more than 20000 fields. Compose it of fewer field groups."


def test_two_resources_with_one_id_are_refused() -> None:
    with pytest.raises(SchemaError) as caught:
        luma.registry(field_group("one", {"a": TEXT}), FieldGroup(name="two", id=CONTACT, properties={}))
    assert str(caught.value) == (
        f"field group 'Personal Contact Details' and field group 'two' have the same $id {CONTACT}. "
        "Give one of them another `id`."
    )


def test_one_wrong_resource_spoils_only_the_schemas_that_use_it() -> None:
    registry = luma.registry(
        FieldGroup(name="bad", properties={"name": TEXT}),
        schema("uses_it", PROFILE, "bad"),
        schema("fine", PROFILE),
        luma.identity("gone", "/a", "ECID"),
    )
    assert registry.resolve("fine").name == "fine"
    assert registry.problems() == (
        message(registry, "uses_it"),
        "descriptor 'gone.a' describes the schema 'gone', which does not exist.",
    )


def test_an_unknown_schema_names_the_nearest() -> None:
    registry = luma.registry(schema("luma_loyalty", PROFILE))
    assert message(registry, "luma_loyalti") == "There is no schema 'luma_loyalti'. Did you mean 'luma_loyalty'?"
    assert message(registry, "x") == "There is no schema 'x'. There are luma_loyalty."


def test_fields_are_found_through_arrays() -> None:
    resolved = luma.registry(*luma.luma_resources()).resolve("luma_purchases").json_schema
    for path in ("/productListItems/SKU", "/productListItems[*]/SKU", "/productListItems[]/SKU"):
        field = find_field(resolved, path)
        assert field is not None
        assert (field.name, field.required, field.repeated) == ("productListItems[].SKU", True, True)
    assert find_field(resolved, "/productListItems/sku") is None


def test_the_version_hash_is_about_records_only() -> None:
    def version(**more: object) -> str:
        fields = {"a": {"type": "string", **more}}
        return luma.registry(field_group("g", fields), schema("s", PROFILE, "g")).resolve("s").version_hash

    assert version() == version(title="A", description="An a")
    assert version() != version(maxLength=3)


def test_the_version_hash_is_the_same_in_every_process() -> None:
    program = (
        "from tests.unit.xdm import luma\n"
        "print(luma.registry(*luma.luma_resources()).resolve('luma_purchases').version_hash)"
    )
    hashes = {
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert hashes == {luma.registry(*luma.luma_resources()).resolve("luma_purchases").version_hash}
