"""Seeded test data: purchase events of about a kilobyte each, one in a thousand of them bad.

`python -m bench._generate FOLDER --rows N` writes `events.ndjson`, and the same events as an array, compressed, flat as
CSV (four times over, so that it has as many bytes), and with a tenth and half of them bad.
"""

import argparse
import csv
import gzip
import io
import json
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

EVENT_TYPES = ["commerce.purchases", "commerce.productViews", "commerce.checkouts", "web.webinteraction.linkClicks"]
_TEXT: dict[str, Any] = {"type": "string"}
_SIZE: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 65535}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_id", "timestamp", "eventType"],
    "properties": {
        "_id": _TEXT | {"minLength": 1, "maxLength": 64},
        "timestamp": _TEXT | {"format": "date-time"},
        "eventType": _TEXT | {"enum": EVENT_TYPES},
        "_shop": _object(
            systemIdentifier=_object(
                crmId=_TEXT | {"pattern": "^CRM[0-9]{8}$"}, loyaltyId=_TEXT | {"pattern": "^L[0-9]{10}$"}
            )
        ),
        "identityMap": {
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": _object(
                    id=_TEXT,
                    primary={"type": "boolean"},
                    authenticatedState=_TEXT | {"enum": ["ambiguous", "authenticated", "loggedOut"]},
                )
                | {"required": ["id"]},
            },
        },
        "commerce": _object(
            order=_object(
                purchaseID=_TEXT,
                priceTotal={"type": "number", "minimum": 0},
                currencyCode=_TEXT | {"pattern": "^[A-Z]{3}$"},
            )
        ),
        "productListItems": {
            "type": "array",
            "items": _object(
                SKU=_TEXT | {"minLength": 1},
                name=_TEXT,
                quantity={"type": "integer", "minimum": 0, "maximum": 100000},
                priceTotal={"type": "number", "minimum": 0},
            )
            | {"required": ["SKU"]},
        },
        "web": _object(webPageDetails=_object(name=_TEXT, URL=_TEXT)),
        "personalEmail": _object(address=_TEXT | {"pattern": "^[^@]+@[^@]+$"}),
        "environment": _object(
            type=_TEXT | {"enum": ["browser", "application", "iot"]},
            ipV4=_TEXT,
            browserDetails=_object(userAgent=_TEXT, viewportWidth=_SIZE, viewportHeight=_SIZE),
        ),
    },
}
_ZONES = [UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=1)), timezone(timedelta(hours=5, minutes=30))]
_PRODUCTS = [
    "Trail running shoes",
    'Waterproof jacket "Alpine"',
    "Carbon road bike",
    "Wool socks, 3 pairs",
    "Stove – compact",
]
_AGENTS = [
    "Mozilla/5.0 (Macintosh) Safari/605.1",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/126",
    "Mozilla/5.0 (iPhone) Mobile",
]


CSV_COLUMNS = [
    "_id",
    "timestamp",
    "eventType",
    "_shop.systemIdentifier.crmId",
    "_shop.systemIdentifier.loyaltyId",
    "commerce.order.purchaseID",
    "commerce.order.priceTotal",
    "commerce.order.currencyCode",
    "web.webPageDetails.name",
    "web.webPageDetails.URL",
    "personalEmail.address",
    "environment.type",
    "environment.ipV4",
    "environment.browserDetails.viewportWidth",
    "environment.browserDetails.viewportHeight",
]


CSV_TIMES = 4
"""A record of so few columns has a quarter of an event's bytes: the file has the events so many times."""


