"""The profile store as the rest of Headwater sees it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from sqlalchemy.engine import Connection, Engine

from headwater.identity.graph import IdentityGraph
from headwater.model.documents import MergePolicy
from headwater.profile.merged import EVENT_LIMIT, MergedProfile
from headwater.profile_store import batches, counting, history, identities, profiles, reading, reloading, removal
from headwater.profile_store.engine import Step, open_database
from headwater.profile_store.engine import reading as reading_transaction
from headwater.profile_store.engine import writing as writing_transaction
from headwater.profile_store.indexes import drop_unused_indexes
from headwater.profile_store.loads import (
    BatchLoad,
    IdentityLoad,
    LookupEntity,
    ProfileLoad,
    Removal,
    StoreCounts,
    StoredBatch,
)
from headwater.profile_store.rows import to_json
from headwater.profile_store.tables import batch, event, fragment, link, lookup_entity, vertex

if TYPE_CHECKING:
    import pyarrow as pa

_FORGOTTEN_AT_ONCE: Final = 5_000
_PAUSE_SECONDS: Final = 0.15
"""Longer than SQLite's writers sleep before they try again (`sqliteDefaultBusyCallback`: 100 ms)."""
_Result = TypeVar("_Result", IdentityLoad, ProfileLoad)
_WRITTEN: Final = {"identities": (vertex, link), "profiles": (fragment, event, lookup_entity)}
"""The tables that a load writes to."""


