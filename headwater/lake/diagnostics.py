"""Keeps rejected records as NDJSON, in AEP's shape (spec: batch-ingestion.md, section 11), with their original bytes.

A line is the record's own fields (`_corrupt_record` with its text where it is no JSON object), and beside them
`_errors`, `_filename` (the input file), `_row`, `_line`, `_offset`, and `_raw`: what came in, as text, or as Base64
with `_rawEncoding: "base64"` where it is not UTF-8. `_rawDisplayed` marks what only shows a record of a binary format
that has no JSON form; it is never replayed. `_rowsBefore` stands with a record of an archive's member: how many records
the members before it have. Files are `{root}/{batch id}/row_errors/part-{group}.json`.
"""

import base64
import binascii
import io
import logging
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import orjson
from pyarrow import fs
from ulid import ULID

from headwater.errors import NotFoundError
from headwater.lake.errors import explained
from headwater.lake.storage import parse_location
from headwater.model.records import MAX_RAW_BYTES, RowError

_log = logging.getLogger(__name__)

MAX_ROWS: Final = 10_000
MAX_BYTES: Final = 64 * 1024 * 1024
_BATCH_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OURS: Final = {
    "_errors",
    "_filename",
    "_row",
    "_line",
    "_offset",
    "_raw",
    "_rawEncoding",
    "_rawTruncated",
    "_rawDisplayed",
    "_rowsBefore",
    "_notKept",
}
_PART: Final = re.compile(r"part-\d{5}\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticsFile:
    """A file of rejected records: those of one file group of a batch."""

    name: str
    size_bytes: int


class Diagnostics:
    """The rejected records of all batches."""

    def __init__(self, file_system: fs.FileSystem, root: str) -> None:
        self._fs = file_system
        self._root = root

    @classmethod
    def open(cls, uri: str) -> Self:
        """Open the folder or object-store prefix; a local folder is created for its owner only, records being personal.

        Raises:
            SettingsError: the address has no meaning.
            LakeError: the place cannot be reached or written.
        """
        location = parse_location(uri)
        with explained("opening the diagnostics"):
            if location.scheme == "file":
                Path(location.uri.removeprefix("file://")).mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(*location.file_system())

    def writer(
        self, batch_id: str, group: int, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES
    ) -> "DiagnosticsWriter":
        """A writer for the rejected records of one file group. It replaces what an earlier attempt wrote."""
        return DiagnosticsWriter(
            self._fs, self._folder(batch_id), f"part-{group:05d}.json", max_rows=max_rows, max_bytes=max_bytes
        )

    def files(self, batch_id: str) -> tuple[DiagnosticsFile, ...]:
        """The batch's files in the order of their groups; none if nothing was rejected."""
        with explained(f"listing the diagnostics of batch {batch_id}"):
            found = self._fs.get_file_info(fs.FileSelector(self._folder(batch_id), allow_not_found=True))
            names = sorted((i.base_name, i.size) for i in found if i.is_file and _PART.fullmatch(i.base_name))
            return tuple(DiagnosticsFile(name=name, size_bytes=size) for name, size in names)

    def open_file(self, batch_id: str, name: str) -> BinaryIO:
        """Open one of the batch's `files` for reading.

        Raises:
            NotFoundError: the batch has no file of that name.
        """
        if name not in {file.name for file in self.files(batch_id)}:
            raise NotFoundError(f"batch {batch_id} has no diagnostics file {name!r}")
        with explained(f"reading the diagnostics of batch {batch_id}"):
            return io.BufferedReader(self._fs.open_input_stream(f"{self._folder(batch_id)}/{name}"))

    def read(self, batch_id: str, start: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """A page of rejected records, in the order of groups and rows; empty past the end.

        Where more records were rejected than are kept, the last one of the group says so: it has `_notKept`.
        """
        with closing(self._lines(batch_id)) as lines:
            return [orjson.loads(line) for line in islice(lines, start, start + limit)]

    def rows(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """All that `read` gives, one after the other."""
        with closing(self._lines(batch_id)) as lines:
            yield from map(orjson.loads, lines)

    def discard(self, batch_id: str, group: int | None = None) -> None:
        """Delete what was kept of one file group, or of the whole batch, unfinished files included."""
        prefix = "part-" if group is None else f"part-{group:05d}."
        folder = self._folder(batch_id)
        with explained(f"discarding the diagnostics of batch {batch_id}"):
            for info in self._fs.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
                if info.is_file and info.base_name.startswith(prefix):
                    with suppress(FileNotFoundError):
                        self._fs.delete_file(info.path)

    def discard_older(self, before: datetime) -> list[str]:
        """Delete what was kept of batches that nothing was written for since then (aware); other files stay.

        Returns:
            The batches' ids, sorted.
        """
        with explained("discarding old diagnostics"):
            newest: dict[str, datetime] = {}
            for info in self._fs.get_file_info(fs.FileSelector(self._root, recursive=True, allow_not_found=True)):
                batch_id, _, name = info.path.removeprefix(self._root).lstrip("/").partition("/")
                if info.is_file and _BATCH_ID.fullmatch(batch_id) and name.startswith("row_errors/part-"):
                    newest[batch_id] = max(info.mtime, newest.get(batch_id, info.mtime))
            old = sorted(batch_id for batch_id, written_at in newest.items() if written_at < before)
            for batch_id in old:
                with suppress(FileNotFoundError):
                    self._fs.delete_dir(self._folder(batch_id))
            return old

    def _lines(self, batch_id: str) -> Generator[bytes, None, None]:
        for file in self.files(batch_id):
            with self.open_file(batch_id, file.name) as stream:
                yield from stream

    def _folder(self, batch_id: str) -> str:
        if not _BATCH_ID.fullmatch(batch_id):
            raise NotFoundError(f"{batch_id!r} is not the id of a batch; ids have letters and digits, as 01HZX… has")
        return f"{self._root}/{batch_id}/row_errors"


class DiagnosticsWriter:
    """Rejected records in, one NDJSON file out, bounded; more than that are counted only.

    A context manager. The file appears, whole, when it is left normally; an exception leaves none. Nothing is written
    for a group without rejected records, and a file of an earlier attempt is removed.

    Attributes:
        kept: Records written so far.
        not_kept: Records beyond the bounds, which were only counted.
    """

    def __init__(self, file_system: fs.FileSystem, folder: str, name: str, *, max_rows: int, max_bytes: int) -> None:
        self.kept = 0
        self.not_kept = 0
        self._fs = file_system
        self._folder = folder
        self._path = f"{folder}/{name}"
        self._unfinished = f"{self._path}.{str(ULID()).lower()}"
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._bytes = 0
        self._sink: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with explained(f"writing diagnostics to {self._path}"):
            if self._sink is None:
                if kind is None:
                    self._delete(self._path)
                return
            if kind is None and self.not_kept:
                self._sink.write(orjson.dumps(self._truncation(), option=orjson.OPT_APPEND_NEWLINE))
            self._sink.close()
            if kind is None:
                self._fs.move(self._unfinished, self._path)
            else:
                self._delete(self._unfinished)

    def write(self, errors: Sequence[RowError]) -> None:
        """Keep these records, as far as the bounds allow.

        Raises:
            LakeError: the place refused or could not be reached.
        """
        with explained(f"writing diagnostics to {self._path}"):
            for error in errors:
                self._write(error)

    def _write(self, error: RowError) -> None:
        if self.not_kept or self.kept >= self._max_rows or self._bytes >= self._max_bytes:
            self.not_kept += 1
            return
        line = orjson.dumps(_as_row(error), option=orjson.OPT_APPEND_NEWLINE)
        if self._sink is None:
            self._fs.create_dir(self._folder)
            self._sink = self._fs.open_output_stream(self._unfinished)
        self._sink.write(line)
        self._bytes += len(line)
        self.kept += 1

    def _truncation(self) -> dict[str, Any]:
        message = (
            f"{self.not_kept} more records of this file group were rejected and only counted: at most {self._max_rows} "
            f"records or {self._max_bytes} bytes are kept. Mend the source and run the dataflow again."
        )
        return {"_notKept": self.not_kept, "_errors": [{"code": "1212", "message": message, "column": "", "rule": ""}]}

    def _delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.delete_file(path)


def raw_record(row: dict[str, Any]) -> bytes | None:
    """The original bytes of a row that `Diagnostics.read` returned; None if they were not kept whole, or only shown."""
    raw = row.get("_raw")
    if raw is None or row.get("_rawTruncated") or row.get("_rawDisplayed"):
        return None
    if row.get("_rawEncoding") == "base64":
        return base64.b64decode(raw)
    return str(raw).encode()


def _as_row(error: RowError) -> dict[str, Any]:
    row = _own_fields(error.raw) | {
        "_errors": [
            {"code": problem.code, "message": problem.message, "column": problem.pointer, "rule": problem.rule}
            for problem in error.problems
        ],
        "_filename": error.file,
        "_row": error.row_number,
        "_line": error.line,
        "_offset": error.byte_offset,
    }
    try:
        row["_raw"] = error.raw.decode()
    except UnicodeDecodeError:
        row["_raw"] = binascii.b2a_base64(error.raw, newline=False).decode()
        row["_rawEncoding"] = "base64"
    if len(error.raw) >= MAX_RAW_BYTES:
        row["_rawTruncated"] = True
    if error.is_displayed:
        row["_rawDisplayed"] = True
    if error.rows_before:
        row["_rowsBefore"] = error.rows_before
    return row


def _own_fields(raw: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        parsed = None
    if isinstance(parsed, dict):
        return {key: value for key, value in parsed.items() if key not in _OURS}
    return {"_corrupt_record": raw.decode(errors="replace")}
