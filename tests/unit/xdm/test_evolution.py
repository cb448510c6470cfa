from typing import Any

import pytest

from headwater.xdm import SchemaChange, check_evolution, compare_schemas
from tests.unit.xdm import luma
from tests.unit.xdm.luma import COMMERCE, EXPERIENCE_EVENT, PROFILE, TENANT, WEB, field_group, identity, schema

TEXT = {"type": "string"}


def resolved(fields: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    group = field_group("g", {"o": {"type": "object", "properties": fields, "required": required or []}})
    return luma.registry(group, schema("s", PROFILE, "g")).resolve("s").json_schema


def only_change(
    old: dict[str, Any], new: dict[str, Any], before: list[str] | None = None, after: list[str] | None = None
) -> SchemaChange:
    changes = check_evolution(resolved(old, before), resolved(new, after))
    assert len(changes) == 1
    return changes[0]


def test_nothing_changed() -> None:
    both = resolved({"a": TEXT, "b": {"type": "array", "items": TEXT}})
    assert check_evolution(both, both) == ()


def test_fields_may_be_added_even_required_ones() -> None:
    assert only_change({"a": TEXT}, {"a": TEXT, "b": TEXT}) == SchemaChange(
        path=f"{TENANT}.o.b", what="added", breaking=False, message=f"{TENANT}.o.b is new (string)."
    )
    change = only_change({"a": TEXT}, {"a": TEXT, "b": {"type": "number"}}, [], ["b"])
    assert (change.breaking, change.message) == (False, f"{TENANT}.o.b is new (number, required).")


def test_fields_may_not_be_removed() -> None:
    change = only_change({"a": TEXT, "b": TEXT}, {"a": TEXT})
    assert (change.what, change.breaking) == ("removed", True)
    assert change.message == f"{TENANT}.o.b was removed; stored records have it. Keep it."


def test_a_renamed_field_is_recognised() -> None:
    changes = check_evolution(resolved({"a": TEXT}), resolved({"z": TEXT}))
    assert [(change.what, change.breaking) for change in changes] == [("removed", True), ("added", False)]
    assert changes[0].message == (
        f"{TENANT}.o.a was removed; stored records have it. If it was renamed to z, keep both."
    )


@pytest.mark.parametrize(
    ("old", "new", "types"),
    [
        (TEXT, {"type": "number"}, "from string to number"),
        (TEXT, {"type": "string", "format": "date"}, "from string to date"),
        ({"type": "integer"}, {"type": "integer", "meta:xdmType": "int"}, "from long to int"),
        ({"type": "array", "items": TEXT}, {"type": "array", "items": {"type": "boolean"}}, "from string to boolean"),
        ({"additionalProperties": TEXT}, {"properties": {"a": TEXT}}, "from map to object"),
    ],
)
def test_types_may_not_change(old: dict[str, Any], new: dict[str, Any], types: str) -> None:
    change = only_change({"a": old}, {"a": new})
    assert (change.what, change.breaking) == ("type", True)
    assert f"{types}. Keep it, and add a new field of the new type." in change.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "object", "meta:xdmType": "object"}, {"properties": {"a": {"meta:xdmType": "string"}}}),
        ({"type": "array", "meta:xdmType": "array"}, {"items": {"type": "string", "meta:xdmType": "string"}}),
    ],
    ids=["object", "array"],
)
def test_what_is_stored_as_text_may_not_become_structured(old: dict[str, Any], new: dict[str, Any]) -> None:
    def root(field: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "meta:xdmType": "object", "properties": {"f": field}}

    [change] = check_evolution(root(old), root(old | new))
    assert (change.path, change.what, change.breaking) == ("f", "type", True)
    assert change.message == (
        "f did not say what it holds and now does; it is stored as text. Keep it, and add a new field."
    )


@pytest.mark.parametrize(("old", "new"), [(True, False), (1, 0)])
def test_another_constant_restricts(old: object, new: object) -> None:
    kind = "boolean" if isinstance(old, bool) else "integer"
    change = only_change({"a": {"type": kind, "const": old}}, {"a": {"type": kind, "const": new}})
    assert (change.what, change.breaking) == ("restricted", True)


