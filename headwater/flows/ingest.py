"""The second step, once per group: fetch, check and stage files."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol

import pyarrow as pa

from connectors.base import Connector
from connectors.errors import FileGoneError
from headwater.catalog.base import utc_now
from headwater.catalog.batches import GroupReport
from headwater.catalog.ledger import FileVersion, Verdict
from headwater.errors import ConflictError, LakeError
from headwater.flows import storms
from headwater.flows.completeness import find_incompleteness, require_records, rules_digest
from headwater.flows.context import RunContext, open_context, recorded
from headwater.flows.fetch import FetchedFile, fetch_file
from headwater.flows.fetch_part import fetch_part
from headwater.flows.kept import KeptTransfers
from headwater.flows.pgp.decryptor import GnupgDecryptor, open_decryptor
from headwater.flows.plans import compile_run_plan, format_options
from headwater.flows.workspace import Workspace
from headwater.formats import FormatOptions
from headwater.ingest import FileReader, Plan, read_file
from headwater.model.parts import FilePart
from headwater.model.records import RecordCounts
from headwater.model.runs import BatchStatus, FileState, SourceFile, StagedFile

if TYPE_CHECKING:
    from headwater.lake import DiagnosticsWriter, StageWriter

log = logging.getLogger(__name__)

Progress = Callable[[str, int], None]
"""Hears what was done: `("bytes", n)` fetched or `("records", n)` read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """What a group came to.

    `part` is the number of the part of a divided file that it read, None for whole files; `files` then counts the file
    with its first part. `stopped` says that the batch cannot load, and reading was given up.
    """

    group: int
    files: int
    duplicates: int
    read: int
    loaded: int
    failed: int
    part: int | None = None
    stopped: bool = False


@dataclass(slots=True, kw_only=True)
class _Tally:
    """Grows while a group is read."""

    files: int = 0
    duplicates: int = 0
    input_bytes: int = 0
    read: int = 0
    staged: int = 0
    failed: int = 0
    failed_by_code: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    part: int | None = None
    stopped: str | None = None

    def report(self, group: int, staged: tuple[StagedFile, ...]) -> GroupReport:
        """The group's result.

        Raises:
            ValueError: records read are not the sum of those staged and those rejected.
        """
        return GroupReport(
            group=group,
            files=self.files,
            input_bytes=self.input_bytes,
            counts=RecordCounts(read=self.read, loaded=self.staged, failed=self.failed),
            failed_by_code=dict(self.failed_by_code),
            notes=tuple(self.notes),
            staged=staged,
            stopped=self.stopped,
        )


def ingest_group(
    workspace: Workspace, flow_run_id: str, group: int, *, progress: Progress | None = None
) -> GroupResult:
    """Read the group's files, stage the good records for the lake and keep the bad ones with their reasons.

    May be repeated: what an earlier attempt staged is replaced, until the batch is committed.

    Raises:
        ConflictError: the run was closed, or its commit has begun; what this attempt staged is removed.
        FileError: a file is not what the dataflow says it is; nothing of the batch will load.
        connectors.errors.ConnectorError: a file cannot be read, or was changed since it was divided into parts.
    """
    with recorded(workspace, flow_run_id, f"ingest {group}"):
        context = open_context(workspace, flow_run_id)
        batches = workspace.catalog.batches
        if batches.get(context.batch_id).status is BatchStatus.SUCCESS:
            return _earlier_result(batches.group_reports(context.batch_id), group)
        _begin_attempt(workspace, context, group)
        report, tally = _read_group(workspace, context, group, progress or _silent)
        try:
            earlier = batches.put_group(context.batch_id, report)
        except ConflictError:
            workspace.lake.discard(report.staged)
            raise
        if earlier:
            workspace.lake.discard(earlier)
    counts = report.counts
    log.info(
        "batch %s group %d: %d files, %d records read, %d staged, %d failed",
        context.batch_id, group, report.files, counts.read, counts.loaded, counts.failed,
    )  # fmt: skip
    return GroupResult(
        group=group,
        files=report.files,
        duplicates=tally.duplicates,
        read=counts.read,
        loaded=counts.loaded,
        failed=counts.failed,
        part=tally.part,
        stopped=report.stopped is not None,
    )


def _earlier_result(reports: Sequence[GroupReport], group: int) -> GroupResult:
    """The result of a group whose batch is loaded: its task was cleared, and there is nothing left to do."""
    report = next(report for report in reports if report.group == group)
    counts = report.counts
    log.info("group %d is loaded already", group)
    return GroupResult(
        group=group, files=report.files, duplicates=0, read=counts.read, loaded=counts.loaded, failed=counts.failed
    )


