"""The sample files of the Luma example: the same bytes every time, every trap of the worked example in them.

Names, ids and prices are invented, except those of Daniel Wright, whose records the example gives.
"""

import csv
import gzip
import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from demo.people import Record, crm_id_of, crm_records, loyalty_id_of, loyalty_records
from demo.products import ALTERED_HEADINGS, HEADINGS, Product, product_rows
from demo.purchases import outlet_records, purchase_records

LOYALTY_FILE: Final = "luma-loyalty.json"
CRM_FILE: Final = "luma-crm.json"
PRODUCTS_FILE: Final = "luma-products.csv"
PURCHASES_FILE: Final = "luma-offline-purchases.json"
OUTLETS_FILE: Final = "luma-outlet-purchases.json.gz"
BROKEN_LINE: Final = 500
"""1-based number of the line that `purchases_with_broken_line` breaks."""

_SEED = 20
_MODIFIED_AT = datetime(2022, 6, 1, 2, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleData:
    """The records of the files."""

    loyalty: tuple[Record, ...]
    crm: tuple[Record, ...]
    products: tuple[Product, ...]
    purchases: tuple[Record, ...]
    outlets: tuple[Record, ...]

    @property
    def people(self) -> int:
        """How many people there are, once members and customers with the same CRM id are seen as one.

        Every purchase was made by a member.
        """
        links = {crm_id_of(record) for record in self.loyalty} & {crm_id_of(record) for record in self.crm}
        return len(self.loyalty) + len(self.crm) - len(links)


def sample_data() -> SampleData:
    """Make the sample records; equal on every call, on every machine."""
    crm = crm_records(_rng("crm"))
    loyalty = loyalty_records(_rng("loyalty"), [crm_id for record in crm if (crm_id := crm_id_of(record))])
    products = product_rows(_rng("products"))
    loyalty_ids = [loyalty_id_of(record) for record in loyalty]
    skus = [product[0] for product in products]
    purchases = purchase_records(_rng("purchases"), loyalty_ids, skus)
    outlets = outlet_records(_rng("outlets"), loyalty_ids, skus)
    return SampleData(
        loyalty=tuple(loyalty),
        crm=tuple(crm),
        products=tuple(products),
        purchases=tuple(purchases),
        outlets=tuple(outlets),
    )


def file_contents(data: SampleData) -> dict[str, bytes]:
    """Return the four files of the worked example, by name."""
    return {
        LOYALTY_FILE: json_array(data.loyalty),
        CRM_FILE: json_array(data.crm),
        PRODUCTS_FILE: products_csv(data.products, HEADINGS),
        PURCHASES_FILE: ndjson(data.purchases),
    }


def demo_files(data: SampleData) -> dict[str, bytes]:
    """Return the files that the demo shows, by name: those four, and the outlets' purchases."""
    return file_contents(data) | {OUTLETS_FILE: gzip.compress(ndjson(data.outlets), mtime=0)}


def write_files(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files into a folder that exists, as if they had been there for a while.

    A file still being written is not taken, and what tells is its time of modification.
    """
    for name, content in contents.items():
        path = folder / name
        path.write_bytes(content)
        os.utime(path, (_MODIFIED_AT.timestamp(), _MODIFIED_AT.timestamp()))


def products_with_altered_headings(data: SampleData) -> bytes:
    """Return the product file under headings that the mapping set does not know."""
    return products_csv(data.products, ALTERED_HEADINGS)


def purchases_with_broken_line(data: SampleData) -> bytes:
    """Return the purchases with line `BROKEN_LINE` cut in the middle, so that it is no JSON."""
    lines = ndjson(data.purchases).splitlines(keepends=True)
    line = lines[BROKEN_LINE - 1]
    lines[BROKEN_LINE - 1] = line[: len(line) // 2] + b"\n"
    return b"".join(lines)


def json_array(records: Iterable[Record]) -> bytes:
    """Write records as one JSON array, one object per line."""
    return ("[" + ",\n".join(map(_to_json, records)) + "]\n").encode()


def ndjson(records: Iterable[Record]) -> bytes:
    """Write records as newline-delimited JSON."""
    return "".join(_to_json(record) + "\n" for record in records).encode()


def products_csv(products: Iterable[Product], headings: tuple[str, ...]) -> bytes:
    """Write products as CSV in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(products)
    return text.getvalue().encode()


def _rng(part: str) -> Random:
    return Random(f"{_SEED}/{part}")


def _to_json(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
