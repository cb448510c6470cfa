"""Takes the rejected records of a batch again, after the schema or the mapping was mended: they become a new batch."""

import io
import logging
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
from ulid import ULID

from connectors.errors import ConnectorError
from headwater.catalog.base import utc_now
from headwater.catalog.batches import GroupReport, replayed_before
from headwater.errors import ConflictError, HeadwaterError, NotFoundError
from headwater.flows.begin import begin_run
from headwater.flows.context import RunContext, open_context, recorded
from headwater.flows.finish import finish
from headwater.flows.load import load_identities, load_lake, load_profiles
from headwater.flows.plans import compile_run_plan, format_options
from headwater.flows.profile_rows import first_batch
from headwater.flows.rejected import why_not_kept
from headwater.flows.workspace import Workspace
from headwater.ingest import read_file
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.records import RecordCounts, RowError
from headwater.model.runs import Batch, BatchStatus, FileState, FlowRun

if TYPE_CHECKING:
    from headwater.lake import DiagnosticsWriter, StageWriter

log = logging.getLogger(__name__)

PIECE_RECORDS: Final = 1000
PIECE_BYTES: Final = 8 * 1024 * 1024
"""So many records of a file, or bytes of them, are read together; no more are in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRecord:
    """A rejected record, and where it stood."""

    file: str
    row: int
    line: int | None
    offset: int | None
    raw: bytes
    rows_before: int


def replay_batch(workspace: Workspace, batch_id: str) -> FlowRun:
    """Read the batch's rejected records again, with dataflow, schema and mapping set as they are now.

    Those that are accepted are loaded as a new batch, each with the file, row and offset that it came from; the others
    are the new batch's rejected records. Identities and profiles follow as in any run. A batch is replayed once; what
    was rejected again is replayed from the new batch.

    Returns:
        The closed flow run, also where it failed: its `state` and `errors` say so.

    Raises:
        NotFoundError: there is no such batch.
        ConflictError: the batch is not in the lake, nothing of it can be replayed, or it was replayed before.
    """
    original = workspace.catalog.batches.get(batch_id)
    _require_replayable(workspace, original)
    flow = _flow(workspace, original)
    run_id = begin_run(workspace, flow, RunRequest(replay_of=batch_id))
    failure: str | None = "interrupted"
    try:
        _open_batch(workspace, run_id, original)
        _ingest(workspace, run_id, original)
        load_lake(workspace, run_id)
        load_identities(workspace, run_id)
        load_profiles(workspace, run_id)
        failure = None
    except (HeadwaterError, ConnectorError) as error:
        failure = str(error)
    finally:
        closed = finish(workspace, run_id, flow=flow.name, failure=failure)
    return closed


def _require_replayable(workspace: Workspace, original: Batch) -> None:
    if original.status is not BatchStatus.SUCCESS:
        raise ConflictError(
            f"batch {original.id} is {original.status.value}; only the rejected records of a batch that is in the lake "
            "(success) are replayed. The files of a failed batch are taken again by the dataflow's next run."
        )
    if (replay := workspace.catalog.batches.replay(original.id)) is not None:
        raise replayed_before(original.id, replay)
    with closing(_records(workspace, original)) as records:
        any_record = next(records, None)
    if any_record is None:
        if (absent := why_not_kept(workspace, original)) is not None:
            raise ConflictError(
                f"batch {original.id} cannot be replayed: {absent}. Take the file again with "
                "`headwater run FLOW --reprocess`."
            )
        raise ConflictError(
            f"batch {original.id} has no rejected record that can be replayed: {original.counts.failed} were rejected. "
            "Records of JSON and Parquet files can be, where the diagnostics keep them whole; a line of a delimited "
            "file means nothing without its header: mend the file, and take it again with "
            "`headwater run FLOW --reprocess`."
        )


def _flow(workspace: Workspace, original: Batch) -> Dataflow:
    """The dataflow as it is in the catalog, or as it was when the batch was made."""
    then, _ = workspace.catalog.flow_runs.document(original.flow_run_id)
    try:
        return workspace.catalog.resources.typed(Dataflow, then.name)
    except NotFoundError:
        return then


def _open_batch(workspace: Workspace, run_id: str, original: Batch) -> None:
    batch_id = str(ULID())
    with workspace.catalog.transaction() as stores:
        stores.flow_runs.require_open(run_id)
        stores.batches.create(
            batch_id=batch_id,
            dataset=original.dataset,
            flow_run_id=run_id,
            created_at=utc_now(),
            replay_of=original.id,
        )
        stores.flow_runs.set_batch(run_id, batch_id)


def _ingest(workspace: Workspace, run_id: str, original: Batch) -> None:
    with recorded(workspace, run_id, "ingest"):
        context = open_context(workspace, run_id)
        if context.dataset.name != original.dataset:
            raise ConflictError(
                f"dataflow {context.flow.name} now loads into dataset {context.dataset.name!r}, and batch "
                f"{original.id} is in {original.dataset!r}. Nothing was loaded."
            )
        plan = compile_run_plan(context)
        day_of = "timestamp" if context.schema.behavior == "time-series" else None
        workspace.lake.ensure_table(context.dataset.name, plan.arrow_schema, day_of=day_of)
        created_at = workspace.catalog.batches.get(context.batch_id).created_at
        with (
            workspace.diagnostics.writer(context.batch_id, 0) as rejected,
            workspace.lake.stage(context.dataset.name, context.batch_id, 0, ingested_at=created_at) as stage,
        ):
            replaying = _Replaying(workspace, context, original, stage, rejected)
            for piece in into_pieces(_records(workspace, original)):
                replaying.take(piece[0].file, piece)
        workspace.catalog.batches.put_group(context.batch_id, replaying.report(stage))


class _Replaying:
    """Reads records of one file after the other."""

    def __init__(
        self,
        workspace: Workspace,
        context: RunContext,
        original: Batch,
        stage: "StageWriter",
        rejected: "DiagnosticsWriter",
    ) -> None:
        self._plan = compile_run_plan(context)
        # The records were unwrapped and decoded when they were read.
        self._options = format_options(context).model_copy(update={"compression_type": None, "encoding": "utf-8"})
        self._keeps = context.flow.keeps_diagnostics
        self._stage = stage
        self._rejected = rejected
        first = first_batch(workspace, original)
        ledger = workspace.catalog.ledger.of_run(first.flow_run_id)
        self._file_ids = {file.path: file.id for file in ledger if file.state is FileState.LOADED}
        self._files: set[str] = set()
        self._bytes = self._read = self._loaded = self._failed = 0
        self._codes: dict[str, int] = {}
        self._left_out: Counter[str] = Counter()

    def take(self, file: str, records: list[RejectedRecord]) -> None:
        """Read some records of a file; those of a file that was superseded meanwhile are left out."""
        path, member = self._place_of(file)
        file_id = self._file_ids.get(path)
        if file_id is None:
            self._left_out[file] += len(records)
            return
        self._files.add(path)
        content = b"\n".join(record.raw for record in records) + b"\n"
        self._bytes += len(content)
        for chunk in read_file(io.BytesIO(content), self._plan, file=file, format="ndjson", options=self._options):
            self._stage.write(_at_their_places(chunk.rows, records), file_id, member)
            errors = [_at_its_place(error, records) for error in chunk.errors]
            if self._keeps:
                self._rejected.write(errors)
            self._read += chunk.read
            self._loaded += chunk.rows.num_rows
            self._failed += len(errors)
            for error in errors:
                code = error.problems[0].code
                self._codes[code] = self._codes.get(code, 0) + 1

    def _place_of(self, file: str) -> tuple[str, str | None]:
        """The source file of a record, and the member if that is an archive: records know it as `ARCHIVE!/MEMBER`."""
        path = next((path for path in _archives(file) if path in self._file_ids), file)
        return path, file.removeprefix(f"{path}!/") if path != file else None

    def report(self, stage: "StageWriter") -> GroupReport:
        """The result, after the writer was left."""
        return GroupReport(
            group=0,
            files=len(self._files),
            input_bytes=self._bytes,
            counts=RecordCounts(read=self._read, loaded=self._loaded, failed=self._failed),
            failed_by_code=self._codes,
            notes=tuple(
                f"{count} records of {file!r} are left out: a newer version of it was loaded"
                for file, count in self._left_out.items()
            ),
            staged=stage.result,
        )


def _records(workspace: Workspace, original: Batch) -> Generator[RejectedRecord, None, None]:
    """The rejected records that are kept whole and are JSON objects by the look of them, each on one line.

    One of several lines that is no JSON is not among them: a line break in a text makes a record malformed, and on one
    line it would pass with other content.
    """
    from headwater.lake import raw_record

    for row in workspace.diagnostics.rows(original.id):
        raw = raw_record(row)
        if raw is not None and raw.lstrip().startswith(b"{") and (_is_one_line(raw) or _is_json(raw)):
            yield _record(row, raw)


def into_pieces(records: Iterable[RejectedRecord]) -> Iterator[list[RejectedRecord]]:
    """The same records in bounded lists, each of one file."""
    for _, of_file in groupby(records, attrgetter("file")):
        piece: list[RejectedRecord] = []
        size = 0
        for record in of_file:
            if piece and (len(piece) >= PIECE_RECORDS or size + len(record.raw) > PIECE_BYTES):
                yield piece
                piece, size = [], 0
            piece.append(record)
            size += len(record.raw)
        yield piece


def _record(row: dict[str, Any], raw: bytes) -> RejectedRecord:
    # A line break within JSON is white space.
    one_line = raw.replace(b"\n", b" ").replace(b"\r", b" ")
    return RejectedRecord(
        file=row["_filename"],
        row=row["_row"],
        line=row["_line"],
        offset=row["_offset"],
        raw=one_line,
        rows_before=row.get("_rowsBefore", 0),
    )


def _is_one_line(raw: bytes) -> bool:
    return b"\n" not in raw and b"\r" not in raw


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.Decoder(float_hook=float).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _archives(file: str) -> Iterator[str]:
    """The path itself, and those of the archives that it may be a member of."""
    yield file
    while "!/" in file:
        file = file.rpartition("!/")[0]
        yield file


def _at_their_places(rows: pa.RecordBatch, records: list[RejectedRecord]) -> pa.RecordBatch:
    """The rows with the numbers and offsets that their records have in the source file."""
    taken = [records[number - 1] for number in rows.column("row_number").to_pylist()]
    columns = {
        "row_number": pa.array([record.rows_before + record.row for record in taken], pa.int64()),
        "byte_offset": pa.array([record.offset for record in taken], pa.int64()),
    }
    for name, values in columns.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


def _at_its_place(error: RowError, records: list[RejectedRecord]) -> RowError:
    record = records[error.row_number - 1]
    return replace(
        error,
        row_number=record.row,
        line=record.line,
        byte_offset=record.offset,
        rows_before=record.rows_before,
    )
