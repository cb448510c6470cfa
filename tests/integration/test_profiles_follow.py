"""Graph and profiles follow the lake where a file's newer version takes the place of its older one."""

import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.errors import ConflictError
from headwater.flows import Workspace, open_workspace, steps
from headwater.flows.doctor import Code, examine
from headwater.flows.maintenance import maintain_lake
from headwater.flows.profile_rows import batch_load
from headwater.flows.reloading import finish_reloads
from headwater.flows.removal import finish_removals, revert_batch
from headwater.flows.replay import replay_batch
from headwater.flows.schemas import resolve_schema
from headwater.model.documents import Dataflow, Dataset, MergePolicy, RunRequest
from headwater.model.runs import BatchStatus, FlowRunState
from headwater.profile_store import BatchLoad, ProfileLoad, ProfileStore
from headwater.settings import Settings
from tests.forks import run_apart
from tests.integration import killed_reload
from tests.integration.shop import DATASET, FLOW, Shop, open_shop

POLICY = MergePolicy(name="default", default=True)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, profile=True) as opened:
        opened.supersede_changed_files()
        yield opened


def people(store: ProfileStore, *keys: str) -> dict[str, list[tuple[str, str]]]:
    """Coupon and batch of each person's events, by key; who has no profile is left out."""
    found = {key: store.look_up("shopLoyalty", key, POLICY) for key in keys}
    return {
        key: [(event.body["_shop"]["coupon"], event.batch_id) for event in profile.events]
        for key, profile in found.items()
        if profile is not None
    }


def loaded_anew(workspace: Workspace, folder: Path) -> ProfileStore:
    """A store of its own, into which the rows were loaded that the lake has of each batch."""
    dataset = workspace.catalog.resources.typed(Dataset, DATASET)
    schema = resolve_schema(workspace.catalog.resources, dataset.xdm_schema, tenant="shop")
    store = ProfileStore.open(f"sqlite:///{folder}/anew.db")
    for batch in workspace.catalog.batches.of_dataset(DATASET):
        if batch.status is BatchStatus.SUCCESS:
            load = batch_load(workspace, batch, dataset, schema)
            store.load_identities(load, workspace.lake.read_remaining(DATASET, batch.id))
            store.load_profiles(load, workspace.lake.read_remaining(DATASET, batch.id))
    return store


def put_first_version(shop: Shop) -> str:
    """A batch with people a and b from one file, and c from another."""
    shop.put("ab.json", ("a", "X"), ("b", "X"))
    shop.put("c.json", ("c", "X"))
    return str(shop.run().batch_id)


def settled_run(shop: Shop) -> str:
    """A run that has put its rows into the lake, and no profile anywhere."""
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    discovery = steps.discover(shop.workspace, flow, RunRequest())
    for group in discovery.groups:
        steps.ingest_group(shop.workspace, discovery.flow_run_id, group)
    steps.load_lake(shop.workspace, discovery.flow_run_id)
    return discovery.flow_run_id


def load_profiles(shop: Shop, run_id: str) -> None:
    steps.load_identities(shop.workspace, run_id)
    steps.load_profiles(shop.workspace, run_id)


def test_people_whom_a_changed_file_no_longer_has_are_gone(shop: Shop, tmp_path: Path) -> None:
    old = put_first_version(shop)
    shop.put("ab.json", ("a", "YY"))
    new = str(shop.run().batch_id)

    store = shop.workspace.profile_store
    assert people(store, "a", "b", "c") == {"a": [("YY", new)], "c": [("X", old)]}
    with loaded_anew(shop.workspace, tmp_path) as anew:
        assert people(anew, "a", "b", "c") == people(store, "a", "b", "c")
        assert anew.counts() == store.counts()
    assert shop.workspace.catalog.reloads.pending() == []
    assert examine(shop.workspace) == []

    shop.run(reprocess=True)

    assert {key: len(events) for key, events in people(store, "a", "b", "c").items()} == {"a": 1, "c": 1}
    assert [each.profile_rows for each in store.batches()] == [0, 0, 2]
    assert examine(shop.workspace) == []


