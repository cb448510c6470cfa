"""Which batches hang together: those that replay rejected records of others, and those that replace others.

Each function is part of its caller's transaction.
"""

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from headwater.catalog.tables import batch
from headwater.errors import ConflictError
from headwater.model.runs import Batch, BatchStatus


def with_replays(connection: sa.Connection, batch_ids: Iterable[str]) -> tuple[str, ...]:
    """These batches and those in the lake that loaded rejected records of them, and of those in turn."""
    found = list(dict.fromkeys(batch_ids))
    for batch_id in found:
        found += _replays(connection, batch_id, BatchStatus.SUCCESS)
    return tuple(found)


def originals(connection: sa.Connection, replay: Batch) -> list[str]:
    """What the batch replays, and what that replays in turn; the one that read the files comes first."""
    found: list[str] = []
    original = replay.replay_of
    while original is not None:
        found.insert(0, original)
        query = sa.select(batch.c.replay_of).where(batch.c.id == original)
        original = connection.execute(query).scalar_one()
    return found


def refuse_while_replayed(connection: sa.Connection, batch_id: str) -> None:
    """Make sure that no batch is about to load rejected records of this one, or of its replays.

    Raises:
        ConflictError: one is; it may be over soon.
    """
    for loaded in with_replays(connection, [batch_id]):
        if staged := _replays(connection, loaded, BatchStatus.STAGED):
            raise ConflictError(
                f"the rejected records of batch {loaded} are being loaded by batch {staged[0]}. Nothing was "
                "changed. Wait for that replay; if it died, `headwater doctor --mend` closes its run.",
                retryable=True,
            )


def replacing_batches(connection: sa.Connection, batch_id: str, statuses: Collection[BatchStatus]) -> set[str]:
    """The batches with one of these statuses that replace this one."""
    query = sa.select(batch.c.id, batch.c.replaces).where(batch.c.status.in_([status.value for status in statuses]))
    return {row.id for row in connection.execute(query) if batch_id in row.replaces}


def _replays(connection: sa.Connection, batch_id: str, status: BatchStatus) -> list[str]:
    query = sa.select(batch.c.id).where(batch.c.replay_of == batch_id, batch.c.status == status.value)
    return list(connection.execute(query).scalars())
