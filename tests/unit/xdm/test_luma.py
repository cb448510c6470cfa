from typing import Any

import pytest

from headwater.model.xdm import IdentityField
from headwater.xdm import Relationship, SchemaRegistry, find_field
from headwater.xdm.validation import make_validator
from tests.unit.xdm import luma


@pytest.fixture(scope="module")
def registry() -> SchemaRegistry:
    return luma.registry(*luma.luma_resources(), namespaces=luma.NAMESPACES)


def broken_rules(registry: SchemaRegistry, schema: str, record: dict[str, Any]) -> list[tuple[str, str]]:
    errors = make_validator(registry.resolve(schema).json_schema).iter_errors(record)
    return sorted((".".join(str(step) for step in error.absolute_path), str(error.validator)) for error in errors)


def test_all_resources_compose(registry: SchemaRegistry) -> None:
    assert registry.problems() == ()
    assert [schema.name for schema in registry.schemas()] == [
        "luma_crm",
        "luma_loyalty",
        "luma_products",
        "luma_purchases",
    ]


@pytest.mark.parametrize(
    ("schema", "path", "xdm_type"),
    [
        ("luma_loyalty", "/_techmarketingdemos/systemIdentifier/loyaltyId", "string"),
        ("luma_loyalty", "/_techmarketingdemos/systemIdentifier/crmId", "string"),
        ("luma_loyalty", "/person/name/firstName", "string"),
        ("luma_loyalty", "/homeAddress/city", "string"),
        ("luma_loyalty", "/loyalty/points", "number"),
        ("luma_loyalty", "/loyalty/tier", "string"),
        ("luma_loyalty", "/loyalty/joinDate", "date-time"),
        ("luma_crm", "/person/gender", "string"),
        ("luma_crm", "/personalEmail/address", "string"),
        ("luma_crm", "/mobilePhone/number", "string"),
        ("luma_products", "/_techmarketingdemos/productPrice", "number"),
        ("luma_purchases", "/_id", "string"),
        ("luma_purchases", "/timestamp", "date-time"),
        ("luma_purchases", "/commerce/order/purchaseID", "string"),
        ("luma_purchases", "/commerce/order/priceTotal", "number"),
        ("luma_purchases", "/productListItems/SKU", "string"),
        ("luma_purchases", "/productListItems/quantity", "long"),
    ],
)
def test_fields_have_the_types_of_the_worked_example(
    registry: SchemaRegistry, schema: str, path: str, xdm_type: str
) -> None:
    field = find_field(registry.resolve(schema).json_schema, path)
    assert field is not None
    assert field.schema["meta:xdmType"] == xdm_type


def test_schemas_know_class_and_behavior(registry: SchemaRegistry) -> None:
    loyalty, products = registry.resolve("luma_loyalty"), registry.resolve("luma_products")
    purchases = registry.resolve("luma_purchases")
    assert (loyalty.behavior, loyalty.class_name) == ("record", "_xdm.context.profile")
    assert (products.behavior, products.class_name) == ("record", "_techmarketingdemos.classes.luma_product_catalog")
    assert (purchases.behavior, purchases.class_name) == ("time-series", "_xdm.context.experienceevent")
    assert loyalty.id == "https://ns.adobe.com/techmarketingdemos/schemas/luma_loyalty"
    assert luma.PROFILE in loyalty.extends
    assert "https://ns.adobe.com/xdm/data/record" in loyalty.extends
    assert "https://ns.adobe.com/techmarketingdemos/fieldgroups/luma_identity_profile" in loyalty.extends


def test_identities_come_from_descriptors_primary_first(registry: SchemaRegistry) -> None:
    identifier = ("_techmarketingdemos", "systemIdentifier")
    assert registry.resolve("luma_loyalty").identities == (
        IdentityField(path=(*identifier, "loyaltyId"), namespace="lumaLoyaltyId", primary=True),
        IdentityField(path=(*identifier, "crmId"), namespace="lumaCrmId", primary=False),
    )
    assert registry.resolve("luma_loyalty").primary_identity == registry.resolve("luma_loyalty").identities[0]


