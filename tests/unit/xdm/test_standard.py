from pathlib import Path
from typing import Any

import pytest

from headwater.xdm import SchemaRegistry, iter_fields
from headwater.xdm.standard import standard_resources
from headwater.xdm.types import INTEGER_BOUNDS
from headwater.xdm.validation import make_validator
from tests.unit.xdm import luma

XDM_TYPES = {"string", "date", "date-time", "number", "boolean", "array", "object", "map", *INTEGER_BOUNDS}


@pytest.fixture(scope="module")
def registry() -> SchemaRegistry:
    return luma.registry()


@pytest.fixture(scope="module")
def events() -> dict[str, Any]:
    groups = (luma.COMMERCE, luma.WEB, luma.ENVIRONMENT, luma.CONTACT, luma.IDENTITY_MAP, luma.SOURCE_AUDIT)
    return luma.registry(luma.schema("events", luma.EXPERIENCE_EVENT, *groups)).resolve("events").json_schema


def test_every_standard_resource_composes_in_short_names(registry: SchemaRegistry) -> None:
    for definition in registry.definitions():
        flat = registry.flatten(definition.id)
        for field in iter_fields(flat):
            assert field.schema["meta:xdmType"] in XDM_TYPES, field.name
            assert ":" not in field.name, field.name


def test_every_standard_reference_leads_to_a_standard_resource(registry: SchemaRegistry) -> None:
    assert registry.problems() == ()
    assert len(registry.definitions()) == len(standard_resources())


@pytest.mark.parametrize(
    ("path", "xdm_type", "required"),
    [
        ("_id", "string", True),
        ("timestamp", "date-time", True),
        ("eventType", "string", False),
        ("commerce.order.payments[].paymentAmount", "number", False),
        ("commerce.productViews.value", "number", True),
        ("productListItems[].SKU", "string", True),
        ("productListItems[].selectedOptions[].attribute", "string", True),
        ("web.webPageDetails.pageViews.value", "number", True),
        ("environment.browserDetails.viewportWidth", "long", False),
        ("environment._dc.language", "string", False),
        ("placeContext.geo._schema.latitude", "number", False),
        ("homeAddress._repo.createDate", "date-time", False),
        ("homeAddress._id", "string", False),
        ("identityMap", "map", False),
        ("identityMap{}[].authenticatedState", "string", False),
        ("extSourceSystemAudit.externalKey.systemID", "string", False),
    ],
)
def test_event_fields(events: dict[str, Any], path: str, xdm_type: str, required: bool) -> None:
    fields = {field.name: field for field in iter_fields(events)}
    assert (fields[path].schema["meta:xdmType"], fields[path].required) == (xdm_type, required)


def test_birth_year_is_a_short(registry: SchemaRegistry) -> None:
    fields = {field.name: field.schema for field in iter_fields(registry.flatten(luma.DEMOGRAPHIC))}
    assert fields["person.birthYear"]["meta:xdmType"] == "short"
    assert fields["person.gender"]["enum"] == ["male", "female", "not_specified", "non_specific"]
    assert fields["person.birthDate"]["meta:xdmType"] == "date"


def test_fields_tell_their_qualified_names(registry: SchemaRegistry) -> None:
    fields = {field.name: field.schema for field in iter_fields(registry.flatten(luma.CONTACT))}
    assert fields["homeAddress.city"]["meta:xdmField"] == "xdm:city"
    assert fields["homeAddress._repo.createDate"]["meta:xdmField"] == "repo:createDate"
    assert fields["homeAddress._id"]["meta:xdmField"] == "@id"


def test_a_reference_keeps_its_own_title(registry: SchemaRegistry) -> None:
    flat = registry.flatten(luma.CONTACT)
    assert flat["properties"]["homeAddress"]["title"] == "Home address"
    assert flat["properties"]["mobilePhone"]["title"] == "Mobile phone"


def test_enums_have_a_label_for_each_value_they_label(registry: SchemaRegistry) -> None:
    for definition in registry.definitions():
        for field in iter_fields(registry.flatten(definition.id)):
            if "enum" in field.schema and "meta:enum" in field.schema:
                assert set(field.schema["meta:enum"]) == set(field.schema["enum"]), field.name


def test_map_keys_are_not_renamed(events: dict[str, Any]) -> None:
    record: dict[str, Any] = {
        "_id": "1",
        "timestamp": "2020-08-11T00:00:00Z",
        "identityMap": {"https://data.adobe.io/entities/namespace/4": [{"id": "7", "primary": True}]},
    }
    validator = make_validator(events)
    assert validator.is_valid(record)
    assert not validator.is_valid({**record, "identityMap": {"ECID": [{"id": 7}]}})


def test_the_reference_page_lists_every_class_and_field_group() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "xdm.md").read_text(encoding="utf-8")
    for resource in standard_resources():
        if resource["meta:resourceType"] != "datatypes":
            assert resource["$id"] in page
            assert resource["title"] in page
