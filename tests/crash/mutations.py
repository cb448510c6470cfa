"""Safeguards of the product, each of which can be taken out, so that the certificate proves that it would notice.

A mutation is applied in the processes of the steps only (`--mutation NAME`); the product's files stay as they are.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from pyiceberg.table import Table, Transaction

from headwater.catalog.base import utc_now
from headwater.catalog.batches import BatchStore, GroupReport
from headwater.catalog.catalog import Catalog, Stores
from headwater.catalog.ledger import Ledger, Verdict
from headwater.catalog.outbox import Outbox
from headwater.catalog.tables import batch, delivery, source_file, staged_file
from headwater.flows.context import RunContext
from headwater.flows.workspace import Workspace
from headwater.model.runs import Batch, BatchStatus, Delivery, Event, FileState, SourceFile, StagedFile
from headwater.notify import WebhookChannel
from headwater.profile_store import batches as profile_batches
from headwater.profile_store.engine import writing
from headwater.profile_store.loads import BatchLoad
from headwater.profile_store.rows import to_json
from headwater.profile_store.store import ProfileStore

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A safeguard that can be taken out.

    Attributes:
        removed: What no longer holds, for people.
        place: Module and name of the function that is changed.
        change: Gets the function and gives what takes its place.
        also: Another mutation that is applied with it: a safeguard that would do instead.
    """

    removed: str
    place: str
    change: Callable[[Function], Function]
    also: "Mutation | None" = None

    def apply(self) -> None:
        """Take the safeguard out of this process.

        Raises:
            AttributeError: the product no longer has such a function.
        """
        module, name = self.place.split(":")
        owner_name, _, last = name.rpartition(".")
        owner = importlib.import_module(module)
        owner = attrgetter(owner_name)(owner) if owner_name else owner
        changed = self.change(getattr(owner, last))
        setattr(owner, last, staticmethod(changed) if isinstance(vars(owner)[last], staticmethod) else changed)
        if self.also is not None:
            self.also.apply()


def answering(value: object) -> Callable[[Function], Function]:
    """A change: the function does nothing and gives this."""
    return lambda _function: lambda *_arguments, **_options: value


def _repeating_blindly(_single_attempt: Function) -> Function:
    def transaction(table: Table, _properties: object = None) -> Transaction:
        return table.transaction()

    return transaction


def _finding_only(_give_up_batch: Function) -> Function:
    return importlib.import_module("headwater.lake.commits").find_snapshot  # type: ignore[no-any-return]


def _keeping_staged_files(put_group: Function) -> Function:
    def put(self: BatchStore, batch_id: str, report: GroupReport) -> tuple[StagedFile, ...]:
        for file in put_group(self, batch_id, report):
            values = {"uri": file.uri, "rows": file.rows, "size_bytes": file.size_bytes}
            self._execute(sa.insert(staged_file).values(batch_id=batch_id, group_number=file.group, **values))
        return ()

    return put


def _sharing_claims(claim: Function) -> Function:
    def shared(self: Ledger, *arguments: object, **options: object) -> object:
        self._execute(sa.text("DROP INDEX IF EXISTS uq_source_file_claimed"))
        return claim(self, *arguments, **options)

    return shared


def _ignoring_contents(_record_content: Function) -> Function:
    def recorded(self: Ledger, file_id: str, *, sha256: str, size_bytes: int, reprocess: bool) -> Verdict:
        del reprocess
        self._execute(sa.text("DROP INDEX IF EXISTS uq_source_file_claimed_content"))
        mine = sa.update(source_file).where(source_file.c.id == file_id)
        self._execute(mine.values(sha256=sha256, size_bytes=size_bytes))
        return Verdict(state=FileState.CLAIMED, original=None)

    return recorded


def _moving_always(_move: Function) -> Function:
    def move(connection: sa.Connection, batch_id: str, *, to: BatchStatus, of: Sequence[BatchStatus]) -> None:
        del of
        connection.execute(sa.update(batch).where(batch.c.id == batch_id).values(status=to.value))

    return move


def _opening_a_second_batch(_claim: Function) -> Function:
    open_batch = importlib.import_module("headwater.flows.discover")._open_batch

    def claim(
        workspace: Workspace, context: RunContext, claims: object, large: object
    ) -> tuple[str | None, list[SourceFile], list[int]]:
        with workspace.catalog.transaction() as stores:
            batch_id = open_batch(stores, context, claims, large)
            files = stores.ledger.of_run(context.run.id)
        return batch_id, files, sorted({file.group for file in files})

    return claim


def _tearing_apart(_transaction: Function) -> Function:
    @contextmanager
    def transaction(self: Catalog) -> Iterator[Stores]:
        yield self

    return transaction


def _telling_later(whole: Function) -> Function:
    @contextmanager
    def transaction(self: Catalog) -> Iterator[Stores]:
        late: list[Callable[[], object]] = []

        def add_later(*arguments: Any, **options: Any) -> bool:  # noqa: ANN401 - passed on as they are
            late.append(lambda: self.outbox.add(*arguments, **options))
            return True

        with whole(self) as stores:
            stores.outbox.add = add_later
            yield stores
        for add in late:
            add()

    return transaction


