"""The row engine: bytes of a file to checked Arrow batches and explained bad rows.

Start with `compile_plan` (once per schema and mapping set) and `read_file` (once per file). Importing this package is
cheap; Arrow and msgspec are imported with the first name that is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headwater.ingest.plan import Plan, compile_plan
    from headwater.ingest.reader import FileReader, read_file
    from headwater.ingest.report import Chunk, FileReport

__all__ = ["Chunk", "FileReader", "FileReport", "Plan", "compile_plan", "read_file"]

_HOME = {
    "Chunk": "report",
    "FileReader": "reader",
    "FileReport": "report",
    "Plan": "plan",
    "compile_plan": "plan",
    "read_file": "reader",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