def test_a_batch_whose_profiles_are_loaded_late_has_only_what_was_not_superseded(shop: Shop) -> None:
    shop.put("ab.json", ("a", "X"), ("b", "X"))
    shop.put("c.json", ("c", "X"))
    late = settled_run(shop)
    shop.put("ab.json", ("a", "YY"))
    new = str(shop.run().batch_id)

    load_profiles(shop, late)

    old = str(shop.workspace.catalog.flow_runs.get(late).batch_id)
    assert people(shop.workspace.profile_store, "a", "b", "c") == {"a": [("YY", new)], "c": [("X", old)]}
    steps.finish(shop.workspace, late, flow=FLOW)
    assert examine(shop.workspace) == []


def test_replayed_records_of_a_superseded_file_go_too(shop: Shop) -> None:
    shop.put("ab.json", ("a", "X"), ("b", "SUMMER2026"))
    first = str(shop.run().batch_id)
    shop.apply(coupon_length=10)
    shop.supersede_changed_files()
    replay = str(replay_batch(shop.workspace, first).batch_id)
    store = shop.workspace.profile_store
    assert people(store, "a", "b") == {"a": [("X", first)], "b": [("SUMMER2026", replay)]}
    shop.put("ab.json", ("b", "YY"))

    new = str(shop.run().batch_id)

    assert people(store, "a", "b") == {"b": [("YY", new)]}
    assert store.counts().events == 1


def test_of_events_with_one_id_the_last_of_the_file_counts_however_it_is_stored(shop: Shop) -> None:
    written = [("first", 3, "x"), ("old", 5, "e"), ("new", 3, "e")]  # the lake has a file for each day
    lines = [
        f'{{"_id": "{key}", "timestamp": "2026-11-{day:02d}T12:00:00Z",'
        f' "_shop": {{"loyaltyId": "{key}", "coupon": "{coupon}"}}}}'
        for coupon, day, key in written
    ]
    shop.write("a.json", "\n".join(lines).encode())
    batch_id = str(shop.run().batch_id)
    store = shop.workspace.profile_store

    assert people(store, "e") == {"e": [("new", batch_id)]}
    profile = store.look_up("shopLoyalty", "e", POLICY)
    assert profile is not None
    assert [event.row_number for event in profile.events] == [3]


def test_replayed_records_do_not_overwrite_what_came_since(shop: Shop) -> None:
    shop.put("first.json", ("a", "X"), ("b", "SUMMER2026"))
    first = str(shop.run().batch_id)
    shop.put("second.json", ("c", "X"), ("b", "YY"))
    second = str(shop.run().batch_id)
    shop.apply(coupon_length=10)

    replayed = replay_batch(shop.workspace, first)

    assert replayed.counts.loaded == 1
    assert people(shop.workspace.profile_store, "b") == {"b": [("YY", second)]}


