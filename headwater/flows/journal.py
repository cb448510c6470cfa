"""A webhook's journal: everything it was to be told in the last week, to be read in pieces or sent again."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from headwater.catalog.base import utc_now
from headwater.errors import ConflictError, HeadwaterError, NotFoundError
from headwater.flows.receivers import is_disabled
from headwater.flows.workspace import Workspace
from headwater.model.documents import Notifier, Webhook
from headwater.model.runs import JournalEntry

log = logging.getLogger(__name__)

MAX_PAGE_BYTES: Final = 1_500_000
"""A page holds no more, unless one event alone is larger (spec: notifications.md, section 8)."""
MAX_REPLAYED: Final = 10_000
"""How many events one replay sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """A piece of a journal.

    Attributes:
        entries: The events and their positions.
        last: The position to go on from: pass it as `since`. None at the end of an empty journal.
    """

    entries: tuple[JournalEntry, ...]
    last: str | None

    def to_json(self) -> dict[str, Any]:
        """AEP's form: `{"events": […], "_page": {"last": …, "count": …}}`."""
        events = [{"position": str(entry.position), "event": entry.event.body} for entry in self.entries]
        return {"events": events, "_page": {"last": self.last, "count": len(events)}}


def read_journal(
    workspace: Workspace, webhook: str, *, since: str | None = None, seek: timedelta | None = None, limit: int = 100
) -> JournalPage:
    """The next events of a journal, oldest first, also of a webhook that is disabled.

    Args:
        workspace: The installation.
        webhook: Whose journal.
        since: The position after which to go on; None for the oldest event.
        seek: Begin with events of that long ago, such as minus two hours. Not with `since`.
        limit: The most events; the page may hold fewer, since it is bounded in bytes.

    Raises:
        NotFoundError: there is no such webhook.
        HeadwaterError: `since` is no position, `seek` leads into the future, or both are given.
    """
    _receiver(workspace, webhook)
    if since is not None and seek is not None:
        raise HeadwaterError("give `since` or `seek`, not both")
    now = utc_now()
    begin = _seek(now, seek) if seek is not None else None
    after = _position(since) if since is not None else 0
    newest = workspace.catalog.journal.last_position(webhook, now=now) if begin is not None else after or None
    found = workspace.catalog.journal.read(webhook, now=now, after=after, since=begin, limit=limit)
    entries = _bounded(found)
    last = entries[-1].position if entries else newest
    return JournalPage(entries=entries, last=str(last) if last is not None else None)


def forget_old_events(workspace: Workspace) -> int:
    """Remove events that have been in no journal for weeks; returns how many."""
    count = workspace.catalog.journal.forget(now=utc_now())
    if count:
        log.info("%d old events removed", count)
    return count


def parse_seek(text: str) -> timedelta:
    """An ISO 8601 duration such as `-PT2H`.

    Raises:
        HeadwaterError: it is none.
    """
    try:
        return TypeAdapter(timedelta).validate_python(text, strict=False)
    except ValidationError:
        raise HeadwaterError(f"`seek` {text[:40]!r} is no ISO 8601 duration, such as -PT2H or -P1D") from None


def replay_events(workspace: Workspace, webhook: str, event_ids: Collection[str]) -> int:
    """Send events again, with their own ids; the records of their first deliveries stay as they are.

    Returns how many were queued.

    Raises:
        NotFoundError: there is no such webhook, or one of the events is not in its journal.
        ConflictError: the webhook is disabled.
    """
    found = workspace.catalog.journal.find(webhook, event_ids, now=utc_now())
    missing = sorted(set(event_ids) - {entry.event.id for entry in found})
    if missing:
        raise NotFoundError(
            f"the journal of webhook {webhook!r} has no event {', '.join(missing)}; it holds the last 7 days "
            f"(`headwater notifications journal {webhook}`)"
        )
    return _replay(workspace, webhook, found)


def replay_range(workspace: Workspace, webhook: str, *, since: datetime, until: datetime) -> int:
    """Send again what the webhook was to be told from `since` until before `until` (both aware); as `replay_events`.

    Raises:
        ConflictError: the webhook is disabled, or these are more events than one replay sends.
    """
    entries = workspace.catalog.journal.read(webhook, now=utc_now(), since=since, until=until, limit=MAX_REPLAYED + 1)
    if len(entries) > MAX_REPLAYED:
        raise ConflictError(
            f"webhook {webhook!r} has more than {MAX_REPLAYED:,} events between these times; replay a shorter time"
        )
    return _replay(workspace, webhook, entries)


def _replay(workspace: Workspace, webhook: str, entries: Sequence[JournalEntry]) -> int:
    document = _receiver(workspace, webhook)
    if not document.enabled or is_disabled(workspace.catalog, document):
        raise ConflictError(
            f"webhook {webhook!r} is disabled, so that nothing is sent to it. Mend its receiver and run "
            f"`headwater notifications enable {webhook}` first."
        )
    if entries:
        ids = [entry.event.id for entry in entries]
        number = workspace.catalog.journal.replay(webhook, ids, now=utc_now())
        log.info("webhook %r: replay %d of %d events", webhook, number, len(ids))
    return len(entries)


def _receiver(workspace: Workspace, name: str) -> Webhook | Notifier:
    notifier = workspace.catalog.resources.find("notifier", name)
    return notifier if isinstance(notifier, Notifier) else workspace.catalog.resources.typed(Webhook, name)


def _bounded(entries: Sequence[JournalEntry]) -> tuple[JournalEntry, ...]:
    """As many of the first entries as fit into a page, at least one."""
    sizes = accumulate(len(orjson.dumps(entry.event.body)) for entry in entries)
    fitting = sum(1 for size in sizes if size <= MAX_PAGE_BYTES)
    return tuple(entries[: max(fitting, 1)])


def _seek(now: datetime, seek: timedelta) -> datetime:
    if seek > timedelta(0):
        raise HeadwaterError("`seek` leads into the future; it is a duration back from now, such as -PT2H")
    return now + max(seek, timedelta(days=-365))


def _position(since: str) -> int:
    if not (since.isascii() and since.isdigit() and len(since) <= 18):
        raise HeadwaterError(f"`since` {since[:40]!r} is no position of a journal; take `last` of the page before")
    return int(since)
