"""The data lake: one Iceberg table per dataset, one snapshot per batch, and the records that were rejected.

Start with `Lake` (in `lake.py`). Importing this room loads pyarrow and pyiceberg, so import it when a task runs.
"""

from headwater.lake.diagnostics import Diagnostics, DiagnosticsFile, DiagnosticsWriter, raw_record
from headwater.lake.lake import Lake
from headwater.lake.maintenance import BatchFacts, Maintained
from headwater.lake.references import BatchSnapshot
from headwater.lake.schemas import SYSTEM_COLUMN
from headwater.lake.staging import StageWriter

__all__ = [
    "SYSTEM_COLUMN",
    "BatchFacts",
    "BatchSnapshot",
    "Diagnostics",
    "DiagnosticsFile",
    "DiagnosticsWriter",
    "Lake",
    "Maintained",
    "StageWriter",
    "raw_record",
]