def _renaming_events(send: Function) -> Function:
    def renamed(self: WebhookChannel, event: Event, *arguments: object, **options: object) -> object:
        body = dict(event.body) | {"event_id": str(uuid4())}
        return send(self, replace(event, body=body), *arguments, **options)

    return renamed


def _receipting_before(take: Function) -> Function:
    def taken(self: Outbox, wanted: Delivery, **until: object) -> bool:
        mine: bool = take(self, wanted, **until)
        if mine:
            this = (delivery.c.event_id == wanted.event.id) & (delivery.c.webhook == wanted.webhook)
            self._execute(sa.update(delivery).where(this).values(delivered_at=utc_now()))
        return mine

    return taken


def _forgetting_answers(register: Function) -> Function:
    return lambda *arguments: (register(*arguments)[0], None)


def _answering_before(_once: Function) -> Function:
    def noted_first(self: ProfileStore, step: Any, load: BatchLoad, result_type: Function, work: Function) -> object:  # noqa: ANN401 - a private type
        with writing(self._engine) as connection:
            number, answer = profile_batches.register(connection, load, step)
            if answer is not None:
                return result_type(**answer)
            nothing = result_type(batch_id=load.batch_id, dataset=load.dataset)
            profile_batches.finish(connection, number, step, to_json(asdict(nothing)))
        with writing(self._engine) as connection:
            result = work(connection, number)
            profile_batches.finish(connection, number, step, to_json(asdict(result)))
            return result

    return noted_first


def _releasing_before(finish_removal: Function) -> Function:
    def released_first(workspace: Workspace, removed: Batch) -> None:
        with workspace.catalog.transaction() as stores:
            if stores.batches.end_removal(removed.id):
                stores.ledger.release_loaded(removed.flow_run_id)
        finish_removal(workspace, removed)

    return released_first


def _mutation(
    removed: str, place: str, change: Callable[[Function], Function], also: Mutation | None = None
) -> Mutation:
    return Mutation(removed=removed, place=f"headwater.{place}", change=change, also=also)


_SHARED_CONTENTS: Final = _mutation(
    "of files with the same bytes one is loaded", "catalog.ledger:Ledger.record_content", _ignoring_contents
)
MUTATIONS: Final[Mapping[str, Mutation]] = {
    "no-search": _mutation(
        "a commit looks for its batch in the lake, before and after", "lake.commits:_snapshot_of", answering(None)
    ),
    "blind-repetition": _mutation(
        "a lost commit is decided anew, not carried over by pyiceberg",
        "lake.commits:single_attempt",
        _repeating_blindly,
    ),
    "unmarked-end": _mutation(
        "a batch that is given up is marked in the lake", "lake.lake:give_up_batch", _finding_only
    ),
    "kept-staging": _mutation(
        "a group that is read again replaces what it staged",
        "catalog.batches:BatchStore.put_group",
        _keeping_staged_files,
    ),
    "shared-claims": _mutation(
        "one run at a time holds a file version", "catalog.ledger:Ledger.claim", _sharing_claims
    ),
    "shared-contents": _SHARED_CONTENTS,
    "shared-files": _mutation(
        "one run at a time holds a file version, and of files with the same bytes one is loaded",
        "catalog.ledger:Ledger.claim",
        _sharing_claims,
        also=_SHARED_CONTENTS,
    ),
    "kept-claims": _mutation("a failed run gives its files back", "catalog.ledger:Ledger.release", answering(0)),
    "immortal-runs": _mutation("a dead run is closed by the next one", "flows.begin:is_dead", answering(False)),
    "mortal-runs": _mutation("a run with a lease is left alone", "flows.begin:is_dead", answering(True)),
    "unfenced-runs": _mutation(
        "a closed run can do nothing more", "catalog.flow_runs:FlowRunStore.require_open", answering(None)
    ),
    "unfenced-batches": _mutation(
        "a batch changes only from the statuses that it may", "catalog.batches:BatchStore._move", _moving_always
    ),
    "second-batch": _mutation(
        "a second discovery goes on with the first one's batch", "flows.discover:_claim", _opening_a_second_batch
    ),
    "torn-transactions": _mutation(
        "what belongs together in the catalog is one transaction",
        "catalog.catalog:Catalog.transaction",
        _tearing_apart,
    ),
    "late-events": _mutation(
        "an event is written with the change that it tells of", "catalog.catalog:Catalog.transaction", _telling_later
    ),
    "new-event-ids": _mutation(
        "an event keeps its id at each attempt", "notify.webhook:WebhookChannel.send", _renaming_events
    ),
    "early-receipts": _mutation(
        "a delivery is entered after it was made", "catalog.outbox:Outbox.take", _receipting_before
    ),
    "no-second-look": _mutation(
        "the end of a run makes good what a kill left out", "flows.finish:_complete_loads", answering(None)
    ),
    "repeated-loads": _mutation(
        "a batch is loaded into the profile store once", "profile_store.batches:register", _forgetting_answers
    ),
    "early-answers": _mutation(
        "a profile load and its entry are one transaction", "profile_store.store:ProfileStore._once", _answering_before
    ),
    "early-release": _mutation(
        "a reverted batch's files are given back last", "flows.removal:_finish_removal", _releasing_before
    ),
}
"""By name, what the certificate has to notice."""