def test_the_relationship_to_products_is_carried(registry: SchemaRegistry) -> None:
    assert registry.resolve("luma_purchases").relationships == (
        Relationship(
            path=("productListItems", "[]", "SKU"),
            destination_schema="luma_products",
            destination_path=("_techmarketingdemos", "productSku"),
            namespace="lumaProductSKU",
        ),
    )


LOYALTY_RECORD: dict[str, Any] = {
    "_techmarketingdemos": {
        "systemIdentifier": {"loyaltyId": "5625458", "crmId": "112ca06ed53d3db37e4cea49cc45b71e"},
    },
    "loyalty": {"points": 596518, "tier": "gold", "joinDate": "2000-05-15"},
    "person": {"name": {"firstName": "Daniel", "lastName": "Wright"}},
    "homeAddress": {"city": "New York City"},
}
CRM_RECORD: dict[str, Any] = {
    "_techmarketingdemos": {"systemIdentifier": {"crmId": "112ca06ed53d3db37e4cea49cc45b71e"}},
    "person": {"name": {"firstName": "Danny", "lastName": "Wright"}, "gender": None},
    "personalEmail": {"address": "dwright@adobe.com"},
    "mobilePhone": {"number": "212-555-5555"},
    "homeAddress": {"city": "Portland"},
}
PURCHASE_RECORD: dict[str, Any] = {
    "_techmarketingdemos": {"systemIdentifier": {"loyaltyId": 5625458}},
    "commerce": {"order": {"purchaseID": "805-472-642-1090", "priceTotal": 252.19}},
    "productListItems": [{"SKU": "24-UG03", "quantity": 1}, {"SKU": "LLMJ03", "quantity": 3}],
    "timestamp": "2020-08-11T00:00:00Z",
    "_id": "e722bbcc-9653-4715-8ff6-545b314061f2",
}
PRODUCT_RECORD: dict[str, Any] = {
    "_techmarketingdemos": {
        "productSku": "LLMH09",
        "productName": "Abominable Hoodie",
        "productCategory": "men:tops:hoodies_sweatshirts",
        "productColor": "blue",
        "productSize": "s",
        "productPrice": 69,
    },
}


def test_sample_records_as_written_break_only_what_ingestion_mends(registry: SchemaRegistry) -> None:
    assert broken_rules(registry, "luma_loyalty", LOYALTY_RECORD) == [("loyalty.joinDate", "format")]
    assert broken_rules(registry, "luma_crm", CRM_RECORD) == [("person.gender", "enum"), ("person.gender", "type")]
    assert broken_rules(registry, "luma_purchases", PURCHASE_RECORD) == [
        ("_techmarketingdemos.systemIdentifier.loyaltyId", "type")
    ]
    assert broken_rules(registry, "luma_products", PRODUCT_RECORD) == []


def test_sample_records_are_valid_once_converted(registry: SchemaRegistry) -> None:
    loyalty = {**LOYALTY_RECORD, "loyalty": {**LOYALTY_RECORD["loyalty"], "joinDate": "2000-05-15T00:00:00Z"}}
    crm = {**CRM_RECORD, "person": {"name": CRM_RECORD["person"]["name"]}}
    purchase = {**PURCHASE_RECORD, "_techmarketingdemos": {"systemIdentifier": {"loyaltyId": "5625458"}}}
    assert broken_rules(registry, "luma_loyalty", loyalty) == []
    assert broken_rules(registry, "luma_crm", crm) == []
    assert broken_rules(registry, "luma_purchases", purchase) == []


def test_required_fields_are_demanded(registry: SchemaRegistry) -> None:
    purchase = {"productListItems": [{"quantity": 1}], "commerce": {"purchases": {}}}
    assert broken_rules(registry, "luma_purchases", purchase) == [
        ("", "required"),
        ("", "required"),
        ("commerce.purchases", "required"),
        ("productListItems.0", "required"),
    ]
    assert broken_rules(registry, "luma_products", {}) == [("", "required")]
    assert broken_rules(registry, "luma_products", {"_techmarketingdemos": {}}) == [("_techmarketingdemos", "required")]


def test_gender_takes_only_the_standard_values(registry: SchemaRegistry) -> None:
    assert broken_rules(registry, "luma_crm", {"person": {"gender": "non_specific"}}) == []
    assert broken_rules(registry, "luma_crm", {"person": {"gender": "m"}}) == [("person.gender", "enum")]
