"""The outbox: notifications are written with the change they tell of, and delivered afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headwater.catalog.base import Store, utc_now
from headwater.catalog.tables import delivery, event, webhook_state
from headwater.database.engine import upsert
from headwater.model.runs import Delivery, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which deliveries are meant: those of certain subjects, of one dataflow, of codes with a prefix, or all.

    Those to the webhooks in `without` are left out.
    """

    subjects: Sequence[str] | None = None
    flow: str | None = None
    code_prefix: str = ""
    without: frozenset[str] = frozenset()


EVERYTHING = Selection()


class Outbox(Store):
    """Events and their deliveries, in the order in which they were written."""

    def add(self, new: Event, webhooks: Sequence[str]) -> bool:
        """Write an event and who is to get it. False if its subject already has an event of that code."""
        with self._begin() as connection:
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
            if added is not None and webhooks:
                connection.execute(
                    sa.insert(delivery),
                    [
                        {"event_id": new.id, "webhook": name, "attempts": 0, "next_attempt_at": new.created_at}
                        for name in webhooks
                    ],
                )
        return added is not None

    def due(self, selection: Selection = EVERYTHING, *, now: datetime, limit: int = 100) -> list[Delivery]:
        """Deliveries whose time has come, oldest event first.

        A delivery waits while an earlier event of the same subject has not reached the same webhook, or been given up.
        """
        before, before_event = delivery.alias("before"), event.alias("before_event")
        earlier = (
            sa.select(before.c.event_id)
            .join(before_event, before_event.c.id == before.c.event_id)
            .where(
                before.c.webhook == delivery.c.webhook,
                before_event.c.subject == event.c.subject,
                before_event.c.sequence < event.c.sequence,
                before.c.delivered_at.is_(None),
                before.c.given_up_at.is_(None),
            )
            .exists()
        )
        query = _open_deliveries(selection).where(delivery.c.next_attempt_at <= now, ~earlier)
        return [_delivery(row) for row in self._all(query.limit(limit))]

    def waiting(self, selection: Selection = EVERYTHING) -> list[Delivery]:
        """Deliveries that have not been made and not been given up."""
        return [_delivery(row) for row in self._all(_open_deliveries(selection))]

    def take(self, wanted: Delivery, *, until: datetime) -> bool:
        """Keep others from trying the delivery before then; False if somebody else was faster."""
        with self._begin() as connection:
            taken = connection.execute(
                sa.update(delivery)
                .where(
                    delivery.c.event_id == wanted.event.id,
                    delivery.c.webhook == wanted.webhook,
                    delivery.c.next_attempt_at == wanted.next_attempt_at,
                    delivery.c.delivered_at.is_(None),
                    delivery.c.given_up_at.is_(None),
                )
                .values(next_attempt_at=until)
            )
        return taken.rowcount == 1

    def expire(self, webhook: str, *, created_before: datetime, reason: str) -> int:
        """Give up what the webhook has not taken and is too old to be tried; returns how many events."""
        old = sa.select(event.c.id).where(event.c.created_at < created_before)
        with self._begin() as connection:
            return connection.execute(
                sa.update(delivery)
                .where(
                    delivery.c.webhook == webhook,
                    delivery.c.event_id.in_(old),
                    delivery.c.delivered_at.is_(None),
                    delivery.c.given_up_at.is_(None),
                )
                .values(given_up_at=utc_now(), last_error=reason)
            ).rowcount

    def delivered(self, event_id: str, webhook: str) -> None:
        """The receiver has taken the event."""
        self._after_attempt(event_id, webhook, delivered_at=utc_now(), last_error=None)

    def retry(self, event_id: str, webhook: str, *, reason: str, next_attempt_at: datetime) -> None:
        """The receiver did not take it; try again then."""
        self._after_attempt(event_id, webhook, next_attempt_at=next_attempt_at, last_error=reason)

    def give_up(self, event_id: str, webhook: str, *, reason: str) -> None:
        """The receiver did not take it and will not be asked again."""
        self._after_attempt(event_id, webhook, given_up_at=utc_now(), last_error=reason)

    def events(self, *, subject: str | None = None, limit: int = 100) -> list[Event]:
        """The newest events first, about one batch or flow run, or all."""
        query = sa.select(event).order_by(event.c.sequence.desc()).limit(limit)
        if subject is not None:
            query = query.where(event.c.subject == subject)
        return [_event(row) for row in self._all(query)]

    def subjects(self, code: str) -> set[str]:
        """What there is an event of this code about: ids of batches or flow runs."""
        return {row["subject"] for row in self._all(sa.select(event.c.subject).where(event.c.code == code))}

    def verified_etag(self, webhook: str) -> str | None:
        """The etag of the webhook's version that has answered its challenge, or None."""
        row = self._first(sa.select(webhook_state.c.etag).where(webhook_state.c.webhook == webhook))
        return str(row["etag"]) if row is not None else None

    def set_verified(self, webhook: str, etag: str) -> None:
        """That version of the webhook has answered its challenge."""
        values = {"etag": etag, "verified_at": utc_now()}
        with self._begin() as connection:
            connection.execute(
                upsert(connection, webhook_state)
                .values(webhook=webhook, **values)
                .on_conflict_do_update(index_elements=[webhook_state.c.webhook], set_=values)
            )

    def _after_attempt(self, event_id: str, webhook: str, **values: object) -> None:
        self._execute(
            sa.update(delivery)
            .where(delivery.c.event_id == event_id, delivery.c.webhook == webhook)
            .values(attempts=delivery.c.attempts + 1, **values)
        )


def _event(row: Any) -> Event:  # noqa: ANN401 - a database row's columns have no static types
    return Event(
        id=row["id"],
        code=row["code"],
        subject=row["subject"],
        dataset=row["dataset"],
        flow=row["flow"],
        created_at=row["created_at"],
        body=row["body"],
    )


def _open_deliveries(selection: Selection) -> sa.Select[Any]:
    query = (
        sa.select(delivery, *(column for column in event.c if column.name != "sequence"))
        .join(event, event.c.id == delivery.c.event_id)
        .where(delivery.c.delivered_at.is_(None), delivery.c.given_up_at.is_(None))
        .order_by(event.c.sequence, delivery.c.webhook)
    )
    if selection.code_prefix:
        query = query.where(event.c.code.startswith(selection.code_prefix, autoescape=True))
    if selection.subjects is not None:
        query = query.where(event.c.subject.in_(list(selection.subjects)))
    if selection.flow is not None:
        query = query.where(event.c.flow == selection.flow)
    if selection.without:
        query = query.where(delivery.c.webhook.not_in(sorted(selection.without)))
    return query


def _delivery(row: Any) -> Delivery:  # noqa: ANN401 - a database row's columns have no static types
    return Delivery(
        event=_event(row),
        webhook=row["webhook"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        delivered_at=row["delivered_at"],
        last_error=row["last_error"],
    )
