"""The file that did not come: what a dataflow's `expect` says, held against the ledger."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, cast
from zoneinfo import ZoneInfo

from croniter import croniter

from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.flows.events import file_event
from headwater.flows.notifications import enqueue
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, Expectation
from headwater.model.runs import FlowRun
from headwater.notify.events import FileEventCode
from headwater.settings import Settings

log = logging.getLogger(__name__)

MAX_PATHS: Final = 20
"""How many paths one event names."""


def due_times(expect: Expectation, now: datetime) -> tuple[datetime, datetime]:
    """The last time at which files were due, and the time before it, both aware UTC.

    A local time that a change of clocks leaves out is the first one after the gap; one that it repeats is due once,
    the first time.
    """
    zone = ZoneInfo(expect.timezone)
    ticks = croniter(expect.cron, now.astimezone(zone))
    last, before = islice(_first_times(ticks, zone), 2)
    return before, last


def _first_times(ticks: croniter, zone: ZoneInfo) -> Iterator[datetime]:
    """The ticks backwards, in UTC, without the second of two equal local times."""
    while True:
        tick = cast(datetime, ticks.get_prev(datetime)).astimezone(UTC)
        if not tick.astimezone(zone).fold:
            yield tick


def check_expectations(workspace: Workspace, flows: Iterable[Dataflow], *, now: datetime | None = None) -> list[str]:
    """Tell of files that are late or missing, each once; returns what was told, for people.

    A file that a run takes within `missing_minutes` after a due time belongs to that one, a later file to the next.
    Dataflows that are switched off, and due times from before their first run, are passed over.
    """
    now = now or utc_now()
    told = []
    for flow in flows:
        if flow.expect is not None and flow.enabled:
            told += _check(workspace, flow, flow.expect, now)
    return told


def _check(workspace: Workspace, flow: Dataflow, expect: Expectation, now: datetime) -> list[str]:
    before, due = due_times(expect, now)
    first = workspace.catalog.flow_runs.first_started_at(flow.name)
    came = workspace.catalog.ledger.taken_since(flow.name, _last_moment(expect, before, due))
    if came >= expect.files or first is None or first > due:
        return []
    codes: list[FileEventCode] = []
    if now >= due + timedelta(minutes=expect.late_minutes):
        codes.append("sources_file_late")
    if now >= due + timedelta(minutes=expect.missing_minutes):
        codes.append("sources_file_missing")
    facts = {"dueAt": due.isoformat(), "filesExpected": expect.files, "filesCame": came}
    subject = _subject(flow.name, due)
    with workspace.catalog.transaction() as stores:
        told = [
            code
            for code in codes
            if enqueue(stores, file_event(workspace.settings, code, flow, subject=subject, now=now, facts=facts), flow)
        ]
    for code in told:
        log.warning("dataflow %s: %s, %d of %d files due at %s came", flow.name, code, came, expect.files, due)
    return [f"{flow.name}: {code}, {came} of {expect.files} files due at {due:%Y-%m-%d %H:%M} UTC" for code in told]


def _last_moment(expect: Expectation, before: datetime, due: datetime) -> datetime:
    """Until when files counted for the due time before: at most halfway, so that a file on time counts for its own."""
    return before + min(timedelta(minutes=expect.missing_minutes), (due - before) / 2)


def _subject(flow: str, due: datetime) -> str:
    """One for each due time of a dataflow, so that an event is written once."""
    return hashlib.blake2b(f"{flow}|{due.isoformat()}".encode(), digest_size=13).hexdigest().upper()


def tell_small_files(settings: Settings, stores: Stores, run: FlowRun, flow: Dataflow) -> None:
    """Tell of a run's files that are empty or smaller than expected, in the caller's transaction."""
    if flow.expect is None:
        return
    files = [file for file in stores.ledger.of_run(run.id) if file.size_bytes is not None]
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


def _tell(
    settings: Settings, stores: Stores, run: FlowRun, flow: Dataflow, code: FileEventCode, facts: dict[str, object]
) -> None:
    facts = {"flowRunId": run.id, **facts}
    enqueue(stores, file_event(settings, code, flow, subject=run.id, now=utc_now(), facts=facts), flow)
