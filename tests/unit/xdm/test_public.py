from typing import Any

import pytest

from headwater.errors import SchemaError
from headwater.model.documents import Schema
from headwater.xdm import SchemaRegistry, import_public_schemas, is_public_schema, iter_fields
from headwater.xdm.validation import make_validator
from tests.unit.xdm import luma
from tests.unit.xdm.luma import EXPERIENCE_EVENT, PROFILE, schema

NS = "https://ns.adobe.com/xdm"
CONTEXT = {"$ref": f"{NS}/common/extensible#/definitions/@context"}


def resource(resource_id: str, fields: dict[str, Any], *refs: str, **more: object) -> dict[str, Any]:
    """A file as the repository writes them: fields in a definition, drawn in by `allOf`."""
    return {
        "$id": resource_id,
        "$schema": "http://json-schema.org/draft-06/schema#",
        "title": resource_id.rpartition("/")[2],
        "type": "object",
        "meta:extensible": True,
        "definitions": {"fields": {"properties": fields}},
        "allOf": [CONTEXT, *({"$ref": ref} for ref in refs), {"$ref": "#/definitions/fields"}],
        "meta:status": "stable",
        **more,
    }


ROOM = resource(
    f"{NS}/datatypes/room",
    {
        "@id": {"type": "string", "format": "uri-reference"},
        "xdm:beds": {"type": "integer", "minimum": 0, "maximum": 100},
        "schema:floorSize": {"type": "number"},
        "xdm:rates": {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "number"}},
        "repo:etag": {"type": "string"},
    },
    required=["@id", "repo:etag"],
)
HOTEL = resource(
    f"{NS}/classes/hotel",
    {"xdm:hotelName": {"type": "string"}, "https://ns.adobe.com/experience/stars/count": {"type": "integer"}},
    f"{NS}/data/record",
    f"{NS}/common/auditable",
)
ROOMS = resource(
    f"{NS}/mixins/hotel-rooms",
    {
        "xdm:rooms": {"type": "array", "items": {"$ref": f"{NS}/datatypes/room"}},
        "xdm:suite": {"$ref": f"{NS}/datatypes/room", "title": "The best room", "description": "Upstairs"},
        "xdm:plan": {"$ref": f"{NS}/datatypes/room#/definitions/fields/properties/xdm:rates"},
    },
    **{"meta:intendedToExtend": [f"{NS}/classes/hotel"]},
)
FILES: dict[str, object] = {
    "components/datatypes/room.schema.json": ROOM,
    "components/classes/hotel.schema.json": HOTEL,
    "components/fieldgroups/hotel/rooms.schema.json": ROOMS,
}


def imported(files: dict[str, object], *documents: Schema) -> SchemaRegistry:
    return luma.registry(*import_public_schemas(files.items()).resources, *documents)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("components/classes/profile.schema.json", True),
        ("extensions/adobe/experience/a/b.schema.json", True),
        ("schemas/system/c.schema.json", True),
        ("archived/components/d.schema.json", False),
        ("docs/reference/adobe/e.schema.json", False),
        ("meta.schema.json", False),
        ("components/classes/profile.example.1.json", False),
        ("components/classes/profile.schema.json.bak", False),
        ("", False),
    ],
)
def test_which_files_are_imported(path: str, wanted: bool) -> None:
    assert is_public_schema(path) is wanted


def test_resources_are_keyed_by_their_id_as_written() -> None:
    slash = resource(f"{NS}/segmentExportJob/", {})
    hash_sign = resource(f"{NS}/other#", {})
    found = import_public_schemas([("extensions/a.schema.json", slash), ("extensions/b.schema.json", hash_sign)])
    assert [item["$id"] for item in found.resources] == [f"{NS}/other", f"{NS}/segmentExportJob/"]


def test_what_is_skipped_is_said() -> None:
    found = import_public_schemas(
        [
            ("components/a.schema.json", []),
            ("components/b.schema.json", {"title": "B"}),
            ("docs/reference/c.schema.json", {"$id": "c"}),
        ]
    )
    assert found.resources == ()
    assert found.skipped == (
        ("components/a.schema.json", "not a JSON object"),
        ("components/b.schema.json", "no $id"),
        ("docs/reference/c.schema.json", "not a *.schema.json file below components, extensions or schemas"),
    )


def test_one_id_in_two_files_is_refused() -> None:
    with pytest.raises(SchemaError) as caught:
        import_public_schemas([("components/a.schema.json", ROOM), ("extensions/b.schema.json", ROOM)])
    assert str(caught.value) == (
        f"components/a.schema.json and extensions/b.schema.json have the same $id {NS}/datatypes/room. "
        "Import one version of the repository at a time, from its root."
    )


