"""The resources of the worked example (spec: luma-tutorial.md, sections 2 and 2.1)."""

from typing import Any

from headwater.model.documents import DataType, Descriptor, FieldGroup, Schema, XdmClass
from headwater.xdm import SchemaRegistry, XdmResource

TENANT = "_techmarketingdemos"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
EXPERIENCE_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
DEMOGRAPHIC = "https://ns.adobe.com/xdm/context/profile-person-details"
CONTACT = "https://ns.adobe.com/xdm/context/profile-personal-details"
LOYALTY = "https://ns.adobe.com/xdm/mixins/profile/profile-loyalty-details"
COMMERCE = "https://ns.adobe.com/xdm/context/experienceevent-commerce"
WEB = "https://ns.adobe.com/xdm/context/experienceevent-web"
ENVIRONMENT = "https://ns.adobe.com/xdm/context/experienceevent-environment-details"
IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"
SOURCE_AUDIT = "https://ns.adobe.com/xdm/common/external-source-system-audit-details"

NAMESPACES = ("lumaLoyaltyId", "lumaCrmId", "lumaProductSKU")
LOYALTY_ID = f"/{TENANT}/systemIdentifier/loyaltyId"
CRM_ID = f"/{TENANT}/systemIdentifier/crmId"


def field_group(name: str, fields: dict[str, Any], extends: tuple[str, ...] = ()) -> FieldGroup:
    """An own field group with these fields below the tenant object."""
    return FieldGroup(name=name, properties={TENANT: {"type": "object", "properties": fields}}, extends=extends)


def schema(name: str, xdm_class: str, *field_groups: str, **more: object) -> Schema:
    """A schema of a class and field groups."""
    return Schema.model_validate({"name": name, "class": xdm_class, "field_groups": field_groups, **more})


def identity(of: str, property_: str, namespace: str, *, primary: bool = False) -> Descriptor:
    """An identity descriptor of a schema's property."""
    name = f"{of}.{property_.rpartition('/')[2]}"
    return Descriptor.model_validate(
        {
            "name": name,
            "type": "identity",
            "schema": of,
            "property": property_,
            "namespace": namespace,
            "primary": primary,
        }
    )


def luma_resources() -> list[XdmResource]:
    """Data type, class, field groups, the four schemas of files, and their descriptors."""
    text = {"type": "string"}
    return [
        DataType(name="system_identifier", properties={"loyaltyId": text, "crmId": text}),
        field_group("luma_identity_profile", {"systemIdentifier": {"$ref": "system_identifier"}}, extends=(PROFILE,)),
        field_group(
            "luma_identity_event", {"systemIdentifier": {"$ref": "system_identifier"}}, extends=(EXPERIENCE_EVENT,)
        ),
        XdmClass(name="luma_product_catalog", behavior="record"),
        FieldGroup(
            name="luma_product",
            extends=("luma_product_catalog",),
            properties={
                TENANT: {
                    "type": "object",
                    "properties": {
                        "productName": text,
                        "productCategory": text,
                        "productColor": text,
                        "productSize": text,
                        "productSku": text,
                        "productPrice": {"type": "number"},
                    },
                    "required": ["productSku"],
                }
            },
            required=(TENANT,),
        ),
        schema(
            "luma_loyalty", PROFILE, DEMOGRAPHIC, CONTACT, LOYALTY, "luma_identity_profile", enabled_for_profile=True
        ),
        schema("luma_crm", PROFILE, DEMOGRAPHIC, CONTACT, "luma_identity_profile", enabled_for_profile=True),
        schema("luma_products", "luma_product_catalog", "luma_product", enabled_for_profile=True),
        schema("luma_purchases", EXPERIENCE_EVENT, COMMERCE, "luma_identity_event", enabled_for_profile=True),
        identity("luma_loyalty", CRM_ID, "lumaCrmId"),
        identity("luma_loyalty", LOYALTY_ID, "lumaLoyaltyId", primary=True),
        identity("luma_crm", CRM_ID, "lumacrmid", primary=True),
        identity("luma_products", f"/{TENANT}/productSku", "lumaProductSKU", primary=True),
        identity("luma_purchases", LOYALTY_ID, "lumaLoyaltyId", primary=True),
        Descriptor.model_validate(
            {
                "name": "luma_purchases.product",
                "type": "relationship",
                "schema": "luma_purchases",
                "property": "/productListItems[*]/SKU",
                "namespace": "lumaProductSKU",
                "destination_schema": "luma_products",
                "destination_property": f"/{TENANT}/productSku",
            }
        ),
    ]


def registry(*resources: XdmResource | dict[str, Any], namespaces: tuple[str, ...] | None = None) -> SchemaRegistry:
    """A registry of the tenant of the worked example."""
    return SchemaRegistry(resources, tenant="techmarketingdemos", namespaces=namespaces)
