"""The outbox: notifications are written with the change they tell of, and delivered afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headwater.catalog.base import Store, utc_now
from headwater.catalog.tables import delivery, event
from headwater.database.engine import upsert
from headwater.model.runs import Delivery, Event

_EVENT_LOCK = 0x6576656E  # "even": whoever writes events on PostgreSQL holds it until the transaction's end


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which deliveries are meant: those of certain subjects, of one dataflow, of codes with a prefix, or all."""

    subjects: Sequence[str] | None = None
    flow: str | None = None
    code_prefix: str = ""
    webhook: str | None = None


EVERYTHING = Selection()


class Outbox(Store):
    """Events and their deliveries, in the order in which they were written.

    Events become visible in the order of their positions, so that a reader of the journal passes none over.
    """

    def add(self, new: Event, webhooks: Sequence[str], *, journal_only: Sequence[str] = (), reason: str = "") -> bool:
        """Write an event and who is to get it. False if its subject already has an event of that code.

        Those in `journal_only` find it in their journal; it is not sent to them, for that `reason`.
        """
        with self._begin() as connection:
            lock_events(connection)
            added = connection.execute(
                upsert(connection, event)
                .values(
                    id=new.id,
                    code=new.code,
                    subject=new.subject,
                    dataset=new.dataset,
                    flow=new.flow,
                    created_at=new.created_at,
                    body=new.body,
                )
                .on_conflict_do_nothing(index_elements=[event.c.subject, event.c.code])
                .returning(event.c.id)
            ).scalar_one_or_none()
            rows = [queued(new.id, name, new.created_at) for name in webhooks]
            given_up = {"given_up_at": new.created_at, "last_error": reason}
            rows += [queued(new.id, name, new.created_at) | given_up for name in journal_only]
            for row in rows if added is not None else ():
                connection.execute(sa.insert(delivery).values(row))
        return added is not None

    def due(self, selection: Selection = EVERYTHING, *, now: datetime, limit: int = 100) -> list[Delivery]:
        """Deliveries whose time has come, oldest event first.

        A delivery waits while an earlier event of the same subject has not reached the same webhook, or been given up.
        """
        query = _due(_open_deliveries(selection), now).order_by(event.c.sequence, delivery.c.webhook)
        return [_delivery(row) for row in self._all(query.limit(limit))]

    def webhooks_due(self, selection: Selection = EVERYTHING, *, now: datetime) -> list[str]:
        """Whose deliveries' time has come, whoever has waited longest first."""
        query = _due(_open_deliveries(selection, [delivery.c.webhook]), now)
        query = query.group_by(delivery.c.webhook).order_by(sa.func.min(delivery.c.next_attempt_at))
        return [str(row["webhook"]) for row in self._all(query)]

    def waiting(self, selection: Selection = EVERYTHING) -> list[Delivery]:
        """Deliveries that have not been made and not been given up."""
        query = _open_deliveries(selection).order_by(event.c.sequence, delivery.c.webhook)
        return [_delivery(row) for row in self._all(query)]

    def backlog(self, selection: Selection = EVERYTHING) -> tuple[int, int]:
        """How many deliveries have not been made and not been given up, and how many of them were tried."""
        columns = (sa.func.count().label("waiting"), sa.func.count(delivery.c.last_error).label("tried"))
        with self._read() as connection:
            row = connection.execute(_open_deliveries(selection, columns)).one()
        return row.waiting, row.tried

    def failing(self, selection: Selection = EVERYTHING, *, limit: int) -> list[Delivery]:
        """Deliveries that were tried, did not succeed and are tried again; oldest event first."""
        query = _open_deliveries(selection).where(delivery.c.last_error.is_not(None))
        return [_delivery(row) for row in self._all(query.order_by(event.c.sequence, delivery.c.webhook).limit(limit))]

    def take(self, wanted: Delivery, *, until: datetime) -> bool:
        """Keep others from trying the delivery before then; False if somebody else was faster."""
        unchanged = delivery.c.next_attempt_at == wanted.next_attempt_at
        with self._begin() as connection:
            taken = connection.execute(_update(wanted).where(unchanged).values(next_attempt_at=until))
        return taken.rowcount == 1

    def delivered(self, made: Delivery) -> None:
        """The receiver has taken the event."""
        self._after_attempt(made, delivered_at=utc_now(), last_error=None)

    def retry(self, failed: Delivery, *, reason: str, next_attempt_at: datetime) -> None:
        """The receiver did not take it; try again then."""
        self._after_attempt(failed, next_attempt_at=next_attempt_at, last_error=reason)

    def give_up(self, failed: Delivery, *, reason: str) -> None:
        """The receiver did not take it and will not be asked again."""
        self._after_attempt(failed, given_up_at=utc_now(), last_error=reason)

    def give_up_all(self, webhook: str, *, reason: str, queued_before: datetime | None = None) -> int:
        """Give up whatever the webhook has not taken, or what has waited since before then; returns how many."""
        open_ones = sa.update(delivery).where(delivery.c.webhook == webhook, *_OPEN)
        if queued_before is not None:
            open_ones = open_ones.where(delivery.c.queued_at < queued_before)
        with self._begin() as connection:
            return connection.execute(open_ones.values(given_up_at=utc_now(), last_error=reason)).rowcount

    def events(self, *, subject: str | None = None, limit: int = 100) -> list[Event]:
        """The newest events first, about one batch or flow run, or all."""
        query = sa.select(event).order_by(event.c.sequence.desc()).limit(limit)
        if subject is not None:
            query = query.where(event.c.subject == subject)
        return [event_of(row) for row in self._all(query)]

    def subjects(self, code: str) -> set[str]:
        """What there is an event of this code about: ids of batches or flow runs."""
        return {row["subject"] for row in self._all(sa.select(event.c.subject).where(event.c.code == code))}

    def _after_attempt(self, tried: Delivery, **values: object) -> None:
        """Enter the outcome, unless somebody else has brought the delivery to its end meanwhile."""
        self._execute(_update(tried).values(attempts=delivery.c.attempts + 1, **values))


