"""Dataflows, and what a run of one may override."""

from datetime import datetime
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, model_validator

from headwater.model.base import Document, Name
from headwater.model.documents.resource import Resource
from headwater.model.documents.sources import Source


class Target(Document):
    """Where the records go."""

    dataset: Name


class Schedule(Document):
    """When a dataflow runs (spec: sources.md, section 7). `month` does not exist; use `cron` for it.

    With `on_arrival` it runs whenever complete new files are there; the folder is looked at every `poll_seconds`.
    """

    frequency: Literal["once", "minute", "hour", "day", "week"] | None = None
    interval: int = Field(default=1, ge=1)
    cron: str | None = None
    on_arrival: bool = False
    poll_seconds: int = Field(default=60, ge=1, le=86_400)
    start: AwareDatetime | None = None
    backfill: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if [self.frequency is not None, self.cron is not None, self.on_arrival].count(True) != 1:
            raise ValueError("give exactly one of `frequency`, `cron` and `on_arrival: true`")
        if self.frequency == "minute" and self.interval < 15:
            raise ValueError(f"`interval` with `minute` is at least 15, not {self.interval}")
        if self.interval != 1 and (self.frequency is None or self.frequency == "once"):
            raise ValueError("`interval` does not go with `once`, `cron` or `on_arrival`")
        if self.on_arrival and not self.backfill and self.start is None:
            raise ValueError("`on_arrival` with `backfill: false` needs `start`: files from before it are left alone")
        return self


class Expectation(Document):
    """When files are due, and how large they are at least: whoever is subscribed hears of those that are not so.

    `cron` says when `files` new files have to have come, in `timezone`. `sources_file_late` is sent `late_minutes`
    after that, `sources_file_missing` `missing_minutes` after it; what comes up to then, though at most up to halfway
    to the next time, counts for this one. A file smaller than `min_bytes`, or a batch of fewer than `min_records`,
    causes `sources_file_short`, a file without content `sources_file_empty`.
    """

    cron: str
    timezone: str = "UTC"
    files: int = Field(default=1, ge=1)
    late_minutes: int = Field(default=0, ge=0, le=10_080)
    missing_minutes: int = Field(default=60, ge=0, le=10_080)
    min_bytes: int = Field(default=1, ge=0)
    min_records: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _on_the_calendar(self) -> Self:
        from croniter import CroniterBadDateError, croniter

        if not croniter.is_valid(self.cron):
            raise ValueError(f"`cron` {self.cron!r} is no cron expression, such as '0 6 * * 1-5'")
        try:
            croniter(self.cron).get_next()
        except CroniterBadDateError:
            raise ValueError(f"`cron` {self.cron!r} names a day that no calendar has") from None
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"`timezone` {self.timezone!r} is no time zone, such as 'Europe/Berlin'") from None
        return self

    @model_validator(mode="after")
    def _late_before_missing(self) -> Self:
        if self.late_minutes > self.missing_minutes:
            raise ValueError("`late_minutes` is not more than `missing_minutes`")
        return self


class PartialIngestion(Document):
    """The share of failed records, in percent, up to which a batch still loads."""

    threshold_percent: float = Field(gt=0, le=100)


class Dataflow(Resource):
    """Which files go to which dataset, how and when."""

    kind: Literal["dataflow"] = "dataflow"
    source: Source
    target: Target
    mapping_set: Name | None = None
    schedule: Schedule
    expect: Expectation | None = None
    enabled: bool = True
    error_diagnostics: bool = True
    partial_ingestion: PartialIngestion | None = None
    notify: tuple[Name, ...] = ()

    @property
    def keeps_diagnostics(self) -> bool:
        """Whether rejected records are kept; always with partial ingestion, as in AEP (batch-ingestion.md, 11)."""
        return self.error_diagnostics or self.partial_ingestion is not None

    @property
    def threshold_percent(self) -> float:
        """Failed records, in percent of those read, that a batch may hold and still load."""
        return self.partial_ingestion.threshold_percent if self.partial_ingestion else 0.0


class RunRequest(Document):
    """What a run may override: the Params form in Airflow, the options of `headwater run`.

    `window_start` and `window_end` select files by modification time, half open: start < time <= end. `reprocess` takes
    files that are already loaded and supersedes their rows. `dry_run` checks and loads nothing; `row_limit` checks only
    the first records of each file and implies `dry_run`. The run's batch replaces the batches in `replaces`, of the
    same dataset: their rows go when its own come. `replay_of` is the batch whose rejected records the run takes again,
    in place of files.
    """

    account: str | None = None
    path: str | None = None
    files: str | None = None
    window_start: AwareDatetime | None = None
    window_end: AwareDatetime | None = None
    reprocess: bool = False
    dry_run: bool = False
    row_limit: int | None = Field(default=None, ge=1)
    replaces: tuple[str, ...] = ()
    replay_of: str | None = None
    trigger: Literal["scheduled", "manual", "backfill", "asset"] = "manual"
    dag_run_id: str | None = None
    logical_date: datetime | None = None

    @property
    def loads(self) -> bool:
        """Whether the run loads what it reads."""
        return not self.dry_run and self.row_limit is None