def test_folders_tell_what_a_resource_is() -> None:
    kinds = {item["title"]: item["meta:resourceType"] for item in import_public_schemas(FILES.items()).resources}
    assert kinds == {"hotel": "classes", "room": "datatypes", "hotel-rooms": "fieldgroups"}
    elsewhere: dict[str, object] = {
        "extensions/room.schema.json": ROOM,
        "extensions/hotel.schema.json": HOTEL,
        "extensions/rooms.schema.json": ROOMS,
        "schemas/x.schema.json": resource(f"{NS}/x", {}),
    }
    kinds = {item["title"]: item["meta:resourceType"] for item in import_public_schemas(elsewhere.items()).resources}
    assert kinds == {"hotel": "classes", "room": None, "hotel-rooms": "fieldgroups", "x": "schemas"}


def test_long_names_become_short_and_nested() -> None:
    resolved = imported(FILES, schema("hotels", f"{NS}/classes/hotel", f"{NS}/mixins/hotel-rooms")).resolve("hotels")
    assert resolved.behavior == "record"
    assert resolved.class_name == "_xdm.classes.hotel"
    fields = {field.name: field for field in iter_fields(resolved.json_schema)}
    assert {name: field.schema["meta:xdmType"] for name, field in fields.items() if "suite" in name} == {
        "suite": "object",
        "suite._id": "string",
        "suite._repo": "object",
        "suite._repo.etag": "string",
        "suite._schema": "object",
        "suite._schema.floorSize": "number",
        "suite.beds": "byte",
        "suite.rates": "map",
    }
    assert fields["_experience.stars.count"].schema["meta:xdmType"] == "long"
    assert fields["_experience.stars.count"].schema["meta:xdmField"] == "https://ns.adobe.com/experience/stars/count"
    assert fields["plan"].schema["meta:xdmType"] == "map"
    assert (fields["suite"].schema["title"], fields["suite"].schema["description"]) == ("The best room", "Upstairs")
    assert "_repo.createDate" in fields


def test_required_names_are_renamed_and_nested_too() -> None:
    resolved = imported(FILES, schema("hotels", f"{NS}/classes/hotel", f"{NS}/mixins/hotel-rooms")).resolve("hotels")
    validator = make_validator(resolved.json_schema)
    room: dict[str, Any] = {"_id": "r1", "_repo": {"etag": "x"}, "rates": {"USD:night": 90.5}}
    assert validator.is_valid({"hotelName": "Sacher", "rooms": [room]})
    missing = {str(error.message) for error in validator.iter_errors({"rooms": [{"_id": "r1"}, {"_repo": {}}]})}
    assert missing == {
        "'_repo' is a required property",
        "'_id' is a required property",
        "'etag' is a required property",
    }


def test_an_imported_field_group_extends_its_class_only() -> None:
    registry = imported(FILES, schema("people", PROFILE, f"{NS}/mixins/hotel-rooms"))
    with pytest.raises(SchemaError, match="which the field group 'hotel-rooms' does not extend"):
        registry.resolve("people")


def test_an_imported_resource_takes_the_place_of_the_standard_one() -> None:
    profile = resource(PROFILE, {"xdm:nickname": {"type": "string"}}, f"{NS}/data/record")
    registry = imported({"components/classes/profile.schema.json": profile}, schema("people", PROFILE))
    assert [field.name for field in iter_fields(registry.resolve("people").json_schema)] == ["_id", "nickname"]


def test_what_imported_resources_leave_open_stays_open() -> None:
    loose = resource(
        f"{NS}/mixins/loose",
        {
            "xdm:anything": {"title": "Anything"},
            "xdm:list": {"type": "array"},
            "xdm:pair": {"type": "array", "items": [{"type": "string"}, {"type": "number"}]},
            "xdm:bag": {"type": "object"},
            "xdm:either": {"type": ["string", "number"]},
            "xdm:mixed": {"enum": [1, "one"]},
        },
        **{"meta:intendedToExtend": []},
    )
    registry = imported({"components/mixins/loose.schema.json": loose}, schema("s", PROFILE, f"{NS}/mixins/loose"))
    resolved = registry.resolve("s").json_schema
    fields = {field.name: dict(field.schema) for field in iter_fields(resolved)}
    for field in fields.values():
        field.pop("meta:xdmField", None)
    assert fields["anything"] == {"title": "Anything", "meta:xdmType": "any"}
    assert fields["list"] == fields["pair"] == {"type": "array", "meta:xdmType": "array"}
    assert fields["bag"] == {"type": "object", "meta:xdmType": "object"}
    assert fields["either"] == {"meta:xdmType": "any"}
    assert fields["mixed"] == {"enum": [1, "one"], "meta:xdmType": "any"}
    record: dict[str, Any] = {
        "anything": [1],
        "list": ["a", 1],
        "pair": ["a", 1],
        "bag": {"a": {"b": 1}},
        "either": 1,
        "mixed": "one",
    }
    assert make_validator(resolved).is_valid(record)