def make_events(rows: int, seed: int = 7, *, bad_share: float = 0.001) -> Iterator[dict[str, Any]]:
    """Events in the order of their time; six kinds of fault."""
    rng = random.Random(seed)
    for number in range(rows):
        event = _make_event(number, rng, people=max(1000, rows // 4))
        if rng.random() < bad_share:
            _spoil(event, rng)
        yield event


def _make_event(number: int, rng: random.Random, people: int) -> dict[str, Any]:
    person = rng.randrange(people)
    moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(milliseconds=37 * number + rng.randrange(86_400_000))
    basket = [
        (f"SKU-{rng.randrange(10**6):06}", rng.randrange(1, 6), rng.randrange(100, 30000) / 100)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4)))
    ]
    email = f"user{person:07}@example.com"
    return {
        "_id": f"evt-{number:09}-{person * 2654435761 % 2**32:08x}",
        "timestamp": _write_time(moment, rng),
        "eventType": rng.choice(EVENT_TYPES),
        "_shop": {"systemIdentifier": {"crmId": f"CRM{person:08}", "loyaltyId": f"L{person * 7919 % 10**10:010}"}},
        "identityMap": {
            "Email": [{"id": email, "primary": True}],
            "ECID": [{"id": f"{person * 97 + 10**30:038}", "authenticatedState": "ambiguous"}],
        },
        "commerce": {
            "order": {
                "purchaseID": f"PO-{rng.randrange(10**10):010}",
                "priceTotal": round(sum(quantity * price for _, quantity, price in basket), 2),
                "currencyCode": rng.choice(("USD", "EUR", "GBP", "JPY")),
            }
        },
        "productListItems": [
            {"SKU": sku, "name": rng.choice(_PRODUCTS), "quantity": quantity, "priceTotal": price}
            for sku, quantity, price in basket
        ],
        "web": {
            "webPageDetails": {"name": "Product page", "URL": f"https://shop.example.com/p/{rng.randrange(10**6)}"}
        },
        "personalEmail": {"address": email},
        "environment": {
            "type": "browser",
            "ipV4": f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
            "browserDetails": {
                "userAgent": rng.choice(_AGENTS),
                "viewportWidth": 800 + rng.randrange(1200),
                "viewportHeight": 600 + rng.randrange(800),
            },
        },
    }


def _write_time(moment: datetime, rng: random.Random) -> str | int:
    """60 % with an offset, 25 % with Z, 15 % as epoch milliseconds."""
    chance = rng.random()
    if chance < 0.6:
        return moment.astimezone(rng.choice(_ZONES)).isoformat(timespec="milliseconds")
    if chance < 0.85:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return int(moment.timestamp() * 1000)


def _spoil(event: dict[str, Any], rng: random.Random) -> None:
    match rng.randrange(6):
        case 0:
            event["commerce"]["order"]["priceTotal"] = "n/a"
        case 1:
            del event["_id"]
        case 2:
            event["timestamp"] = "yesterday 10:00"
        case 3:
            event["eventType"] = "commerce.unknown"
        case 4:
            event["commerce"]["order"]["currencyCode"] = "usd"
        case _:
            event["productListItems"][0]["quantity"] = -1


def write_files(folder: Path, rows: int) -> None:
    """Write the same events in every form."""
    lines, array = folder / "events.ndjson", folder / "events.array.json"
    with lines.open("w", encoding="utf-8") as nd, array.open("w", encoding="utf-8") as ar:
        for number, event in enumerate(make_events(rows)):
            text = _as_text(event)
            nd.write(text + "\n")
            ar.write((",\n" if number else "[\n") + text)
        ar.write("\n]\n")
    with lines.open("rb") as plain, gzip.open(folder / "events.ndjson.gz", "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed)
    for percent in (10, 50):
        with (folder / f"events.bad{percent}.ndjson").open("w", encoding="utf-8") as bad:
            bad.writelines(_as_text(event) + "\n" for event in make_events(rows, bad_share=percent / 100))
    _write_csv(folder / "events.csv", rows)


def _write_csv(file: Path, rows: int, *, times: int = CSV_TIMES) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for event in make_events(rows):
        writer.writerow([_value(event, column.split(".")) for column in CSV_COLUMNS])
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerow(CSV_COLUMNS)
        for _ in range(times):
            stream.write(text.getvalue())


def _as_text(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _value(event: Any, path: list[str]) -> Any:  # noqa: ANN401  (JSON)
    for name in path:
        event = event.get(name, "")
    return event


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write_files(arguments.folder, arguments.rows)