def test_a_batch_without_profiles_needs_no_profile_store(tmp_path: Path) -> None:
    with open_shop(tmp_path, profile_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing") as shop:
        shop.supersede_changed_files()
        put_first_version(shop)
        shop.put("ab.json", ("a", "YY"))

        assert shop.run().state is FlowRunState.SUCCESS

        assert shop.workspace.catalog.reloads.pending() == []
        assert examine(shop.workspace) == []


ENDED_BY: dict[str, Callable[[Shop], object]] = {
    "the next run": lambda shop: shop.run(),
    "doctor": lambda shop: examine(shop.workspace, mend=True),
    "doctor and maintenance": lambda shop: (examine(shop.workspace, mend=True), maintain_lake(shop.workspace)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "ended_by"),
    [
        ("after load_lake", "the next run"),
        ("while reloading", "doctor"),
        ("after reloading", "doctor and maintenance"),
    ],
)
def test_a_run_killed_before_the_profiles_followed_is_made_good(shop: Shop, point: str, ended_by: str) -> None:
    old = put_first_version(shop)
    shop.put("ab.json", ("a", "YY"))
    home = str(shop.workspace.settings.home)
    killed = run_apart(killed_reload.main, home, point)
    assert killed.exitcode == -signal.SIGKILL, killed.raised
    [pending] = shop.workspace.catalog.reloads.pending()
    assert pending.batch_id == old
    before = people(shop.workspace.profile_store, "b")
    assert before == ({} if point == "after reloading" else {"b": [("X", old)]})

    ENDED_BY[ended_by](shop)

    new = pending.superseded_by
    assert people(shop.workspace.profile_store, "a", "b", "c") == {"a": [("YY", new)], "c": [("X", old)]}
    assert shop.workspace.catalog.reloads.pending() == []
    assert examine(shop.workspace) == []


def test_what_a_closed_run_left_is_told_and_ended_by_maintenance_or_the_doctor(shop: Shop) -> None:
    old = put_first_version(shop)
    catalog, store = shop.workspace.catalog, shop.workspace.profile_store
    enders: list[Callable[[Workspace], object]] = [maintain_lake, partial(examine, mend=True)]
    for number, ended_by in enumerate(enders):
        coupon = "Y" * (number + 2)
        shop.put("c.json", ("d", coupon))
        new = str(shop.run().batch_id)
        assert examine(shop.workspace) == []
        catalog.reloads.request([old], superseded_by=new)

        [finding] = examine(shop.workspace)
        assert (finding.code, finding.subject, finding.mendable) == (Code.INTERRUPTED_RELOAD, old, True)
        assert f"batch {old} of dataset 'shop_events' lost rows to batch {new}" in finding.problem
        ended_by(shop.workspace)

        assert catalog.reloads.pending() == []
        assert people(store, "a", "b", "c", "d") == {
            "a": [("X", old)],
            "b": [("X", old)],
            "d": [(coupon, new)],
        }


class Interrupted:
    """A real store, at one of whose calls somebody else comes first."""

    def __init__(self, store: Any, call: str, first: Callable[[], object]) -> None:  # noqa: ANN401 - stands in
        self._store = store
        self._call = call
        self._first = first

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name == self._call:
            self._call = ""
            self._first()
        return getattr(self._store, name)


def other_workspace(shop: Shop) -> Workspace:
    """What another process would work with."""
    return open_workspace(Settings.load(home=shop.workspace.settings.home, tenant="shop"))


class RereadLake:
    """The real lake, except that something happens between reading a batch for the profiles and using its rows."""

    def __init__(self, lake: Any, meanwhile: Callable[[], object]) -> None:  # noqa: ANN401 - stands in for the lake
        self._lake = lake
        self._meanwhile = meanwhile
        self._reads = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._lake, name)

    def read_remaining(self, dataset: str, batch_id: str) -> Iterator[pa.RecordBatch]:
        """Read, and let something happen."""
        rows = list(self._lake.read_remaining(dataset, batch_id))
        self._reads += 1
        if self._reads == 2:  # the first time it is read for the identities
            self._meanwhile()
        yield from rows


def test_a_loss_while_the_profiles_follow_an_earlier_one_is_not_forgotten(shop: Shop) -> None:
    old = put_first_version(shop)
    shop.put("ab.json", ("a", "YY"))
    first = settled_run(shop)
    runs: list[str] = []
    shop.put("c.json", ("c", "ZZZ"))

    def supersede_more() -> None:
        with other_workspace(shop) as workspace:
            runs.append(settled_run(Shop(workspace=workspace, folder=shop.folder, profile=True)))

    lake = shop.workspace.lake
    shop.workspace.__dict__["lake"] = RereadLake(lake, supersede_more)
    load_profiles(shop, first)
    shop.workspace.__dict__["lake"] = lake

    second = str(shop.workspace.catalog.flow_runs.get(runs[0]).batch_id)
    [left] = shop.workspace.catalog.reloads.pending()
    assert (left.batch_id, left.superseded_by) == (old, second)
    assert people(shop.workspace.profile_store, "b", "c") == {"c": [("X", old)]}
    load_profiles(shop, runs[0])
    assert people(shop.workspace.profile_store, "b", "c") == {"c": [("ZZZ", second)]}
    assert shop.workspace.catalog.reloads.pending() == []


