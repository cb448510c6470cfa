"""The journals: what each webhook was to be told in the last days, to be read in pieces and replayed."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from headwater.catalog.base import Store
from headwater.catalog.outbox import event_of, lock_events, queued
from headwater.catalog.tables import delivery, event
from headwater.model.runs import JournalEntry

KEPT_FOR: Final = timedelta(days=7)
"""How long an event is in the journals (spec: notifications.md, section 8)."""
FORGOTTEN_AFTER: Final = timedelta(days=30)
"""When an event is removed for good; until then a repaired run knows what it has told."""


class Journal(Store):
    """One journal for each webhook: the first records of its events, also of those that were not sent."""

    def read(
        self,
        webhook: str,
        *,
        now: datetime,
        after: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> list[JournalEntry]:
        """The entries after a position, oldest first, none older than `KEPT_FOR`.

        Args:
            webhook: Whose journal.
            now: The time.
            after: A position; the entry that has it is not given again.
            since: Only events from then on.
            until: Only events before then.
            limit: The most that is given.
        """
        query = _entries(webhook, now).where(event.c.sequence > after)
        if since is not None:
            query = query.where(event.c.created_at >= since)
        if until is not None:
            query = query.where(event.c.created_at < until)
        rows = self._all(query.order_by(event.c.sequence).limit(limit))
        return [JournalEntry(position=row["sequence"], event=event_of(row)) for row in rows]

    def last_position(self, webhook: str, *, now: datetime) -> int | None:
        """The position of the newest entry, None in an empty journal."""
        row = self._first(_entries(webhook, now).order_by(event.c.sequence.desc()).limit(1))
        return int(row["sequence"]) if row is not None else None

    def find(self, webhook: str, event_ids: Collection[str], *, now: datetime) -> list[JournalEntry]:
        """The entries of those events, oldest first; events that are not in the journal are left out."""
        query = _entries(webhook, now).where(event.c.id.in_(sorted(event_ids))).order_by(event.c.sequence)
        return [JournalEntry(position=row["sequence"], event=event_of(row)) for row in self._all(query)]

    def replay(self, webhook: str, event_ids: Collection[str], *, now: datetime) -> int:
        """Queue the events again, beside their first records, which stay as they are.

        Returns the number of this replay among the webhook's, from 1; a later one does not wait for it.
        """
        with self._begin() as connection:
            lock_events(connection)
            last = connection.execute(
                sa.select(sa.func.max(delivery.c.replay)).where(delivery.c.webhook == webhook)
            ).scalar_one()
            number = int(last or 0) + 1
            for place, event_id in enumerate(event_ids):
                due_at = now - timedelta(microseconds=len(event_ids) - place)  # in this order, all of them now
                row = queued(event_id, webhook, now, replay=number, due_at=due_at)
                connection.execute(sa.insert(delivery).values(row))
        return number

    def forget(self, *, now: datetime) -> int:
        """Remove events of more than `FORGOTTEN_AFTER` ago, with their deliveries; returns how many events."""
        old = sa.select(event.c.id).where(event.c.created_at < now - FORGOTTEN_AFTER)
        with self._begin() as connection:
            connection.execute(sa.delete(delivery).where(delivery.c.event_id.in_(old)))
            return connection.execute(sa.delete(event).where(event.c.created_at < now - FORGOTTEN_AFTER)).rowcount


def _entries(webhook: str, now: datetime) -> sa.Select[Any]:
    return (
        sa.select(event)
        .join(delivery, event.c.id == delivery.c.event_id)
        .where(delivery.c.webhook == webhook, delivery.c.replay == 0, event.c.created_at >= now - KEPT_FOR)
    )