_OPEN = (delivery.c.delivered_at.is_(None), delivery.c.given_up_at.is_(None))
_COLUMNS = (*delivery.c, *(column for column in event.c if column.name != "sequence"))


def lock_events(connection: sa.Connection) -> None:
    """Let others write events after this transaction only; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_EVENT_LOCK)))


def queued(event_id: str, webhook: str, now: datetime, *, replay: int = 0) -> dict[str, object]:
    """The row of a delivery that is due from now on, for a day."""
    return {
        "event_id": event_id,
        "webhook": webhook,
        "replay": replay,
        "queued_at": now,
        "attempts": 0,
        "next_attempt_at": now,
    }


def event_of(row: Any) -> Event:  # noqa: ANN401 - a database row's columns have no static types
    """The event in a row that has all its columns."""
    return Event(
        id=row["id"],
        code=row["code"],
        subject=row["subject"],
        dataset=row["dataset"],
        flow=row["flow"],
        created_at=row["created_at"],
        body=row["body"],
    )


def _update(wanted: Delivery) -> sa.Update:
    return sa.update(delivery).where(
        delivery.c.event_id == wanted.event.id,
        delivery.c.webhook == wanted.webhook,
        delivery.c.replay == wanted.replay,
        *_OPEN,
    )


def _due(query: sa.Select[Any], now: datetime) -> sa.Select[Any]:
    before, before_event = delivery.alias("before"), event.alias("before_event")
    earlier = (
        sa.select(before.c.event_id)
        .join(before_event, before_event.c.id == before.c.event_id)
        .where(
            before.c.webhook == delivery.c.webhook,
            before.c.replay == delivery.c.replay,
            before_event.c.subject == event.c.subject,
            before_event.c.sequence < event.c.sequence,
            before.c.delivered_at.is_(None),
            before.c.given_up_at.is_(None),
        )
        .exists()
    )
    return query.where(delivery.c.next_attempt_at <= now, ~earlier)


def _open_deliveries(selection: Selection, columns: Iterable[sa.ColumnElement[Any]] = _COLUMNS) -> sa.Select[Any]:
    query: sa.Select[Any] = sa.select(*columns).select_from(delivery).join(event, event.c.id == delivery.c.event_id)
    query = query.where(*_OPEN)
    if selection.code_prefix:
        query = query.where(event.c.code.startswith(selection.code_prefix, autoescape=True))
    if selection.subjects is not None:
        query = query.where(event.c.subject.in_(list(selection.subjects)))
    if selection.flow is not None:
        query = query.where(event.c.flow == selection.flow)
    if selection.webhook is not None:
        query = query.where(delivery.c.webhook == selection.webhook)
    return query


def _delivery(row: Any) -> Delivery:  # noqa: ANN401 - a database row's columns have no static types
    return Delivery(
        event=event_of(row),
        webhook=row["webhook"],
        replay=row["replay"],
        attempts=row["attempts"],
        queued_at=row["queued_at"],
        next_attempt_at=row["next_attempt_at"],
        delivered_at=row["delivered_at"],
        last_error=row["last_error"],
    )