def _begin_attempt(workspace: Workspace, context: RunContext, group: int) -> None:
    with workspace.catalog.transaction() as stores:
        stores.flow_runs.require_open(context.run.id)
        stores.ledger.retake_duplicates(context.run.id, group)


def _silent(_what: str, _amount: int) -> None:
    return None


class _Sink(Protocol):
    """Where good records go: the lake's staging area, or nowhere."""

    def write(self, rows: pa.RecordBatch, source_file_id: str, member: str | None = None) -> None: ...


class _Nowhere:
    """What a dry run stages."""

    def write(self, rows: pa.RecordBatch, source_file_id: str, member: str | None = None) -> None:
        """Leave the rows out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _GroupReader:
    """Reads the files of one group, one after the other."""

    workspace: Workspace
    context: RunContext
    plan: Plan
    connector: Connector
    sink: _Sink
    rejected: "DiagnosticsWriter"
    options: FormatOptions
    tally: _Tally
    progress: Progress
    storm: storms.StormWatch
    decryptor: GnupgDecryptor | None
    kept: KeptTransfers

    def read(self, file: SourceFile) -> None:
        """Read one file, unless it is gone, was changed meanwhile, or its bytes are known."""
        try:
            with fetch_file(self.connector, file, on_bytes=self._on_bytes, kept=self.kept) as fetched:
                if fetched.changed is not None:
                    self._give_back(file, f"changed while it was read ({fetched.changed}); a later run takes it")
                    return
                check_tail, encoding = self.context.source.ready.check_tail, self.options.encoding
                cut = find_incompleteness(fetched, file.expected, check_tail=check_tail, encoding=encoding)
                if cut is not None:
                    self._leave_incomplete(file, cut)
                    return
                verdict = self._verdict(file, fetched)
                if verdict.state is FileState.CLAIMED:
                    self.tally.files += 1
                    self._read_records(file, fetched.stream, fetched.size_bytes)
                elif verdict.state is FileState.DUPLICATE:
                    self.tally.duplicates += 1
                    self.tally.notes.append(f"{file.path!r} has the same bytes as {verdict.original!r}")
                else:
                    self.tally.notes.append(
                        f"{file.path!r} has the same bytes as {verdict.original!r}, which another run is loading"
                    )
        except FileGoneError:
            self._give_back(file, "was gone before it could be read")

    def read_part(self, file: SourceFile, part: FilePart) -> None:
        """Read one part of a file; what the file's bytes are was decided when it was divided."""
        self.tally.part = part.number
        self.tally.files += part.number == 1
        with fetch_part(self.connector, file, part, on_bytes=self._on_bytes, kept=self.kept) as stream:
            self._read_records(file, stream, part.size_bytes, part)

    def _verdict(self, file: SourceFile, fetched: FetchedFile) -> Verdict:
        if file.state is FileState.CHECKED:
            return Verdict(state=FileState.CLAIMED, original=None)
        return self.workspace.catalog.ledger.record_content(
            file.id,
            sha256=fetched.sha256,
            size_bytes=fetched.size_bytes,
            reprocess=self.context.request.reprocess,
        )

    def _read_records(self, file: SourceFile, stream: BinaryIO, size_bytes: int, part: FilePart | None = None) -> None:
        tally = self.tally
        reader = read_file(
            stream,
            self.plan,
            file=file.path,
            format=self.context.source.format,
            options=self.options,
            row_limit=self.context.request.row_limit,
            part=part,
            decryptor=self.decryptor,
        )
        for chunk in reader:
            self.sink.write(chunk.rows, file.id, chunk.member)
            if self.context.flow.keeps_diagnostics:
                self.rejected.write(chunk.errors)
            tally.read += chunk.read
            tally.staged += chunk.rows.num_rows
            tally.failed += len(chunk.errors)
            tally.failed_by_code.update(error.problems[0].code for error in chunk.errors)
            self.progress("records", chunk.read)
            if chunk.errors and self._is_lost(reader, stream, file, part):
                break
        if self.decryptor is not None and tally.stopped is None:
            self.decryptor.verify()
        tally.input_bytes += size_bytes
        prefix = "" if part is None else f"part {part.number}: "
        tally.notes.extend(prefix + note for note in reader.report.notes)
        if part is None and self.context.request.row_limit is None and tally.stopped is None:
            require_records(file, reader.read_records)

    def _is_lost(self, reader: FileReader, stream: BinaryIO, file: SourceFile, part: FilePart | None) -> bool:
        """Whether reading on is of no use; then `tally.stopped` and a note say why, and where."""
        tally = self.tally
        position = None if reader.format == "parquet" else tally.input_bytes + stream.tell()
        here = storms.Progress(read=tally.read, failed=tally.failed, bytes=position)
        if not self.storm.is_lost(here):
            return False
        record = reader.read_records + (part.records_before if part is not None else 0)
        tally.stopped = self.storm.explain(here, f"at record {record:,} of {file.path!r}")
        tally.notes.append(tally.stopped)
        return True

    def _leave_incomplete(self, file: SourceFile, reason: str) -> None:
        """Give the file back, and remember why, so that it is read again only when it has changed."""
        if file.state is not FileState.CHECKED:
            version = FileVersion(
                path=file.path, size_bytes=file.size_bytes, modified_at=file.modified_at, version=file.version
            )
            check_tail, encoding = self.context.source.ready.check_tail, self.options.encoding
            rules = rules_digest(file.expected, check_tail=check_tail, encoding=encoding)
            observations = self.workspace.catalog.observations
            observations.note_cut(self.context.flow.name, version, reason, now=utc_now(), rules=rules)
        self._give_back(file, f"is not complete: {reason}; it is taken when it has changed")

    def _give_back(self, file: SourceFile, reason: str) -> None:
        self.workspace.catalog.ledger.release_files([file.id])
        self.tally.notes.append(f"{file.path!r} {reason}")

    def _on_bytes(self, count: int) -> None:
        self.progress("bytes", count)


