"""The identity graph in the store."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.identity import IdentityGraph
from headwater.model.documents import IdentitySettings, IdentityType
from headwater.profile_store import IdentityLoad, ProfileStore
from headwater.profile_store.engine import open_database, writing
from tests.contract.profile_store import samples

PEOPLE = {"cookie": IdentityType.COOKIE, "device": IdentityType.DEVICE, "crm": IdentityType.CROSS_DEVICE}
THINGS = {"sku": IdentityType.NON_PEOPLE, "partner": IdentityType.PARTNER}
ITEM = pa.struct([("id", pa.string()), ("primary", pa.bool_())])
SCHEMA = pa.schema([("identityMap", pa.map_(pa.string(), pa.list_(ITEM)))])

Names = Sequence[str]
"""Identities as `namespace:value`."""


def link(
    store: ProfileStore,
    batch_id: str,
    minutes: int,
    *records: Names,
    dataset: str = "web",
    rules: IdentitySettings | None = None,
) -> IdentityLoad:
    """Load records that have just these identities."""
    load = replace(samples.web_load(batch_id, minutes), dataset=dataset, namespaces=PEOPLE | THINGS, settings=rules)
    rows = [{"identityMap": identity_map(names)} for names in records]
    return store.load_identities(load, [pa.RecordBatch.from_pylist(rows, schema=SCHEMA)])


def identity_map(names: Names, *, primary: bool = False) -> list[tuple[str, list[dict[str, Any]]]]:
    """The identities by namespace, the first one flagged on demand."""
    found: dict[str, list[dict[str, Any]]] = {}
    for number, name in enumerate(names):
        namespace, _, value = name.partition(":")
        found.setdefault(namespace, []).append({"id": value, "primary": primary and not number})
    return list(found.items())


def members(store: ProfileStore, name: str) -> set[str]:
    graph = graph_of(store, name)
    return {f"{each.namespace}:{each.value}" for each in graph.identities} if graph else set()


def graph_of(store: ProfileStore, name: str) -> IdentityGraph | None:
    namespace, _, value = name.partition(":")
    return store.identity_graph(namespace, value)


def test_records_join_graphs(store: ProfileStore) -> None:
    first = link(store, "B1", 1, ["crm:1", "cookie:a"], ["crm:2", "cookie:b", "cookie:c"])
    assert (first.received, first.identities, first.links, first.confirmed) == (2, 5, 4, 0)
    assert members(store, "crm:1") == {"crm:1", "cookie:a"}
    second = link(store, "B2", 2, ["cookie:a", "cookie:b"], ["crm:1", "cookie:a"])
    assert (second.identities, second.links, second.confirmed) == (0, 1, 1)
    everybody = {"crm:1", "crm:2", "cookie:a", "cookie:b", "cookie:c"}
    assert all(members(store, name) == everybody for name in everybody)
    counts = store.counts()
    assert (counts.identities, counts.links, counts.profiles) == (5, 5, 0)


def test_one_identity_alone_is_no_graph(store: ProfileStore) -> None:
    result = link(store, "B1", 1, ["crm:1"], [], ["crm:2", "sku:x", "partner:y"])
    assert (result.received, result.identities, result.links, result.skipped) == (3, 0, 0, {})
    assert graph_of(store, "crm:1") is None
    assert graph_of(store, "sku:x") is None


def test_things_and_partners_never_enter(store: ProfileStore) -> None:
    link(store, "B1", 1, ["crm:1", "cookie:a", "sku:x", "partner:y"])
    assert members(store, "crm:1") == {"crm:1", "cookie:a"}


def test_links_know_when_and_where_they_were_seen(store: ProfileStore) -> None:
    link(store, "B2", 2, ["crm:1", "cookie:a"])
    link(store, "B4", 4, ["crm:1", "cookie:a"], dataset="crm")
    link(store, "B1", 1, ["crm:1", "cookie:a"])
    link(store, "B3", 3, ["crm:1", "cookie:a"])
    graph = graph_of(store, "crm:1")
    assert graph is not None
    [edge] = graph.edges
    assert {edge.left.value, edge.right.value} == {"1", "a"}
    assert (edge.first_seen, edge.last_seen) == (samples.at(1), samples.at(4))
    assert (edge.datasets, edge.batch_ids) == (("crm", "web"), ("B1", "B2", "B3", "B4"))


def test_what_is_no_identity_is_counted(store: ProfileStore) -> None:
    result = link(store, "B1", 1, ["crm:null", "cookie:a"], ["nobody:1", "crm:2", "cookie:b"])
    assert result.skipped == {"placeholder_value": 1, "unknown_namespace": 1}
    assert (result.identities, result.links) == (2, 1)


def test_what_looks_like_a_placeholder_is_counted_and_on_demand_ignored(store: ProfileStore) -> None:
    records = [["crm:1234", "cookie:0000-0000"], ["crm:5678", "cookie:0000-0000"], ["crm:9012", "cookie:c1"]]
    ignoring = IdentitySettings(name="rules", ignore_placeholders=True)
    ignored = link(store, "B1", 1, *records, rules=ignoring)
    assert (ignored.links, ignored.skipped) == (1, {"suspected_placeholder": 2})
    assert members(store, "crm:1234") == set()
    taken = link(store, "B2", 2, *records)
    assert (taken.links, taken.confirmed, taken.placeholders, taken.skipped) == (2, 1, 2, {})
    assert members(store, "crm:1234") == {"crm:1234", "crm:5678", "cookie:0000-0000"}


def test_a_graph_over_the_limit_loses_the_oldest_cookies(store: ProfileStore) -> None:
    link(store, "B1", 1, *(["crm:1", f"cookie:{number:02}"] for number in range(30)))
    assert len(members(store, "crm:1")) == 31
    link(store, "B2", 2, ["crm:1", "device:d"], ["crm:1", "cookie:29"])
    later = link(store, "B3", 3, *(["crm:1", f"cookie:{number}"] for number in range(50, 80)))
    assert (later.identities, later.removed) == (30, 12)
    left = members(store, "crm:1")
    assert len(left) == 50
    assert {"crm:1", "device:d", "cookie:29", "cookie:50", "cookie:79"} <= left
    assert left.isdisjoint({f"cookie:{number:02}" for number in range(12)})
    assert graph_of(store, "cookie:00") is None
    assert (store.counts().identities, store.counts().links) == (50, 49)


def test_a_graph_that_loses_its_middle_falls_apart(store: ProfileStore) -> None:
    left, right = ([f"{side}{number}" for number in range(25)] for side in ("l", "r"))
    for number, side in enumerate((left, right), 1):
        link(store, f"B{number}", 1, *([f"crm:{a}", f"crm:{b}"] for a, b in pairwise(side)))
    result = link(store, "B3", 2, ["crm:l0", "cookie:middle", "cookie:other"], ["cookie:middle", "crm:r0"])
    assert result.removed == 1
    assert members(store, "crm:l0") == {*(f"crm:{each}" for each in left), "cookie:other"}
    assert members(store, "crm:r24") == {f"crm:{each}" for each in right}


def test_one_batch_makes_so_many_links_of_an_identity(store: ProfileStore) -> None:
    result = link(store, "B1", 1, *(["crm:1", f"cookie:{number}"] for number in range(60)))
    assert (result.links, result.skipped) == (50, {"too_many_links": 10})
    assert (result.identities, result.removed) == (51, 1)


UNIQUE = IdentitySettings(name="rules", unique_namespaces=("crm",), namespace_priority=("crm", "device", "cookie"))


def around_hubs(number: int, prefix: str) -> list[Names]:
    """A batch of people around a device and an account that many share; some have been around it before."""
    people = range(number * 20, number * 20 + 30)
    shared = [[f"device:{prefix}tablet", f"crm:{prefix}p{each:03}", f"cookie:{prefix}c{each:03}"] for each in people]
    family = [[f"crm:{prefix}family", f"cookie:{prefix}f{each:03}"] for each in people]
    return [*shared, *family, [f"crm:{prefix}p{number * 20:03}", f"cookie:{prefix}f{number * 20:03}"]]


def graphs_around_hubs(store: ProfileStore, prefix: str) -> set[frozenset[str]]:
    """The graphs of some of them, and of nobody."""
    every = {name for number in range(4) for names in around_hubs(number, prefix) for name in names}
    some = [*sorted(every)[::7], f"crm:{prefix}family"]
    found = {frozenset(each.replace(prefix, "") for each in members(store, name)) for name in some}
    assert all(len(each) <= 50 for each in found)
    return found


@pytest.mark.parametrize("rules", [None, UNIQUE], ids=["no rules", "crm unique"])
def test_around_a_hub_neither_the_order_of_batches_nor_one_that_is_gone_changes_the_graphs(
    store: ProfileStore, rules: IdentitySettings | None
) -> None:
    seen = []
    for run, order in enumerate(((0, 1, 2), (2, 0, 1), (1, 3, 2, 0))):
        prefix = f"run{run}-"
        for number in order:
            link(store, f"{prefix}{number}", number, *around_hubs(number, prefix), rules=rules)
        if 3 in order:
            assert store.remove_batch(f"{prefix}3").batches == 1
        seen.append(graphs_around_hubs(store, prefix))
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) > 10, "the tablet joins nobody"


MANY_PAIRS = """
WITH RECURSIVE pair (n) AS (SELECT 1000001 UNION ALL SELECT n + 2 FROM pair WHERE n < 1100000),
person (id, component) AS (SELECT n, n FROM pair UNION ALL SELECT n + 1, n FROM pair)
INSERT INTO profile_vertex SELECT id, id * 7919, id, 1, 'v' || id, component, component FROM person
"""
THEIR_LINKS = "INSERT INTO profile_link SELECT id, id - 1, id FROM profile_vertex WHERE id > 1000000 AND id % 2 = 0"


def test_a_load_around_a_hub_does_not_read_the_rest_of_the_graph(tmp_path: Path) -> None:
    """SQLite counts its steps: reading each of 100,000 identities takes several of them for each."""
    engine = open_database(f"sqlite:///{tmp_path}/store.db")
    with ProfileStore(engine) as store:
        for number in range(2):
            link(store, f"B{number}", number, *(["device:hub", f"crm:{number}-{each}"] for each in range(40)))
        with writing(engine) as connection:
            connection.exec_driver_sql(MANY_PAIRS)
            connection.exec_driver_sql(THEIR_LINKS)
        thousands = []

        def count(connection: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
            connection.set_progress_handler(lambda: thousands.append(1), 1000)

        sa.event.listen(engine, "checkout", count)
        link(store, "B2", 2, *(["device:hub", f"crm:2-{each}"] for each in range(40)))
        assert members(store, "crm:2-0") == {"crm:2-0"}
    assert 0 < len(thousands) < 100


def test_links_that_many_batches_repeat_are_confirmed(store: ProfileStore) -> None:
    for number in range(5):
        loaded = link(store, f"B{number}", number, ["crm:1", "cookie:a"], ["crm:1", "cookie:a"], ["crm:1", "cookie:b"])
        assert (loaded.links, loaded.confirmed) == ((0, 2) if number else (2, 0))


records = st.lists(
    st.lists(st.tuples(st.sampled_from(sorted(PEOPLE)), st.sampled_from("abcdef")).map(":".join), max_size=4),
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), records, st.integers(0, 8), st.integers(0, 10**12))
def test_neither_order_nor_batches_change_the_graph(
    store: ProfileStore, data: st.DataObject, rows: list[Names], cut: int, seed: int
) -> None:
    """In one store under two prefixes: all records in one batch, and shuffled in two batches loaded in either order."""
    one, two = f"{seed}-1-", f"{seed}-2-"

    def prefixed(prefix: str, some: Sequence[Names]) -> list[Names]:
        return [[name.replace(":", f":{prefix}") for name in names] for names in some]

    run = data.draw(st.uuids())
    link(store, f"{run}-1", 1, *prefixed(one, rows))
    shuffled = data.draw(st.permutations(rows))
    for number, part in enumerate((shuffled[:cut], shuffled[cut:])):
        link(store, f"{run}-2{number}", 1, *prefixed(two, part))
    for name in {name for names in rows for name in names}:
        found = [
            {each.replace(prefix, "") for each in members(store, name.replace(":", f":{prefix}"))}
            for prefix in (one, two)
        ]
        assert found[0] == found[1]


@pytest.mark.parametrize("profiles_first", [True, False])
def test_the_two_loads_come_in_either_order(store: ProfileStore, profiles_first: bool) -> None:
    loyalty, crm = samples.loyalty_load("B1", 1), samples.crm_load("B2", 2)
    steps = [store.load_profiles, store.load_identities]
    for step in steps if profiles_first else reversed(steps):
        step(crm, samples.rows(samples.CRM_SCHEMA, [samples.DANNY]))
        step(loyalty, samples.rows(samples.LOYALTY_SCHEMA, [samples.DANIEL]))
    profile = store.look_up("lumaLoyaltyId", samples.LOYALTY_ID, samples.DEFAULT)
    assert profile is not None
    assert profile.attributes["person"]["name"]["firstName"] == "Danny"
    assert store.counts().profiles == 1