def test_required_may_become_optional_but_not_the_other_way() -> None:
    relaxed = only_change({"a": TEXT}, {"a": TEXT}, ["a"], [])
    assert (relaxed.what, relaxed.breaking, relaxed.message) == (
        "optional",
        False,
        f"{TENANT}.o.a is no longer required.",
    )
    demanded = only_change({"a": TEXT}, {"a": TEXT}, [], ["a"])
    assert (demanded.what, demanded.breaking, demanded.message) == (
        "required",
        True,
        f"{TENANT}.o.a became required; records without it are stored already. Leave it optional.",
    )


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ({}, {"maxLength": 5}, "maxLength 5 is new"),
        ({"maxLength": 9}, {"maxLength": 5}, "maxLength 9 became 5"),
        ({"minLength": 1}, {"minLength": 5}, "minLength 1 became 5"),
        ({}, {"pattern": "^a"}, "pattern '^a' is new"),
        ({"pattern": "^a"}, {"pattern": "^b"}, "pattern '^a' became '^b'"),
        ({}, {"enum": ["a"]}, "enum ['a'] is new"),
        ({"enum": ["a", "b"]}, {"enum": ["a", "c"]}, "enum ['a', 'b'] became ['a', 'c']"),
    ],
)
def test_values_may_not_be_restricted_but_relaxed(old: dict[str, Any], new: dict[str, Any], difference: str) -> None:
    change = only_change({"a": {**TEXT, **old}}, {"a": {**TEXT, **new}})
    assert (change.what, change.breaking) == ("restricted", True)
    assert change.message == (
        f"{TENANT}.o.a takes fewer values: {difference}. Stored values may not fit: leave it as it was."
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"maxLength": 5}, {}),
        ({"maxLength": 5}, {"maxLength": 9}),
        ({"minLength": 5}, {"minLength": 1}),
        ({"pattern": "^a"}, {}),
        ({"enum": ["a"]}, {"enum": ["b", "a"]}),
        ({"enum": ["a"]}, {}),
    ],
)
def test_values_may_be_relaxed(old: dict[str, Any], new: dict[str, Any]) -> None:
    change = only_change({"a": {**TEXT, **old}}, {"a": {**TEXT, **new}})
    assert (change.what, change.breaking) == ("relaxed", False)


def test_descriptions_and_unenforced_formats_may_change() -> None:
    change = only_change({"a": {**TEXT, "title": "A"}}, {"a": {**TEXT, "title": "B", "format": "email"}})
    assert (change.what, change.breaking) == ("described", False)
    assert change.message == f"{TENANT}.o.a is described anew: format, title."


def test_changes_inside_arrays_and_maps_are_seen() -> None:
    old = {"a": {"type": "array", "items": {"properties": {"x": TEXT}}}, "m": {"additionalProperties": TEXT}}
    new = {
        "a": {"type": "array", "items": {"properties": {"x": {**TEXT, "maxLength": 1}}}},
        "m": {"additionalProperties": {**TEXT, "maxLength": 1}},
    }
    assert [change.path for change in check_evolution(resolved(old), resolved(new))] == [
        f"{TENANT}.o.a[].x",
        f"{TENANT}.o.m{{}}",
    ]


def test_a_field_group_may_be_added_but_not_left_out() -> None:
    small = luma.registry(schema("s", EXPERIENCE_EVENT, COMMERCE)).resolve("s")
    large = luma.registry(schema("s", EXPERIENCE_EVENT, COMMERCE, WEB)).resolve("s")
    added = compare_schemas(small, large)
    assert [(change.path, change.what) for change in added] == [("web", "added")]
    assert [(change.path, change.what, change.breaking) for change in compare_schemas(large, small)] == [
        ("web", "removed", True)
    ]


def test_class_profile_and_primary_identity_stay() -> None:
    group = field_group("g", {"a": TEXT, "b": TEXT})
    path = f"/{TENANT}/"
    before = luma.registry(
        group, schema("s", PROFILE, "g", enabled_for_profile=True), identity("s", f"{path}a", "ECID", primary=True)
    ).resolve("s")
    after = luma.registry(
        group, schema("s", EXPERIENCE_EVENT, "g"), identity("s", f"{path}b", "ECID", primary=True)
    ).resolve("s")
    messages = {change.what: change.message for change in compare_schemas(before, after) if change.path == "(root)"}
    assert messages == {
        "type": f"The class changed from {PROFILE} to {EXPERIENCE_EVENT}. Make a new schema instead.",
        "profile": "The schema is no longer enabled for profile; enabling cannot be undone. Make a new schema instead.",
        "identity": ("The primary identity changed from _techmarketingdemos.a [ECID] to _techmarketingdemos.b [ECID]."),
    }


def test_a_first_primary_identity_and_enabling_break_nothing() -> None:
    group = field_group("g", {"a": TEXT})
    before = luma.registry(group, schema("s", PROFILE, "g")).resolve("s")
    after = luma.registry(
        group,
        schema("s", PROFILE, "g", enabled_for_profile=True),
        identity("s", f"/{TENANT}/a", "ECID", primary=True),
    ).resolve("s")
    assert [(change.what, change.breaking) for change in compare_schemas(before, after)] == [("identity", False)]