def test_types_that_follow_from_what_is_said() -> None:
    implied = resource(
        f"{NS}/mixins/implied",
        {
            "xdm:maybe": {"type": ["string", "null"]},
            "xdm:one": {"const": 1},
            "xdm:flag": {"enum": [True]},
            "xdm:half": {"enum": [1, 0.5]},
            "xdm:never": False,
            "xdm:numbered": {"type": "object", "patternProperties": {"^n": {"type": "integer"}}},
            "xdm:nested": {"properties": {"xdm:a": {"type": "string"}}},
        },
    )
    registry = imported(
        {"components/mixins/implied.schema.json": implied}, schema("s", PROFILE, f"{NS}/mixins/implied")
    )
    resolved = registry.resolve("s").json_schema
    types = {field.name: field.schema["meta:xdmType"] for field in iter_fields(resolved)}
    expected = {"maybe": "string", "one": "long", "flag": "boolean", "half": "number", "numbered": "map"}
    assert {name: types[name] for name in expected} == expected
    assert resolved["properties"]["numbered"]["additionalProperties"]["meta:xdmType"] == "long"
    assert types["nested"] == "object"
    assert "never" not in types


def test_choices_keep_their_checks_and_lend_their_fields() -> None:
    channel = resource(
        f"{NS}/mixins/channel",
        {
            "xdm:address": {"oneOf": [{"type": "string", "pattern": "^[0-9.]+$"}, {"type": "string", "pattern": "@"}]},
            "xdm:target": {
                "type": "object",
                "anyOf": [
                    {"properties": {"xdm:phone": {"type": "string"}}, "required": ["xdm:phone"]},
                    {"properties": {"repo:path": {"type": "string"}}, "required": ["repo:path"]},
                ],
            },
        },
        **{"meta:intendedToExtend": [EXPERIENCE_EVENT]},
    )
    registry = imported(
        {"components/mixins/channel.schema.json": channel}, schema("s", EXPERIENCE_EVENT, f"{NS}/mixins/channel")
    )
    resolved = registry.resolve("s").json_schema
    assert resolved["properties"]["address"]["type"] == "string"
    names = {field.name for field in iter_fields(resolved)}
    assert {"target.phone", "target._repo.path"} <= names
    event: dict[str, Any] = {"_id": "1", "timestamp": "2020-01-01T00:00:00Z"}
    validator = make_validator(resolved)
    assert validator.is_valid({**event, "address": "a@b", "target": {"_repo": {"path": "/"}}})
    assert not validator.is_valid({**event, "address": "a"})
    assert not validator.is_valid({**event, "target": {}})


def test_a_field_of_two_types_by_choice_is_left_open_and_checked() -> None:
    odd = resource(
        f"{NS}/mixins/odd",
        {
            "xdm:v": {"title": "V", "oneOf": [{"type": "string"}, {"type": "number"}, {"type": "string", "enum": []}]},
            "xdm:filter": {
                "oneOf": [
                    {"properties": {"xdm:kind": {"const": "text"}, "xdm:value": {"type": "string"}}},
                    {"properties": {"xdm:kind": {"const": "number"}, "xdm:value": {"type": "number"}}},
                ]
            },
        },
    )
    registry = imported({"components/mixins/odd.schema.json": odd}, schema("s", PROFILE, f"{NS}/mixins/odd"))
    resolved = registry.resolve("s").json_schema
    types = {field.name: field.schema["meta:xdmType"] for field in iter_fields(resolved)}
    assert (types["v"], types["filter.value"]) == ("any", "any")
    validator = make_validator(resolved)
    assert validator.is_valid({"v": "1", "filter": {"kind": "number", "value": 1}})
    assert validator.is_valid({"v": 1, "filter": {"kind": "text", "value": "1"}})
    assert not validator.is_valid({"v": True})
    assert not validator.is_valid({"filter": {"kind": "text", "value": 1}})


