"""Sample purchases in Luma's shops and outlets."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from demo.people import LOYALTY_ID, TENANT, Record

PURCHASES: Final = 1_000
OUTLET_PURCHASES: Final = 250
PURCHASE_ID: Final = "805-472-642-1090"
"""Daniel Wright's only purchase."""

_DANIELS = 271
_FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
_MOST_LINES = 5


def purchase_records(rng: Random, loyalty_ids: list[str], skus: list[str]) -> list[Record]:
    """Make the purchases of the given members, Daniel Wright's among them.

    All are of the year 2020. In about half of them the loyalty id is a number instead of text. `priceTotal` is not the
    sum of the items' prices.
    """
    records = _purchases(rng, PURCHASES, loyalty_ids, skus)
    records[_DANIELS] = _PURCHASE
    return records


def outlet_records(rng: Random, loyalty_ids: list[str], skus: list[str]) -> list[Record]:
    """Make the purchases in outlets, which look the same; Daniel Wright has never been there."""
    return _purchases(rng, OUTLET_PURCHASES, loyalty_ids, skus)


def _purchases(rng: Random, count: int, loyalty_ids: list[str], skus: list[str]) -> list[Record]:
    members = [loyalty_id for loyalty_id in loyalty_ids if loyalty_id != LOYALTY_ID]
    return [_purchase(rng, rng.choice(members), skus) for _ in range(count)]


def _purchase(rng: Random, loyalty_id: str, skus: list[str]) -> Record:
    lines = [{"SKU": sku, "quantity": rng.randint(1, 4)} for sku in rng.sample(skus, rng.randint(1, _MOST_LINES))]
    time_of_day = timedelta(seconds=rng.randrange(86_400) if rng.random() < 0.5 else 0)
    timestamp = _FIRST_DAY + timedelta(days=rng.randrange(366)) + time_of_day
    order = {"purchaseID": _purchase_id(rng), "priceTotal": rng.randrange(500, 60_000) / 100}
    return {
        TENANT: {"systemIdentifier": {"loyaltyId": int(loyalty_id) if rng.random() < 0.5 else loyalty_id}},
        "commerce": {"order": order},
        "productListItems": lines,
        "timestamp": timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "_id": str(UUID(int=rng.getrandbits(128), version=4)),
    }


def _purchase_id(rng: Random) -> str:
    first, second, third = (rng.randrange(100, 1_000) for _ in range(3))
    return f"{first}-{second}-{third}-{rng.randrange(1_000, 10_000)}"


_PURCHASE: Final[Record] = {
    TENANT: {"systemIdentifier": {"loyaltyId": int(LOYALTY_ID)}},
    "commerce": {"order": {"purchaseID": PURCHASE_ID, "priceTotal": 252.19}},
    "productListItems": [
        {"SKU": "24-UG03", "quantity": 1},
        {"SKU": "LLMJ03", "quantity": 3},
        {"SKU": "LLWP11", "quantity": 2},
        {"SKU": "LLMH09", "quantity": 3},
    ],
    "timestamp": "2020-08-11T00:00:00Z",
    "_id": "e722bbcc-9653-4715-8ff6-545b314061f2",
}