class ProfileStore:
    """Identity graph, fragments, events and lookup entities, in SQLite or PostgreSQL.

    A load is one transaction: killed in the middle, nothing has happened; repeated, it answers what it answered the
    first time and reads no rows. The two loads of a batch may come in either order. Threads may share a store.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect, and make or upgrade the tables.

        Args:
            url: `sqlite:////path/to/profile.db` (its folder is made), or `postgresql://user:password@host/database`.

        Raises:
            SettingsError: the URL is not one of SQLite or PostgreSQL.
            HeadwaterError: the database refused, or could not be reached (then `retryable`).
        """
        return cls(open_database(url))

    def close(self) -> None:
        """Close all connections. May be called twice."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def load_identities(self, load: BatchLoad, rows: "Iterable[pa.RecordBatch]") -> IdentityLoad:
        """Add the batch's links to the identity graph, once.

        Raises:
            SchemaError: an identity descriptor points into an array or map, or the identity settings do not fit.
            ConflictError: the batch was loaded for another dataset.
            HeadwaterError: the database refused, or could not be reached (then `retryable`).
        """

        def work(connection: Connection, number: int) -> IdentityLoad:
            return identities.load_identities(connection, load, number, rows)

        return self._once("identities", load, IdentityLoad, work)

    def load_profiles(self, load: BatchLoad, rows: "Iterable[pa.RecordBatch]") -> ProfileLoad:
        """Store the batch's records as fragments or lookup entities, or its events, once.

        Raises:
            SchemaError: an identity descriptor points into an array or map, or the dataset's behaviour is ad-hoc.
            ConflictError: the batch was loaded for another dataset.
            HeadwaterError: the database refused, or could not be reached (then `retryable`).
        """

        def work(connection: Connection, number: int) -> ProfileLoad:
            return profiles.load_profiles(connection, load, number, rows)

        return self._once("profiles", load, ProfileLoad, work)

    def reload_batch(
        self,
        load: BatchLoad,
        rows: "Callable[[], Iterable[pa.RecordBatch]]",
        *,
        events_since: datetime | None = None,
    ) -> bool:
        """Make what the store has of a batch what these rows give, as if no others had ever been loaded.

        The batch keeps its time of ingestion, and whether its records are upserts. A load that did not happen yet does
        not happen here: the batch's own flow run sees to it.

        Args:
            load: The batch.
            rows: Gives the rows, once for each load that is repeated. It is called when nobody else can write to the
                store, so that rows read then are not older than those of any load before.
            events_since: Events that happened before this (aware) stay out, as after `expire_events`; None for none.

        Returns:
            Whether the store has the batch.

        Raises:
            SchemaError, HeadwaterError: as with the two loads; the store is as it was.
        """
        with writing_transaction(self._engine) as connection:
            return reloading.reload_batch(connection, load, rows, events_since)

    def remove_batch(self, batch_id: str) -> Removal:
        """Remove what the batch brought: afterwards everything is as if it had never come. Repeating is harmless.

        What the batch had replaced shows again, values that it had changed are back, and graphs that it had joined come
        apart. A removed batch may be loaded again.

        Raises:
            HeadwaterError: the database refused, or could not be reached (then `retryable`).
        """
        with writing_transaction(self._engine) as connection:
            return removal.remove_batches(connection, batch.c.batch_id == batch_id)

    def remove_dataset(self, name: str) -> Removal:
        """Remove what all batches of the dataset brought; as `remove_batch`."""
        with writing_transaction(self._engine) as connection:
            return removal.remove_batches(connection, batch.c.dataset == name)

    def remove_profile(self, namespace: str, value: str, *, at: datetime | None = None) -> Removal:
        """Remove the person with this identity: fragments and events of the whole graph, and the graph.

        No batch that was ingested until then brings the person back, whether it is loaded late or anew; a later one
        does. To know, the store keeps a digest of each of the identities.

        Args:
            namespace: The identity namespace's code, in any case.
            value: The identity's value, exactly.
            at: The time of the removal, aware; None for the clock's.
        """
        with writing_transaction(self._engine) as connection:
            return removal.remove_profile(connection, namespace, value, at or datetime.now(UTC))

    def expire_events(self, dataset: str, *, before: datetime) -> Removal:
        """Remove the dataset's events that happened before an aware time. A profile with nothing else is gone."""
        with writing_transaction(self._engine) as connection:
            return removal.expire_events(connection, dataset, before)

    def forget_history(self, dataset: str, *, before: datetime, rows_at_once: int = _FORGOTTEN_AT_ONCE) -> Removal:
        """Remove records of the dataset that were replaced by batches ingested before an aware time.

        No profile changes, and a batch ingested since then can be removed as if it had never come. One from before does
        not show again what it replaced. Records of an upsert dataset lie on top of each other and stay.

        Records go a part of a batch at a time, each in a transaction of its own and with a pause between two of them,
        so that loads get in between: they wait for one such part at most. Stopped in the middle, the next call goes on.

        Raises:
            HeadwaterError: the database refused, or could not be reached (then `retryable`); repeating goes on.
        """
        with reading_transaction(self._engine) as connection:
            batch_ids = history.batches_with_history(connection, dataset, before)
        fragments = lookup_entities = 0
        for batch_id in batch_ids:
            with reading_transaction(self._engine) as connection:
                pages = history.pages_to_forget(connection, batch_id, before, rows=rows_at_once)
            for page in pages:
                with writing_transaction(self._engine) as connection:
                    removed = history.forget_page(connection, batch_id, before, page)
                fragments += removed.fragments
                lookup_entities += removed.lookup_entities
                time.sleep(_PAUSE_SECONDS)
        return Removal(fragments=fragments, lookup_entities=lookup_entities)

    def look_up(
        self, namespace: str, value: str, policy: MergePolicy, *, event_limit: int = EVENT_LIMIT
    ) -> MergedProfile | None:
        """The profile of the person with this identity, None if there is none under the policy.

        With identity graph `pdg` any identity finds the profile that is linked to the primary identity of a fragment or
        event; with `none` only a primary identity itself does, and only what is stored under it is seen.

        Args:
            namespace: The identity namespace's code, in any case.
            value: The identity's value, exactly.
            policy: How fragments merge.
            event_limit: Most events to return, the newest ones.
        """
        with reading_transaction(self._engine) as connection:
            return reading.look_up(connection, namespace, value, policy, event_limit)

    def look_up_entities(self, namespace: str, value: str) -> tuple[LookupEntity, ...]:
        """The things with this primary identity, such as a product: one from each dataset, the newest first."""
        with reading_transaction(self._engine) as connection:
            return reading.look_up_entities(connection, namespace, value)

    def identity_graph(self, namespace: str, value: str) -> IdentityGraph | None:
        """The graph that the identity is in; just itself if it has data but no links; None if it is unknown."""
        with reading_transaction(self._engine) as connection:
            return reading.identity_graph(connection, namespace, value)

    def batches(self) -> list[StoredBatch]:
        """The batches that the store has, by id."""
        with reading_transaction(self._engine) as connection:
            return batches.stored(connection)

    def counts(self) -> StoreCounts:
        """What the store holds, exactly. Reads every key: some seconds for a million people."""
        with reading_transaction(self._engine) as connection:
            return counting.count(connection)

    def _once(
        self, step: Step, load: BatchLoad, result_type: type[_Result], work: Callable[[Connection, int], _Result]
    ) -> _Result:
        drop_unused_indexes(self._engine, _WRITTEN[step])
        with writing_transaction(self._engine) as connection:
            number, answer = batches.register(connection, load, step)
            if answer is not None:
                return result_type(**answer)
            result = work(connection, number)
            removal.keep_out_removed(connection, number)
            batches.finish(connection, number, step, to_json(asdict(result)))
            return result