def test_an_imported_resource_that_holds_itself_is_cut_where_it_does() -> None:
    tree = resource(
        f"{NS}/datatypes/tree",
        {
            "xdm:name": {"type": "string"},
            "xdm:children": {"type": "array", "items": {"$ref": f"{NS}/datatypes/tree"}},
            "xdm:parent": {"$ref": f"{NS}/datatypes/node", "title": "Parent"},
        },
    )
    node = resource(f"{NS}/datatypes/node", {"xdm:tree": {"$ref": f"{NS}/datatypes/tree"}})
    files: dict[str, object] = {
        "components/datatypes/tree.schema.json": tree,
        "components/datatypes/node.schema.json": node,
    }
    flat = imported(files).flatten(f"{NS}/datatypes/tree")
    assert {field.name: field.schema["meta:xdmType"] for field in iter_fields(flat)} == {
        "name": "string",
        "children": "array",
        "parent": "any",
    }
    assert flat["properties"]["parent"]["title"] == "Parent"
    assert flat["properties"]["children"]["items"] == {"meta:xdmType": "any"}
    assert make_validator(flat).is_valid({"name": "a", "children": [{"name": "b", "children": []}], "parent": {}})


def test_what_is_cut_does_not_depend_on_what_was_asked_first() -> None:
    def both(first: str, second: str) -> dict[str, object]:
        files: dict[str, object] = {
            f"components/datatypes/{name}.schema.json": resource(
                f"{NS}/datatypes/{name}", {f"xdm:{other}": {"$ref": f"{NS}/datatypes/{other}"} for other in others}
            )
            for name, others in {"a": "bc", "b": "ac", "c": "b"}.items()
        }
        registry = imported(files)
        return {name: registry.flatten(f"{NS}/datatypes/{name}") for name in (first, second)}

    assert both("a", "b") == both("b", "a")


def test_a_resource_composed_of_itself_is_refused_when_used() -> None:
    snake = resource(f"{NS}/mixins/snake", {"xdm:a": {"type": "string"}}, f"{NS}/mixins/snake")
    registry = imported({"components/mixins/snake.schema.json": snake}, schema("s", PROFILE))
    assert registry.resolve("s").name == "s"
    with pytest.raises(SchemaError) as caught:
        registry.flatten(f"{NS}/mixins/snake")
    assert str(caught.value) == (
        f"field group 'snake' holds itself: {NS}/mixins/snake# → {NS}/mixins/snake#. A table cannot hold fields "
        "without end: leave this resource out, or keep the inner part as text."
    )


def test_a_reference_into_nothing_is_named() -> None:
    lost = resource(f"{NS}/datatypes/lost", {"xdm:a": {"$ref": "#/definitions/nothing"}})
    registry = imported({"components/datatypes/lost.schema.json": lost})
    with pytest.raises(SchemaError, match="data type 'lost' has nothing at '#/definitions/nothing'"):
        registry.flatten(f"{NS}/datatypes/lost")


def test_a_resource_without_an_id_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"An XDM resource titled 'X' has no \$id"):
        luma.registry({"title": "X"})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"xdm:a": "string"}, "not a schema at #/definitions/fields/properties/xdm:a"),
        ({"xdm:a": {"required": True}}, "required holds what it cannot at #/definitions/fields/properties/xdm:a"),
        ({"xdm:a": {"items": "x"}}, "not a schema at #/definitions/fields/properties/xdm:a/items"),
        ({"xdm:a": {"allOf": [1]}}, "not a schema at #/definitions/fields/properties/xdm:a/allOf/0"),
        ({"xdm:a": {"allOf": {}}}, "allOf holds what it cannot at #/definitions/fields/properties/xdm:a"),
        ({"xdm:a": {"minimum": "0"}}, "minimum holds what it cannot at #/definitions/fields/properties/xdm:a"),
        ({"xdm:a": {"$ref": 1}}, "$ref holds what it cannot at #/definitions/fields/properties/xdm:a"),
    ],
)
def test_a_file_that_is_no_json_schema_is_skipped(fields: dict[str, Any], reason: str) -> None:
    found = import_public_schemas([("components/a.schema.json", resource(f"{NS}/a", fields))])
    assert found.resources == ()
    assert found.skipped == (("components/a.schema.json", reason),)


def test_a_file_nested_without_end_is_skipped() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(500):
        deep = {"type": "array", "items": deep}
    found = import_public_schemas([("components/a.schema.json", resource(f"{NS}/a", {"xdm:a": deep}))])
    assert found.skipped == (("components/a.schema.json", "nested more than 64 steps deep"),)