def _read_group(
    workspace: Workspace, context: RunContext, group: int, progress: Progress
) -> tuple[GroupReport, _Tally]:
    others = [report for report in workspace.catalog.batches.group_reports(context.batch_id) if report.group != group]
    given_up = next((report.group for report in others if report.stopped is not None and report.counts.failed), None)
    if given_up is not None:
        stopped = f"nothing was read: the batch cannot load since group {given_up} was stopped"
        tally = _Tally(stopped=stopped, notes=[stopped])
        return tally.report(group, ()), tally
    tally = _Tally()
    with ExitStack() as stack:
        connector = stack.enter_context(workspace.connect(context.source.account))
        rejected = stack.enter_context(workspace.diagnostics.writer(context.batch_id, group))
        decryptor = stack.enter_context(open_decryptor(context.source.encryption, workspace.accounts))
        stage = stack.enter_context(_stage(workspace, context, group)) if context.request.loads else None
        reader = _GroupReader(
            workspace=workspace,
            context=context,
            plan=compile_run_plan(context),
            connector=connector,
            sink=stage or _Nowhere(),
            rejected=rejected,
            options=format_options(context),
            tally=tally,
            progress=progress,
            storm=_storm_watch(workspace, context, others),
            decryptor=decryptor,
            kept=workspace.kept_transfers(context.source.account),
        )
        _read_files(reader, group)
    staged = stage.result if stage is not None else ()
    if stage is not None and sum(file.rows for file in staged) != tally.staged:
        raise LakeError(f"batch {context.batch_id} group {group}: {tally.staged} records were checked, {staged} staged")
    return tally.report(group, staged), tally


def _read_files(reader: _GroupReader, group: int) -> None:
    """Read the group's part of a file, or its files."""
    catalog, run_id = reader.workspace.catalog, reader.context.run.id
    files = [f for f in catalog.ledger.of_run(run_id) if f.state in (FileState.CLAIMED, FileState.CHECKED)]
    divided = catalog.parts.of_group(run_id, group)
    if divided is not None:
        file_id, part = divided
        [file] = [file for file in files if file.id == file_id]
        reader.read_part(file, part)
        return
    for file in files:
        if file.group == group and reader.tally.stopped is None:
            reader.read(file)


def _storm_watch(workspace: Workspace, context: RunContext, others: Sequence[GroupReport]) -> storms.StormWatch:
    return storms.StormWatch(
        threshold_percent=context.flow.threshold_percent,
        records=workspace.settings.storm_records,
        batch_bytes=storms.text_bytes(workspace.catalog.ledger.of_run(context.run.id)),
        elsewhere=storms.read_elsewhere(others),
    )


def _stage(workspace: Workspace, context: RunContext, group: int) -> "StageWriter":
    batch = workspace.catalog.batches.get(context.batch_id)
    return workspace.lake.stage(context.dataset.name, batch.id, group, ingested_at=batch.created_at)
