"""Files as events: Airflow's triggerer looks at a folder, and runs the dataflows whose files have arrived."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from connectors.base import RemoteFile
from connectors.errors import ConnectorError
from headwater.catalog.ledger import FileVersion
from headwater.errors import HeadwaterError
from headwater.flows.arrivals import ArrivalWatch, Standing, list_source, standing
from headwater.model.documents import Dataflow, Readiness, Source
from headwater.orchestration.looks import Looks

log = logging.getLogger(__name__)

_LOOKS: Final = Looks()

FAILURES_UNTIL_RUN: Final = 5
"""A source that could not be listed so often in a row starts a run, which fails with the reason for all to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a folder found: its files, or None with the number of looks that failed in a row."""

    files: list[RemoteFile] | None
    failures: int = 0


def arrival_asset(flow: Dataflow) -> Asset:
    """The asset that stands for the files of a dataflow; its watcher updates it when there are new ones."""
    source, schedule = flow.source, flow.schedule
    trigger = ArrivalTrigger(
        flow=flow.name,
        account=source.account,
        path=source.path,
        recursive=source.recursive,
        poll_seconds=schedule.poll_seconds,
        files=source.files,
        ignore=list(source.ready.ignore),
        settle_seconds=source.ready.settle_seconds,
        marker=source.ready.marker,
        manifest=source.ready.manifest,
        deadline_seconds=source.ready.deadline_seconds,
        since=schedule.start.isoformat() if schedule.start is not None and not schedule.backfill else None,
    )
    # Another folder or pattern is another asset: an event of the old one says nothing of it.
    identity = hashlib.blake2b(repr(trigger.serialize()).encode(), digest_size=6).hexdigest()
    return Asset(
        name=f"headwater/arrivals/{flow.name}/{identity}",
        uri=f"headwater://arrivals/{flow.name}/{identity}",
        group="headwater",
        watchers=[AssetWatcher(name=f"headwater_arrivals_{flow.name}", trigger=trigger)],
    )


class ArrivalTrigger(BaseEventTrigger):
    """Fires when files that a dataflow takes are complete, and again as long as no run takes them.

    Dataflows that watch one folder at one pace share one look at it. Nothing is kept over a restart: the ledger knows
    what was loaded, and a repeated event does no harm.

    The dataflow's name is an argument since Airflow takes triggers of the same arguments for one.
    """

    def __init__(
        self,
        *,
        flow: str,
        account: str,
        path: str,
        recursive: bool,
        poll_seconds: int,
        files: str,
        ignore: list[str],
        settle_seconds: int,
        marker: str | None = None,
        manifest: str | None = None,
        deadline_seconds: int = 86_400,
        since: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base has no types here
        self.flow = flow
        self.account = account
        self.path = path
        self.recursive = recursive
        self.poll_seconds = poll_seconds
        self.files = files
        self.ignore = ignore
        self.settle_seconds = settle_seconds
        self.marker = marker
        self.manifest = manifest
        self.deadline_seconds = deadline_seconds
        self.since = since

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """See `BaseTrigger.serialize`."""
        names = (
            "flow",
            "account",
            "path",
            "recursive",
            "poll_seconds",
            "files",
            "ignore",
            "settle_seconds",
            "marker",
            "manifest",
            "deadline_seconds",
            "since",
        )
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    def shared_stream_key(self) -> Hashable:
        """See `BaseEventTrigger.shared_stream_key`: one poller for one folder at one pace."""
        return (__name__, self.account, self.path, self.recursive, self.poll_seconds)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Look]:
        """Look at the folder again and again."""
        account, path, recursive = kwargs["account"], kwargs["path"], kwargs["recursive"]
        failures = 0
        while True:
            try:
                files = await _LOOKS.look(account, partial(_list, account, path, recursive))
            except (ConnectorError, HeadwaterError) as error:
                failures += 1
                log.warning("look %d in a row failed at account %s: %s", failures, account, error)
                yield Look(files=None, failures=failures)
            else:
                failures = 0
                yield Look(files=files)
            await asyncio.sleep(kwargs["poll_seconds"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Look]) -> AsyncIterator[TriggerEvent]:
        """Fire for what this dataflow takes and has not taken; large folders are judged in a thread."""
        since = datetime.fromisoformat(self.since) if self.since is not None else None
        watch = ArrivalWatch(self._source(), since=since)
        async for look in shared_stream:
            if look.files is None:
                if look.failures == FAILURES_UNTIL_RUN:
                    yield _event(arrived=0, failed_looks=look.failures)
                continue
            try:
                arrived = await asyncio.to_thread(watch.look, look.files, now=datetime.now(UTC), ask=self._ask)
            except HeadwaterError as error:
                log.warning("what dataflow %s has taken could not be asked, so it waits: %s", self.flow, error)
                continue
            if arrived:
                yield _event(arrived=arrived)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """See `BaseTrigger.run`; the same, where looks are not shared."""
        _, arguments = self.serialize()
        async for event in self.filter_shared_stream(self.open_shared_stream(arguments)):
            yield event

    def _source(self) -> Source:
        ready = Readiness(
            settle_seconds=self.settle_seconds,
            ignore=tuple(self.ignore),
            marker=self.marker,
            manifest=self.manifest,
            deadline_seconds=self.deadline_seconds,
        )
        return Source(account=self.account, path=self.path, files=self.files, recursive=self.recursive, ready=ready)

    def _ask(self, versions: Sequence[FileVersion]) -> Standing:
        from headwater.orchestration.operators import open_task_workspace

        with open_task_workspace() as workspace:
            return standing(workspace, self.flow, versions)


def _event(**payload: int) -> TriggerEvent:
    """An event that is not taken for an earlier one of the same counts."""
    return TriggerEvent({**payload, "seen_at": datetime.now(UTC).isoformat()})  # type: ignore[no-untyped-call]


def _list(account: str, path: str, recursive: bool) -> list[RemoteFile]:
    from headwater.orchestration.operators import open_task_workspace

    with open_task_workspace() as workspace:
        return list_source(workspace, account, path, recursive=recursive)
