"""How webhooks stand: which have answered their challenge, which fail most of the time."""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from headwater.catalog.base import Store
from headwater.catalog.tables import attempt_count, webhook_state
from headwater.database.engine import upsert
from headwater.model.runs import WebhookState, WebhookStatus

_DAY: Final = timedelta(hours=24)


class Receivers(Store):
    """States of webhooks, and how their attempts of the last day went."""

    def status(self, webhook: str) -> WebhookStatus | None:
        """How the webhook stands; None if it has never been asked."""
        row = self._first(sa.select(webhook_state).where(webhook_state.c.webhook == webhook))
        return _status(row) if row is not None else None

    def disabled(self) -> dict[str, WebhookStatus]:
        """The webhooks that are disabled, by name; each only in the version with that etag."""
        rows = self._all(sa.select(webhook_state).where(webhook_state.c.state == WebhookState.DISABLED.value))
        return {row["webhook"]: _status(row) for row in rows}

    def set_status(self, new: WebhookStatus) -> None:
        """Enter how the webhook stands."""
        values = {
            "etag": new.etag,
            "state": new.state.value,
            "verified": new.verified,
            "since": new.since,
            "reason": new.reason,
        }
        with self._begin() as connection:
            connection.execute(
                upsert(connection, webhook_state)
                .values(webhook=new.webhook, **values)
                .on_conflict_do_update(index_elements=[webhook_state.c.webhook], set_=values)
            )

    def count_attempt(self, webhook: str, *, ok: bool, now: datetime) -> tuple[int, int]:
        """Count an attempt; returns how many there were within a day, to the hour, and how many failed."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        failed = 0 if ok else 1
        mine = attempt_count.c.webhook == webhook
        with self._begin() as connection:
            connection.execute(sa.delete(attempt_count).where(mine, attempt_count.c.hour <= hour - _DAY))
            connection.execute(
                upsert(connection, attempt_count)
                .values(webhook=webhook, hour=hour, attempts=1, failures=failed)
                .on_conflict_do_update(
                    index_elements=[attempt_count.c.webhook, attempt_count.c.hour],
                    set_={
                        "attempts": attempt_count.c.attempts + 1,
                        "failures": attempt_count.c.failures + failed,
                    },
                )
            )
            sums = sa.select(sa.func.sum(attempt_count.c.attempts), sa.func.sum(attempt_count.c.failures))
            attempts, failures = connection.execute(sums.where(mine)).one()
        return int(attempts), int(failures)

    def forget_attempts(self, webhook: str) -> None:
        """Begin to count anew."""
        self._execute(sa.delete(attempt_count).where(attempt_count.c.webhook == webhook))


def _status(row: sa.RowMapping) -> WebhookStatus:
    return WebhookStatus(
        webhook=row["webhook"],
        etag=row["etag"],
        state=WebhookState(row["state"]),
        verified=row["verified"],
        since=row["since"],
        reason=row["reason"],
    )
