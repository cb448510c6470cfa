"""What happened: flow runs, batches, source files, notifications."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from headwater.model.manifest import Expected
from headwater.model.records import RecordCounts


class FlowRunState(StrEnum):
    """How a flow run stands (AEP's words for the UI and for `statusSummary.status`)."""

    IN_PROGRESS = "inProgress"
    SUCCESS = "success"
    NO_NEW_DATA = "noNewData"
    FAILED = "failed"


class BatchStatus(StrEnum):
    """How a batch stands: the part of Catalog's values that Headwater stores (spec: batch-ingestion.md, section 5)."""

    LOADING = "loading"
    STAGED = "staged"
    SUCCESS = "success"
    FAILED = "failed"
    ABORTED = "aborted"
    INACTIVE = "inactive"
    DELETED = "deleted"


class FileState(StrEnum):
    """How a file version stands in the ledger. `checked` ones were looked at by a dry run only."""

    CHECKED = "checked"
    CLAIMED = "claimed"
    LOADED = "loaded"
    DUPLICATE = "duplicate"
    RELEASED = "released"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSummary:
    """One line of a batch's or flow run's `errors`.

    `record_count` is None where it is not about records, `step` where it is not about one step of a flow run.
    """

    code: str
    message: str
    record_count: int | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRun:
    """One execution of a dataflow: one Dag run, at most one batch.

    Times are aware UTC. `counts.read = counts.loaded + counts.failed`. `profiles` has the counts of the profile load
    (`created`, `updated`, `events`, `identities`, `links`); it is empty where nothing went there.
    """

    id: str
    flow: str
    dataset: str
    state: FlowRunState
    trigger: str
    dag_run_id: str | None
    batch_id: str | None
    window_start: datetime | None
    window_end: datetime | None
    started_at: datetime
    completed_at: datetime | None
    files: int = 0
    input_bytes: int = 0
    counts: RecordCounts = field(default_factory=RecordCounts)
    profiles: dict[str, int] = field(default_factory=dict)
    errors: tuple[ErrorSummary, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """AEP's unit of ingestion: what becomes visible together, or not at all. Ids are ULIDs; times are aware UTC.

    `replaces` are the batches whose rows went when its own came; `replay_of` is the batch whose rejected records it
    took again. While `removing`, an inactive batch's rows may still be in the lake or in the profiles.
    """

    id: str
    dataset: str
    flow_run_id: str
    status: BatchStatus
    created_at: datetime
    completed_at: datetime | None
    snapshot_id: int | None
    files: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    counts: RecordCounts = field(default_factory=RecordCounts)
    errors: tuple[ErrorSummary, ...] = ()
    replaces: tuple[str, ...] = ()
    replay_of: str | None = None
    removing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One version of one source file in the ledger. `id` is stored in the lake beside each of its rows.

    `expected` is what a manifest says of it, None without one.
    """

    id: str
    flow: str
    path: str
    size_bytes: int | None
    modified_at: datetime | None
    version: str | None
    sha256: str | None
    state: FileState
    flow_run_id: str
    group: int
    expected: Expected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A Parquet file that waits for its batch's commit. `uri` is as the lake's file system names it."""

    uri: str
    rows: int
    size_bytes: int
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A notification in the outbox.

    `body` is what a receiver gets, `id` its `event_id`, `subject` the id of the batch or flow run it is about.
    """

    id: str
    code: str
    subject: str
    dataset: str | None
    flow: str | None
    created_at: datetime
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook or notifier, named by `webhook`.

    `replay` is 0 for the first record of it, and counts the times that somebody asked for it again. It is tried for a
    day from `queued_at`.
    """

    event: Event
    webhook: str
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime
    delivered_at: datetime | None
    last_error: str | None
    replay: int = 0


class WebhookState(StrEnum):
    """How a webhook stands (spec: notifications.md, section 7). A disabled one gets no new events pushed."""

    ACTIVE = "active"
    UNSTABLE = "unstable"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStatus:
    """How a webhook stands, since when (aware UTC), and why; about the version of its document with that etag.

    `verified` says whether that version has answered its challenge.
    """

    webhook: str
    etag: str
    state: WebhookState
    since: datetime
    verified: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """An event in a webhook's journal. Positions grow; the first is above 0."""

    position: int
    event: Event
