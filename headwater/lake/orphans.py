"""Finds and deletes files below a table that nothing refers to any more: what killed attempts and expiry left.

A file goes only if all of this holds: it is older than the recovery window; it lies where Headwater or Iceberg put
such files; no snapshot refers to it; and it is not in the folder of a batch that may still be committed. The order of
looking matters: first the files, then the batches that are open, then the table. A batch that ends in between is thus
seen as open, or its files are seen in the table.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyarrow import fs
from pyiceberg.table import Table

from headwater.lake.references import references
from headwater.lake.storage import delete_files

OpenBatches = Callable[[], Collection[str]]
"""Tells which batches of the table's dataset may still be committed."""
_DATA: Final = "data/"
_METADATA: Final = "metadata/"
_PROTOCOL: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_METADATA_SUFFIXES: Final = (".avro", ".metadata.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFolder:
    """Where a table's files lie: its address, and the same as a path in its file system."""

    uri: str
    file_system: fs.FileSystem
    path: str

    def files(self) -> dict[str, fs.FileInfo]:
        """Every file, by its path below the folder."""
        selector = fs.FileSelector(self.path, recursive=True, allow_not_found=True)
        return {
            info.path.removeprefix(self.path).lstrip("/"): info
            for info in self.file_system.get_file_info(selector)
            if info.is_file
        }


def find_orphans(
    load: Callable[[], Table], folder: TableFolder, *, before: datetime, open_batches: OpenBatches
) -> tuple[str, ...]:
    """Addresses of the files that may go, sorted.

    Args:
        load: Loads the table as it is now; called after the files were listed.
        folder: The table's folder.
        before: Files that were written at this time or later are never named.
        open_batches: Called after the files were listed, and before the table is loaded.
    """
    old = [name for name, info in folder.files().items() if info.mtime < before and _is_ours(name)]
    if not old:
        return ()
    waiting = set(open_batches())
    known = references(load())
    kept = {place(uri) for uri in (*known.data, *known.metadata)}
    candidates = sorted(f"{folder.uri}/{name}" for name in old if _batch_folder(name) not in waiting)
    return tuple(uri for uri in candidates if place(uri) not in kept)


def find_missing(data_files: Callable[[], Collection[str]], folder: TableFolder) -> tuple[str, ...]:
    """Addresses of the data files that are not there, sorted.

    Args:
        data_files: Gives the files that the table refers to; called before the folder is listed, so that a load that
            ends in between is not taken for a loss.
        folder: The table's folder.
    """
    expected = sorted(data_files())
    present = {place(f"{folder.uri}/{name}") for name in folder.files()}
    return tuple(uri for uri in expected if place(uri) not in present)


def remove_orphans(
    load: Callable[[], Table], folder: TableFolder, *, before: datetime, open_batches: OpenBatches
) -> int:
    """Delete what `find_orphans` finds; how many files that were."""
    found = find_orphans(load, folder, before=before, open_batches=open_batches)
    if found:
        delete_files(load().io, found)
    return len(found)


def place(uri: str) -> str:
    """An address without its protocol: engines write `file:/x` and `file:///x`, `s3://b/x` and `s3a://b/x` alike."""
    return _PROTOCOL.sub("", uri).lstrip("/")


def _is_ours(name: str) -> bool:
    if name.startswith(_METADATA):
        return name.endswith(_METADATA_SUFFIXES)
    return name.startswith(_DATA) and name.endswith(".parquet")


def _batch_folder(name: str) -> str:
    return name.removeprefix(_DATA).partition("/")[0]
