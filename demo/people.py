"""Sample members of the loyalty programme and customers of the CRM system: many are the same people."""

import unicodedata
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from demo.words import CITIES, FIRST_NAMES, GENDERS, LAST_NAMES, TIERS

Record = dict[str, Any]
"""One record of a sample file, as JSON has it."""

TENANT: Final = "_techmarketingdemos"
"""The object that holds Luma's own fields."""
PEOPLE: Final = 1_000
"""Members, and customers."""
LOYALTY_ID: Final = "5625458"
"""Daniel Wright's loyalty id."""
CRM_ID: Final = "112ca06ed53d3db37e4cea49cc45b71e"
"""Daniel Wright's CRM id."""

_SHARED = 900  # members who are also customers
_WITHOUT_CRM_ID = 60  # members whose `crmId` is null; the rest have one that the CRM file does not know
_DANIEL_AS_MEMBER, _DANIEL_AS_CUSTOMER = 415, 730
_FIRST_JOIN_DATE = date(1998, 1, 1)


def loyalty_records(rng: Random, crm_ids: list[str]) -> list[Record]:
    """Make the members; Daniel Wright is one of them, and 900 of the 1,000 have one of the given CRM ids.

    Loyalty ids are distinct, and so are CRM ids where they are not null.
    """
    loyalty_ids = [str(number) for number in rng.sample(range(1_000_000, 10_000_000), PEOPLE)]
    known = rng.sample([crm_id for crm_id in crm_ids if crm_id != CRM_ID], _SHARED - 1)
    unknown = [_crm_id(rng) for _ in range(PEOPLE - _SHARED - _WITHOUT_CRM_ID)]
    links: list[str | None] = [*known, *unknown, *[None] * _WITHOUT_CRM_ID]
    rng.shuffle(links)
    links.insert(_DANIEL_AS_MEMBER, CRM_ID)
    records = [_member(rng, loyalty_id, crm_id) for loyalty_id, crm_id in zip(loyalty_ids, links, strict=True)]
    records[_DANIEL_AS_MEMBER] = _DANIEL
    return records


def crm_records(rng: Random) -> list[Record]:
    """Make the customers, each with a CRM id of its own; Daniel Wright is Danny here."""
    records = [_customer(rng, _crm_id(rng), number) for number in range(PEOPLE)]
    records[_DANIEL_AS_CUSTOMER] = _DANNY
    return records


def crm_id_of(record: Record) -> str | None:
    """Return a record's CRM id, None if it has none."""
    value: str | None = record[TENANT]["systemIdentifier"].get("crmId")
    return value


def loyalty_id_of(record: Record) -> str:
    """Return a record's loyalty id as text; some purchases have it as a number."""
    return str(record[TENANT]["systemIdentifier"]["loyaltyId"])


def _member(rng: Random, loyalty_id: str, crm_id: str | None) -> Record:
    joined = _FIRST_JOIN_DATE + timedelta(days=rng.randrange(8_000))
    return {
        TENANT: {"systemIdentifier": {"loyaltyId": loyalty_id, "crmId": crm_id}},
        "loyalty": {"points": rng.randrange(900_000), "tier": rng.choice(TIERS), "joinDate": joined.isoformat()},
        "person": {
            "name": {
                "firstName": _or_null(rng, 0.02, rng.choice(FIRST_NAMES)),
                "lastName": _or_null(rng, 0.02, rng.choice(LAST_NAMES)),
            }
        },
        "homeAddress": {"city": _or_null(rng, 0.05, rng.choice(CITIES))},
    }


def _customer(rng: Random, crm_id: str, number: int) -> Record:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    address = f"{_ascii(first)}.{_ascii(last)}{number}@example.com"
    phone = f"{rng.randrange(201, 990)}-555-{rng.randrange(100, 200):04d}"
    return {
        TENANT: {"systemIdentifier": {"crmId": crm_id}},
        "person": {
            "name": {"firstName": _or_null(rng, 0.02, first), "lastName": _or_null(rng, 0.02, last)},
            "gender": _or_null(rng, 0.3, rng.choice(GENDERS)),
        },
        "personalEmail": {"address": _or_null(rng, 0.1, address)},
        "mobilePhone": {"number": _or_null(rng, 0.2, phone)},
        "homeAddress": {"city": _or_null(rng, 0.05, rng.choice(CITIES))},
    }


def _crm_id(rng: Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def _or_null(rng: Random, share: float, value: str) -> str | None:
    return None if rng.random() < share else value


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalpha())


_DANIEL: Final[Record] = {
    TENANT: {"systemIdentifier": {"loyaltyId": LOYALTY_ID, "crmId": CRM_ID}},
    "loyalty": {"points": 596518, "tier": "gold", "joinDate": "2000-05-15"},
    "person": {"name": {"firstName": "Daniel", "lastName": "Wright"}},
    "homeAddress": {"city": "New York City"},
}
_DANNY: Final[Record] = {
    TENANT: {"systemIdentifier": {"crmId": CRM_ID}},
    "person": {"name": {"firstName": "Danny", "lastName": "Wright"}, "gender": None},
    "personalEmail": {"address": "dwright@adobe.com"},
    "mobilePhone": {"number": "212-555-5555"},
    "homeAddress": {"city": "Portland"},
}