@pytest.mark.parametrize("step", ["load_identities", "load_profiles"])
def test_a_load_that_is_repeated_beside_a_revert_leaves_nothing(shop: Shop, step: str) -> None:
    """The batch is in the lake when the step looks, and reverted when the profile store takes it."""
    shop.put("a.json", ("a", "X"))
    run_id = settled_run(shop)
    batch_id = str(shop.workspace.catalog.flow_runs.get(run_id).batch_id)
    shop.workspace.catalog.flow_runs.complete(
        run_id, FlowRunState.FAILED, completed_at=shop.workspace.catalog.batches.get(batch_id).created_at
    )
    store = shop.workspace.profile_store
    interrupted = Interrupted(store, step, lambda: revert_batch(shop.workspace, batch_id))
    shop.workspace.__dict__["profile_store"] = interrupted

    with pytest.raises(ConflictError, match=f"batch {batch_id} is inactive by now: it was taken out of the lake while"):
        getattr(steps, step)(shop.workspace, run_id)

    assert store.batches() == []
    assert store.counts().events == 0


def test_a_batch_that_is_reverted_while_its_profiles_follow_is_gone(shop: Shop) -> None:
    old = put_first_version(shop)
    shop.put("ab.json", ("a", "YY"))
    run_id = settled_run(shop)
    store = shop.workspace.profile_store
    begin_removal = partial(shop.workspace.catalog.batches.begin_removal, old, release_files=False)
    shop.workspace.__dict__["profile_store"] = Interrupted(store, "reload_batch", begin_removal)

    load_profiles(shop, run_id)
    assert "b" in people(store, "b"), "it is left to its removal"
    finish_removals(shop.workspace)

    new = str(shop.workspace.catalog.flow_runs.get(run_id).batch_id)
    assert people(store, "a", "b", "c") == {"a": [("YY", new)]}
    assert shop.workspace.catalog.reloads.pending() == []
    assert finish_reloads(shop.workspace) == []


def stored(shop: Shop, batch_id: str, rows: list[pa.RecordBatch]) -> ProfileLoad:
    """What no code of Headwater does: load other rows of a batch than the lake has."""
    load = BatchLoad(
        batch_id=batch_id,
        dataset=DATASET,
        ingested_at=shop.workspace.catalog.batches.latest()[0].created_at,
        behavior="time-series",
        identities=(),
    )
    return shop.workspace.profile_store.load_profiles(load, rows)


def test_the_doctor_brings_profiles_in_line_that_differ_from_the_lake(shop: Shop) -> None:
    shop.put("a.json", ("a", "X"), ("b", "X"))
    batch_id = str(shop.run().batch_id)
    store = shop.workspace.profile_store
    store.remove_batch(batch_id)
    [missing] = examine(shop.workspace)
    assert (missing.code, missing.subject) == (Code.PROFILES_DIFFER, batch_id)
    assert "was loaded into the profiles, and the profile store does not have it" in missing.problem
    assert [finding.mended for finding in examine(shop.workspace, mend=True)] == [True]
    assert people(store, "a", "b") == {"a": [("X", batch_id)], "b": [("X", batch_id)]}

    store.remove_batch(batch_id)
    stored(shop, batch_id, [])
    [differing] = examine(shop.workspace)
    assert differing.code is Code.PROFILES_DIFFER
    assert f"has 2 rows of batch {batch_id}, which has its profiles from 0. Mending" in differing.problem
    assert [finding.mended for finding in examine(shop.workspace, mend=True)] == [True]
    assert people(store, "a", "b") == {"a": [("X", batch_id)], "b": [("X", batch_id)]}
    assert examine(shop.workspace) == []


def test_the_doctor_removes_profiles_of_a_reverted_batch_and_tells_of_unknown_ones(shop: Shop) -> None:
    shop.put("a.json", ("a", "X"))
    batch_id = str(shop.run().batch_id)
    revert_batch(shop.workspace, batch_id)
    store = shop.workspace.profile_store
    stored(shop, batch_id, [])

    [left] = examine(shop.workspace)
    assert (left.code, left.subject, left.mendable) == (Code.PROFILES_LEFT, batch_id, True)
    assert f"batch {batch_id} is inactive, and the profile store still has it" in left.problem
    examine(shop.workspace, mend=True)
    assert store.batches() == []

    stored(shop, "01FOREIGN", [])
    [unknown] = examine(shop.workspace, mend=True)
    assert (unknown.code, unknown.subject, unknown.mendable) == (Code.UNKNOWN_PROFILES, "01FOREIGN", False)
    assert [each.batch_id for each in store.batches()] == ["01FOREIGN"]
