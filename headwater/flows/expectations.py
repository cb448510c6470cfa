"""The file that did not come: what a dataflow's `expect` says, held against the ledger."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.flows.events import file_event
from headwater.flows.notifications import enqueue
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, Expectation, FileEventCode
from headwater.model.runs import FileState, FlowRun, FlowRunState, SourceFile
from headwater.settings import Settings

log = logging.getLogger(__name__)

MAX_PATHS: Final = 20
"""How many paths one event names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTime:
    """A time at which files were due, with the times before and after it, all aware UTC."""

    before: datetime
    due: datetime
    after: datetime


def due_time(expect: Expectation, now: datetime) -> DueTime:
    """The last time at which files were due, which may be now.

    A local time that a change of clocks leaves out is the first one after the gap; one that it repeats is due once,
    the first time.
    """
    zone = ZoneInfo(expect.timezone)
    next_second = now.replace(microsecond=0) + timedelta(seconds=1)
    ticks = croniter(expect.cron, next_second.astimezone(zone))
    due = _first_time(ticks.get_prev, zone)
    before = _first_time(ticks.get_prev, zone)
    after = _first_time(croniter(expect.cron, due.astimezone(zone)).get_next, zone)
    return DueTime(before=before, due=due, after=after)


def _first_time(step: Callable[[type[datetime]], object], zone: ZoneInfo) -> datetime:
    """The next tick in that direction, in UTC, leaving out the second of two equal local times."""
    while True:
        tick = cast(datetime, step(datetime)).astimezone(UTC)
        if not tick.astimezone(zone).fold:
            return tick


def check_expectations(workspace: Workspace, flows: Iterable[Dataflow], *, now: datetime | None = None) -> list[str]:
    """Tell of files that are late or missing, each once; returns what was told, for people.

    A file that a run takes within `missing_minutes` after a due time belongs to that one, a later file to the next.
    Dataflows that are switched off, and due times from before their first run, are passed over. One whose calendar
    cannot be followed is logged, and keeps no other from being checked.
    """
    now = now or utc_now()
    told = []
    for flow in flows:
        if flow.expect is None or not flow.enabled:
            continue
        try:
            told += _check(workspace, flow, flow.expect, now)
        except CroniterError as error:
            log.error("dataflow %s: its `expect.cron` %r cannot be followed: %s", flow.name, flow.expect.cron, error)  # noqa: TRY400 - the message says it all
    return told


def _check(workspace: Workspace, flow: Dataflow, expect: Expectation, now: datetime) -> list[str]:
    """Each event is told of the last due time from so long before that it is due itself, which may not be the last."""
    first = workspace.catalog.flow_runs.first_started_at(flow.name)
    if first is None:
        return []
    told: list[str] = []
    limits: tuple[tuple[FileEventCode, int], ...] = (
        ("sources_file_late", expect.late_minutes),
        ("sources_file_missing", expect.missing_minutes),
    )
    for code, minutes in limits:
        time = due_time(expect, now - timedelta(minutes=minutes))
        if first <= time.due:
            told += _tell_absent(workspace, flow, expect, code, time, now)
    return told


def _tell_absent(
    workspace: Workspace, flow: Dataflow, expect: Expectation, code: FileEventCode, time: DueTime, now: datetime
) -> list[str]:
    came = workspace.catalog.ledger.came(
        flow.name,
        after=_last_moment(expect, time.before, time.due),
        until=_last_moment(expect, time.due, time.after),
    )
    if came >= expect.files:
        return []
    facts = {"dueAt": time.due.isoformat(), "filesExpected": expect.files, "filesCame": came}
    event = file_event(workspace.settings, code, flow, subject=_subject(flow.name, time.due), now=now, facts=facts)
    with workspace.catalog.transaction() as stores:
        if not enqueue(stores, event, flow):
            return []
    log.warning("dataflow %s: %s, %d of %d files due at %s came", flow.name, code, came, expect.files, time.due)
    return [f"{flow.name}: {code}, {came} of {expect.files} files due at {time.due:%Y-%m-%d %H:%M} UTC"]


def _last_moment(expect: Expectation, due: datetime, after: datetime) -> datetime:
    """Until when files count for a due time: at most halfway, so that a file on time counts for its own."""
    return due + min(timedelta(minutes=expect.missing_minutes), (after - due) / 2)


def _subject(flow: str, due: datetime) -> str:
    """One for each due time of a dataflow, so that an event is written once."""
    return hashlib.blake2b(f"{flow}|{due.isoformat()}".encode(), digest_size=13).hexdigest().upper()


def tell_small_files(settings: Settings, stores: Stores, run: FlowRun, flow: Dataflow) -> None:
    """Tell of a run's files that are empty or smaller than expected, in the caller's transaction."""
    if flow.expect is None:
        return
    files = [file for file in stores.ledger.of_run(run.id) if file.size_bytes is not None and _was_read(file, run)]
    empty = [file.path for file in files if file.size_bytes == 0]
    short = [file.path for file in files if 0 < (file.size_bytes or 0) < flow.expect.min_bytes]
    too_few = bool(files) and not run.errors and run.counts.read < flow.expect.min_records
    if empty:
        _tell(settings, stores, run, flow, "sources_file_empty", {"paths": empty[:MAX_PATHS], "files": len(empty)})
    if short or too_few:
        facts = {
            "paths": short[:MAX_PATHS],
            "files": len(short),
            "records": run.counts.read,
            "bytesExpected": flow.expect.min_bytes,
            "recordsExpected": flow.expect.min_records,
        }
        _tell(settings, stores, run, flow, "sources_file_short", facts)


def _was_read(file: SourceFile, run: FlowRun) -> bool:
    """Whether the run's records come from the file: not if it was a copy of a loaded one, or given back as it grew."""
    if run.state is FlowRunState.FAILED:
        return file.state is FileState.RELEASED and file.sha256 is not None
    return file.state is FileState.LOADED


def _tell(
    settings: Settings, stores: Stores, run: FlowRun, flow: Dataflow, code: FileEventCode, facts: dict[str, object]
) -> None:
    facts = {"flowRunId": run.id, **facts}
    enqueue(stores, file_event(settings, code, flow, subject=run.id, now=utc_now(), facts=facts), flow)
