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

        Those in `journal_only` find it in their journal; it is not sent to them, for that `reason`. Where an earlier
        event of the subject is yet to be sent, this one is due when that one is.
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
            if added is None:
                return False
            earlier = _next_attempts(connection, new.subject)
            rows = [
                queued(new.id, name, new.created_at, due_at=max(new.created_at, earlier.get(name, new.created_at)))
                for name in webhooks
            ]
            given_up = {"given_up_at": new.created_at, "last_error": reason}
            rows += [queued(new.id, name, new.created_at) | given_up for name in journal_only]
            for row in rows:
                connection.execute(sa.insert(delivery).values(row))
        return True

    def due(self, selection: Selection = EVERYTHING, *, now: datetime, limit: int = 100) -> list[Delivery]:
        """Deliveries whose time has come, what has waited longest first.

        A delivery waits while an earlier event of the same subject has not reached the same webhook, or been given up.
        However many are open: one that waits is due when the one before it is, so that few are looked at in vain.
        """
        page = _open_deliveries(selection, delivery.c).where(delivery.c.next_attempt_at <= now, _is_first())
        found = page.order_by(*_IN_TURN).limit(limit).subquery("found")
        query = sa.select(found, *_EVENT_COLUMNS).join(event, event.c.id == found.c.event_id)
        return [_delivery(row) for row in self._all(query.order_by(*(found.c[column.name] for column in _IN_TURN)))]

    def webhooks_due(self, selection: Selection = EVERYTHING, *, now: datetime) -> list[str]:
        """Whose deliveries' time has come, whoever has waited longest first."""
        query = _open_deliveries(selection, [delivery.c.webhook]).where(delivery.c.next_attempt_at <= now)
        query = query.group_by(delivery.c.webhook).order_by(sa.func.min(delivery.c.next_attempt_at))
        return [str(row["webhook"]) for row in self._all(query)]

    def waiting(self, selection: Selection = EVERYTHING) -> list[Delivery]:
        """Deliveries that have not been made and not been given up."""
        query = _with_events(_open_deliveries(selection, _COLUMNS)).order_by(*_BY_EVENT)
        return [_delivery(row) for row in self._all(query)]

    def backlog(self, selection: Selection = EVERYTHING) -> tuple[int, int]:
        """How many deliveries have not been made and not been given up, and how many of them were tried."""
        columns = (sa.func.count().label("waiting"), sa.func.count(delivery.c.last_error).label("tried"))
        with self._read() as connection:
            row = connection.execute(_open_deliveries(selection, columns).select_from(delivery)).one()
        return row.waiting, row.tried

    def overdue(self, before: datetime, selection: Selection = EVERYTHING) -> dict[str, int]:
        """By webhook, how many open deliveries have been due since before then and were not tried."""
        columns = (delivery.c.webhook, sa.func.count().label("waiting"))
        query = _open_deliveries(selection, columns).where(delivery.c.next_attempt_at < before)
        rows = self._all(query.group_by(delivery.c.webhook).order_by(delivery.c.webhook))
        return {row["webhook"]: row["waiting"] for row in rows}

    def failing(self, selection: Selection = EVERYTHING, *, limit: int) -> list[Delivery]:
        """Deliveries that were tried, did not succeed and are tried again; oldest event first."""
        query = _with_events(_open_deliveries(selection, _COLUMNS)).where(delivery.c.last_error.is_not(None))
        return [_delivery(row) for row in self._all(query.order_by(*_BY_EVENT).limit(limit))]

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
        theirs = sa.and_(delivery.c.webhook == webhook, *_OPEN)
        if queued_before is not None:
            theirs &= delivery.c.queued_at < queued_before
        with self._begin() as connection:
            held = sa.select(delivery.c.event_id).join(event, event.c.id == delivery.c.event_id).where(theirs)
            connection.execute(held.order_by(event.c.sequence).with_for_update(of=delivery)).close()
            given_up = sa.update(delivery).where(theirs).values(given_up_at=utc_now(), last_error=reason)
            return connection.execute(given_up).rowcount

    def events(self, *, subject: str | None = None, limit: int = 100) -> list[Event]:
        """The newest events first, about one batch or flow run, or all."""
        query = sa.select(event).order_by(event.c.sequence.desc()).limit(limit)
        if subject is not None:
            query = query.where(event.c.subject == subject)
        return [event_of(row) for row in self._all(query)]

    def subjects(self, code: str) -> set[str]:
        """What there is an event of this code about: ids of batches or flow runs."""
        return {row["subject"] for row in self._all(sa.select(event.c.subject).where(event.c.code == code))}

    def _after_attempt(self, tried: Delivery, *, next_attempt_at: datetime | None = None, **values: object) -> None:
        """Enter the outcome, unless somebody else has brought the delivery to its end meanwhile.

        What waits for it is not due before its next attempt, and where there is none, from now on.
        """
        due_at = delivery.c.next_attempt_at
        values["next_attempt_at"] = next_attempt_at or due_at
        moved = due_at < next_attempt_at if next_attempt_at else due_at > utc_now()
        with self._begin() as connection:
            entered = connection.execute(_update(tried).values(attempts=delivery.c.attempts + 1, **values))
            if entered.rowcount == 1:
                followers = _followers(tried).where(moved)
                connection.execute(followers.values(next_attempt_at=next_attempt_at or utc_now()))


