"""Another engine reads the tables that we write, and finds the same rows."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from headwater.lake import SYSTEM_COLUMN, Lake
from headwater.lake.iceberg_catalog import NAMESPACE, open_catalog
from headwater.lake.storage import parse_location
from tests.contract.lake.rows import COLUMNS, LakeAddress, maintain, stage_events
from tests.servers.tools import require_module

NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)
SCRIPT = """
import json
import sys

from datafusion import SessionContext
from pyiceberg_core.datafusion import IcebergDataFusionTable

table = IcebergDataFusionTable(identifier=["headwater", "events"], metadata_location=sys.argv[1], file_io_properties={})
context = SessionContext()
context.register_table("events", table)
rows = context.sql(
    "SELECT _id, _luma['shop']['city'] AS city, _acp_system_metadata['acp_sourceBatchId'] AS batch, "
    "_acp_system_metadata['rowNumber'] AS number FROM events ORDER BY _id"
).to_pylist()
of_a_day = context.sql(
    "SELECT count(*) AS n FROM events WHERE timestamp >= TIMESTAMP '2026-11-01T00:00:00Z' "
    "AND timestamp < TIMESTAMP '2026-11-02T00:00:00Z'"
).to_pylist()
print(json.dumps({"rows": rows, "of_a_day": of_a_day[0]["n"]}))
"""
"""Apache DataFusion with Iceberg's Rust library: it knows nothing of Headwater and pyiceberg.

In a process of its own, since a native library that fails takes its process with it.
"""


def read_by_datafusion(address: LakeAddress) -> dict[str, Any]:
    """What DataFusion finds, from the newest metadata file on."""
    require_module("datafusion", "datafusion")
    catalog = open_catalog(address.iceberg_url, parse_location(address.warehouse))
    location = catalog.load_table((NAMESPACE, "events")).metadata_location
    catalog.close()
    done = subprocess.run(  # noqa: S603 - our own interpreter, the script above
        [sys.executable, "-c", SCRIPT, location], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(lake: Lake) -> list[dict[str, Any]]:
    found = lake.scan("events").to_pylist()
    return [
        {
            "_id": row["_id"],
            "city": row["_luma"]["shop"]["city"],
            "batch": row[SYSTEM_COLUMN]["acp_sourceBatchId"],
            "number": row[SYSTEM_COLUMN]["rowNumber"],
        }
        for row in sorted(found, key=lambda row: str(row["_id"]))
    ]


def test_datafusion_reads_what_was_loaded_superseded_removed_and_compacted(lake: Lake, address: LakeAddress) -> None:
    lake.ensure_table("events", COLUMNS, day_of="timestamp")
    for number in range(12):
        batch = f"01JBKD00000000000000{number:06d}"
        events = [(f"{number}-{day}", NOON + timedelta(days=day)) for day in range(3)]
        files = stage_events(lake, "events", batch, *events, source_file=f"file-{number}")
        lake.commit("events", batch, files, supersede={"file-3"} if number == 9 else ())
    lake.remove_batches("events", ["01JBKD00000000000000000005"])

    before = read_by_datafusion(address)
    maintain(lake, "events")
    after = read_by_datafusion(address)

    assert before["rows"] == after["rows"] == rows(lake)
    assert (len(before["rows"]), before["of_a_day"], after["of_a_day"]) == (30, 10, 10)
