"""Schemas and records that the tests of the row engine share."""

import random
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

EVENT_TYPES = ["commerce.purchases", "commerce.productViews", "web.webpagedetails.pageViews"]

_TEXT: dict[str, Any] = {"type": "string", "meta:xdmType": "string"}

EVENT: dict[str, Any] = {
    "type": "object",
    "meta:xdmType": "object",
    "required": ["_id", "timestamp"],
    "properties": {
        "_id": _TEXT | {"minLength": 2, "maxLength": 40},
        "timestamp": {"type": "string", "format": "date-time", "meta:xdmType": "date-time"},
        "eventType": _TEXT | {"enum": EVENT_TYPES},
        "_tenant": {
            "type": "object",
            "properties": {
                "systemIdentifier": {
                    "type": "object",
                    "properties": {
                        "crmId": _TEXT | {"pattern": r"^CRM[0-9]{4}$"},
                        "loyaltyId": _TEXT | {"pattern": r"^[^\D]+$"},
                    },
                },
                "flag": {"type": "boolean"},
                "birthDate": {"type": "string", "format": "date", "meta:xdmType": "date"},
                "anything": {},
                "free": {"type": "object"},
                "either": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "integer", "minimum": 100}]},
                "even": {"type": "integer", "multipleOf": 2},
                "tags": {"type": "array", "items": _TEXT, "uniqueItems": True},
                "strict": {"type": "object", "properties": {"a": _TEXT}, "additionalProperties": False},
                "counts": {
                    "type": "object",
                    "meta:xdmType": "map",
                    "additionalProperties": {"type": "integer", "minimum": 0},
                },
                "byte": {"type": "integer", "meta:xdmType": "byte"},
                "short": {"type": "integer", "meta:xdmType": "short"},
                "int": {"type": "integer", "meta:xdmType": "int"},
                "long": {"type": "integer", "meta:xdmType": "long"},
                "grade": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 7.5},
                "steps": {"type": "integer", "exclusiveMinimum": 0.5, "maximum": 10},
                "constant": _TEXT | {"const": "always"},
            },
        },
        "identityMap": {
            "type": "object",
            "meta:xdmType": "map",
            "additionalProperties": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": _TEXT,
                        "primary": {"type": "boolean"},
                        "authenticatedState": _TEXT | {"enum": ["ambiguous", "authenticated", "loggedOut"]},
                    },
                },
            },
        },
        "commerce": {
            "type": "object",
            "properties": {
                "order": {
                    "type": "object",
                    "properties": {
                        "purchaseID": _TEXT,
                        "priceTotal": {"type": "number", "minimum": 0},
                        "currencyCode": _TEXT | {"pattern": "^[A-Z]{3}$"},
                    },
                }
            },
        },
        "productListItems": {
            "type": "array",
            "minItems": 1,
            "maxItems": 4,
            "items": {
                "type": "object",
                "required": ["SKU"],
                "properties": {
                    "SKU": _TEXT | {"minLength": 1},
                    "quantity": {"type": "integer", "minimum": 0, "maximum": 2147483647},
                    "priceTotal": {"type": "number"},
                    "at": {"type": "array", "items": {"type": "string", "format": "date-time"}},
                },
            },
        },
    },
}
"""An event schema with one of everything that the compiler knows, and some of what it leaves to the oracle."""