_OPEN = (delivery.c.delivered_at.is_(None), delivery.c.given_up_at.is_(None))
_IN_TURN = (delivery.c.next_attempt_at, delivery.c.event_id, delivery.c.replay, delivery.c.webhook)
"""The order of `ix_delivery_due`, so that a page of a webhook's is read from there and nothing is sorted."""
_EVENT_COLUMNS = tuple(column for column in event.c if column.name != "sequence")
_COLUMNS = (*delivery.c, *_EVENT_COLUMNS)
_BY_EVENT = (event.c.sequence, delivery.c.webhook)


def lock_events(connection: sa.Connection) -> None:
    """Let others write events after this transaction only; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_EVENT_LOCK)))


def queued(
    event_id: str, webhook: str, now: datetime, *, replay: int = 0, due_at: datetime | None = None
) -> dict[str, object]:
    """The row of a delivery that is open from now on, for a day, and due at once or then."""
    return {
        "event_id": event_id,
        "webhook": webhook,
        "replay": replay,
        "queued_at": now,
        "attempts": 0,
        "next_attempt_at": due_at or now,
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


def _followers(of: Delivery) -> sa.Update:
    """Later events of the same subject, which the same webhook is to be told of after this one."""
    position = sa.select(event.c.sequence).where(event.c.id == of.event.id).scalar_subquery()
    later = sa.select(event.c.id).where(event.c.subject == of.event.subject, event.c.sequence > position)
    return sa.update(delivery).where(
        delivery.c.event_id.in_(later), delivery.c.webhook == of.webhook, delivery.c.replay == of.replay, *_OPEN
    )


def _next_attempts(connection: sa.Connection, subject: str) -> dict[str, datetime]:
    """By webhook, when the last open one of a subject's deliveries is due; nobody changes that meanwhile."""
    query = (
        sa.select(delivery.c.webhook, delivery.c.next_attempt_at)
        .join(event, event.c.id == delivery.c.event_id)
        .where(event.c.subject == subject, delivery.c.replay == 0, *_OPEN)
        .order_by(event.c.sequence, delivery.c.webhook)
        .with_for_update(of=delivery)
    )
    return {row.webhook: row.next_attempt_at for row in connection.execute(query)}


def _is_first() -> sa.ColumnElement[bool]:
    """For a delivery: whether every earlier event of its subject was sent to the same webhook, or given up.

    Row by row and by the subject, whatever a planner thinks of joining all deliveries with themselves.
    """
    before, before_event, its_event = delivery.alias("before"), event.alias("before_event"), event.alias("its_event")
    earlier = (
        sa.select(before_event.c.id)
        .join(its_event, its_event.c.subject == before_event.c.subject)
        .where(its_event.c.id == delivery.c.event_id, before_event.c.sequence < its_event.c.sequence)
        .correlate(delivery)
    )
    still_open = sa.select(sa.true()).where(
        before.c.event_id.in_(earlier),
        before.c.webhook == delivery.c.webhook,
        before.c.replay == delivery.c.replay,
        before.c.delivered_at.is_(None),
        before.c.given_up_at.is_(None),
    )
    return still_open.limit(1).correlate(delivery).scalar_subquery().is_not(sa.true())


def _open_deliveries(selection: Selection, columns: Iterable[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    query: sa.Select[Any] = sa.select(*columns).where(*_OPEN)
    about = []
    if selection.code_prefix:
        about.append(event.c.code.startswith(selection.code_prefix, autoescape=True))
    if selection.subjects is not None:
        about.append(event.c.subject.in_(list(selection.subjects)))
    if selection.flow is not None:
        about.append(event.c.flow == selection.flow)
    if about:
        query = query.where(delivery.c.event_id.in_(sa.select(event.c.id).where(*about).correlate(None)))
    if selection.webhook is None:
        return query
    if selection.subjects is None:
        return query.where(delivery.c.webhook == selection.webhook)
    return query.where(delivery.c.webhook.concat("") == selection.webhook)  # by the few events, not by the webhook


def _with_events(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.join_from(delivery, event, event.c.id == delivery.c.event_id)


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
