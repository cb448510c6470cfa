"""Small batches: Luma's people and products, and generated ones."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from headwater.model.documents import AttributeMerge, IdentityType, MergePolicy
from headwater.model.xdm import Behavior, IdentityField
from headwater.profile_store import BatchLoad

LOYALTY, CRM = "luma_loyalty_dataset", "luma_crm_dataset"
PURCHASES, PRODUCTS, WEB = (
    "luma_offline_purchase_events_dataset",
    "luma_product_catalog_dataset",
    "luma_web_events_dataset",
)
LOYALTY_ID, CRM_ID = "5625458", "112ca06ed53d3db37e4cea49cc45b71e"
ECID = "12345678901234567890123456789012345678"
START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

NAMESPACES = {
    "lumaLoyaltyId": IdentityType.CROSS_DEVICE,
    "lumaCrmId": IdentityType.CROSS_DEVICE,
    "lumaProductSKU": IdentityType.NON_PEOPLE,
    "lumaPartnerId": IdentityType.PARTNER,
}

DEFAULT = MergePolicy(name="default", default=True)
LOYALTY_PRIORITIZED = MergePolicy(
    name="loyalty-prioritized", attribute_merge=AttributeMerge(type="dataSetPrecedence", order=(LOYALTY, CRM))
)
LOYALTY_ONLY = MergePolicy(
    name="loyalty-only",
    identity_graph="none",
    attribute_merge=AttributeMerge(type="dataSetPrecedence", order=(LOYALTY,)),
)

_SYSTEM_IDENTIFIER = pa.struct([("loyaltyId", pa.string()), ("crmId", pa.string())])
_TENANT = pa.field("_luma", pa.struct([("systemIdentifier", _SYSTEM_IDENTIFIER)]))
_PROVENANCE = [
    pa.field("_acp_system_metadata", pa.struct([("rowNumber", pa.int64())])),
    pa.field("row_number", pa.int64()),
]
_PERSON = [
    pa.field("person", pa.struct([("name", pa.struct([("firstName", pa.string()), ("lastName", pa.string())]))])),
    pa.field("homeAddress", pa.struct([("city", pa.string())])),
]
LOYALTY_SCHEMA = pa.schema(
    [
        _TENANT,
        *_PERSON,
        (
            "loyalty",
            pa.struct([("points", pa.float64()), ("tier", pa.string()), ("joinDate", pa.timestamp("us", "UTC"))]),
        ),
        *_PROVENANCE,
    ]
)
CRM_SCHEMA = pa.schema(
    [
        _TENANT,
        *_PERSON,
        ("personalEmail", pa.struct([("address", pa.string())])),
        ("mobilePhone", pa.struct([("number", pa.string())])),
        ("consents", pa.map_(pa.string(), pa.string())),
        *_PROVENANCE,
    ]
)
PURCHASE_SCHEMA = pa.schema(
    [
        _TENANT,
        ("_id", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("commerce", pa.struct([("order", pa.struct([("purchaseID", pa.string()), ("priceTotal", pa.float64())]))])),
        ("productListItems", pa.list_(pa.struct([("SKU", pa.string()), ("quantity", pa.int32())]))),
        *_PROVENANCE,
    ]
)
PRODUCT_SCHEMA = pa.schema([("_luma", pa.struct([("productSku", pa.string()), ("productName", pa.string())]))])
_IDENTITY_ITEM = pa.struct([("id", pa.string()), ("authenticatedState", pa.string()), ("primary", pa.bool_())])
WEB_SCHEMA = pa.schema(
    [
        ("_id", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("identityMap", pa.map_(pa.string(), pa.list_(_IDENTITY_ITEM))),
    ]
)

LOYALTY_FIELD = IdentityField(path=("_luma", "systemIdentifier", "loyaltyId"), namespace="lumaLoyaltyId", primary=True)
CRM_FIELD = IdentityField(path=("_luma", "systemIdentifier", "crmId"), namespace="lumaCrmId", primary=True)
SECONDARY_CRM_FIELD = IdentityField(path=CRM_FIELD.path, namespace="lumaCrmId", primary=False)
SKU_FIELD = IdentityField(path=("_luma", "productSku"), namespace="lumaProductSKU", primary=True)


def at(minutes: int) -> datetime:
    """A time of ingestion."""
    return START + timedelta(minutes=minutes)


def loyalty_load(batch_id: str, minutes: int) -> BatchLoad:
    return _load(batch_id, minutes, LOYALTY, "record", (LOYALTY_FIELD, SECONDARY_CRM_FIELD))


def crm_load(batch_id: str, minutes: int) -> BatchLoad:
    return _load(batch_id, minutes, CRM, "record", (CRM_FIELD,))


def purchase_load(batch_id: str, minutes: int) -> BatchLoad:
    return _load(batch_id, minutes, PURCHASES, "time-series", (LOYALTY_FIELD,))


def product_load(batch_id: str, minutes: int) -> BatchLoad:
    return _load(batch_id, minutes, PRODUCTS, "record", (SKU_FIELD,))


def web_load(batch_id: str, minutes: int) -> BatchLoad:
    return replace(_load(batch_id, minutes, WEB, "time-series", ()), primary_in_identity_map=True)


def _load(
    batch_id: str, minutes: int, dataset: str, behavior: Behavior, identities: tuple[IdentityField, ...]
) -> BatchLoad:
    return BatchLoad(
        batch_id=batch_id,
        dataset=dataset,
        ingested_at=at(minutes),
        behavior=behavior,
        identities=identities,
        namespaces=NAMESPACES,
    )


def loyalty_row(loyalty_id: str | None, crm_id: str | None, **more: object) -> dict[str, object]:
    return {"_luma": {"systemIdentifier": {"loyaltyId": loyalty_id, "crmId": crm_id}}, **more}


def rows(schema: pa.Schema, records: Sequence[dict[str, Any]]) -> Iterable[pa.RecordBatch]:
    """One Arrow batch, with the provenance columns that come from the lake."""
    numbered = [
        {"_acp_system_metadata": {"rowNumber": number}, "row_number": number} | record
        for number, record in enumerate(records, 1)
    ]
    return [pa.RecordBatch.from_pylist(numbered, schema=schema)]


DANIEL = loyalty_row(
    LOYALTY_ID,
    CRM_ID,
    person={"name": {"firstName": "Daniel", "lastName": "Wright"}},
    homeAddress={"city": "New York City"},
    loyalty={"points": 596518.0, "tier": "gold", "joinDate": datetime(2000, 5, 15, tzinfo=UTC)},
)
DANNY = loyalty_row(
    None,
    CRM_ID,
    person={"name": {"firstName": "Danny", "lastName": "Wright"}},
    homeAddress={"city": "Portland"},
    personalEmail={"address": "dwright@adobe.com"},
    mobilePhone={"number": "212-555-5555"},
)
PURCHASE = loyalty_row(
    LOYALTY_ID,
    None,
    _id="e722bbcc-9653-4715-8ff6-545b314061f2",
    timestamp=datetime(2020, 8, 11, tzinfo=UTC),
    commerce={"order": {"purchaseID": "805-472-642-1090", "priceTotal": 252.19}},
    productListItems=[{"SKU": "24-UG03", "quantity": 1}, {"SKU": "LLMJ03", "quantity": 3}],
)
HOODIE = {"_luma": {"productSku": "LLMH09", "productName": "Abominable Hoodie"}}