def make_event(number: int, rng: random.Random) -> dict[str, Any]:
    """A valid event. One in four has the fields whose rules only the oracle can check."""
    minute = f"{rng.randrange(60):02}"
    event: dict[str, Any] = {
        "_id": f"evt-{number:06}",
        "timestamp": rng.choice(
            [f"2020-08-11T10:{minute}:00Z", f"2020-08-11T10:{minute}:00.123+02:00", 1597140000000 + number * 1000]
        ),
        "eventType": rng.choice(EVENT_TYPES),
        "_tenant": {
            "systemIdentifier": {"crmId": f"CRM{number % 10000:04}", "loyaltyId": str(number)},
            "flag": rng.random() < 0.5,
            "birthDate": "1984-02-29",
            "anything": rng.choice([[1, {"deep": None}], "text", 12.5, True]),
            "strict": {"a": "x"},
            "counts": {"views": number, "née": 0},
            "byte": -128,
            "short": 32767,
            "int": -2147483648,
            "long": 9007199254740991,
            "grade": 7.25,
            "steps": 10,
            "constant": "always",
        },
        "identityMap": {"ECID": [{"id": f"{number:038}", "primary": True}], "Email": [{"id": "daniel@example.com"}]},
        "commerce": {"order": {"purchaseID": f"PO-{number}", "priceTotal": 252.19, "currencyCode": "EUR"}},
        "productListItems": [
            {"SKU": "24-UG03", "quantity": 1, "priceTotal": 12, "at": ["2020-08-11T00:00:00Z"]},
            {"SKU": "LLMJ03", "quantity": 3},
        ],
    }
    if rng.random() < 0.25:
        undecided = {
            "free": {"a": [number]},
            "either": rng.choice(["abc", 100]),
            "even": 2 * number,
            "tags": ["a", "b"],
        }
        event["_tenant"] |= undecided
    return event


ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.0, 1.5, 3, 99, 101, 127, 128, -129, 32768, 2**31, 2**40, 2**53 + 1, 2**63, 10**25,
    1e300, -0.0, 7.5, "", " ", "x", "12", "12.0", "+7", "-3", "1e3", "1e999", ".5", "0x10", "NaN", "n/a", "true",
    "yes", "always", "2018-07-10", "2018-02-31", "2018-07-10T10:00:00Z", "2018-02-31T10:00:00Z",
    "2018-07-10 10:00:00Z", "2018-07-10T10:00:00", "2018-07-10T10:00:00+0000", "2018-07-10T24:00:00Z",
    "2018-07-10T10:00:60Z", "2018-07-10T10:00:00.123456789Z", "2018-07-10t10:00:00z", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00", "1531263959000", 1531263959000, 1531263959, "20180710", -5, 5, "L1234\n",
    "CRM1234\n", "٣", "USD", "usd", "a\u0000b", "é\"\\", "k", "K", [], [None], [""], ["a", "a"], ["a", 1], [[1]],
    {}, {"a": 1}, {"a": None}, {"SKU": "s"}, {"views": "7"}, {"views": None, "x": 1}, [{"id": "q"}], [{}],
    [{"SKU": 5, "quantity": "2"}], [{"SKU": ""}], [1] * 5,
]  # fmt: skip
"""Values that are right somewhere and wrong elsewhere."""


def mutate(record: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A copy with one change: a value replaced or removed, a field added, a value put into a map."""
    changed = deepcopy(record)
    place = rng.choice(_places(changed))
    container: Any = changed
    for step in place[:-1]:
        container = container[step]
    chance = rng.random()
    if chance < 0.2 and isinstance(container, dict):
        del container[place[-1]]
    elif chance < 0.3 and isinstance(container, dict):
        container[f"unknown{rng.randrange(3)}"] = rng.choice(ODD_VALUES)
    elif chance < 0.4 and isinstance(changed.get("identityMap"), dict):
        changed["identityMap"][f"NS{rng.randrange(3)}"] = rng.choice(ODD_VALUES)
    else:
        container[place[-1]] = rng.choice(ODD_VALUES)
    return changed


def _places(value: object, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [place] if place else []
    members: Iterable[tuple[Any, object]]
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    else:
        return found
    for step, member in members:
        found += _places(member, (*place, step))
    return found


def spoil(text: bytes, rng: random.Random) -> bytes:
    """Damage the JSON text of a record, seldom so that it stays valid."""
    return rng.choice(
        [
            text[: -rng.randrange(1, 30)],
            text + b" x",
            text + text,
            b"  " + text + b"  ",
            text.replace(b'"_id":', b'"_id":"dup","_id":', 1),
            text.replace(b"evt", b"\xff\xfe", 1),
            text.replace(b"evt", b"\xed\xa0\x80", 1),
            text.replace(b'"evt', b'"\\ud83dx', 1),
            text.replace(b'"priceTotal":', b'"priceTotal":NaN,"z":', 1),
            text.replace(b'"priceTotal":', b'"priceTotal":1e400,"z":', 1),
            text.replace(b'"priceTotal":', b'"z":1e400,"priceTotal":', 1),
            text.replace(b'"priceTotal":', b'"z":"\xff","priceTotal":', 1),
            text.replace(b'"quantity":', b'"quantity":' + b"9" * 500 + b',"z":', 1),
            text.replace(b'"quantity":', b'"z":' + b"9" * 5000 + b',"quantity":', 1),
            text.replace(b'"_id":', b'"\\u005fid":', 1),
            text.replace(b'"SKU":', b'"z":' + b"[" * 200 + b"]" * 200 + b',"SKU":', 1),
            text.replace(b'"SKU":', b'"z":' + b"[" * 5000 + b"]" * 5000 + b',"SKU":', 1),
            text.replace(b"evt", b"ev\x00t", 1),
            text.replace(b",", b",,", 1),
            b"null",
            b'"text"',
            b"{}",
            b"12",
        ]
    )
