"""Taking things out again: load then remove is as if nothing had been loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.errors import ConflictError
from headwater.model.documents import IdentitySettings
from headwater.profile_store import BatchLoad, ProfileStore, Removal
from tests.contract.profile_store import samples
from tests.contract.profile_store.test_graph import PEOPLE, SCHEMA, identity_map, link, members

RULES = IdentitySettings(name="rules", unique_namespaces=("crm",), namespace_priority=("crm", "device", "cookie"))
NAMES = [f"{namespace}:{value}" for namespace in sorted(PEOPLE) for value in "abc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A batch of records: identities, the first of which is primary, and a city or none."""

    name: str
    minutes: int
    upsert: bool
    records: list[tuple[list[str], str | None]]


ROW = pa.schema([*SCHEMA, ("homeAddress", pa.struct([("city", pa.string())])), ("tier", pa.string())])
records = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True), st.sampled_from(["Rome", "Oslo", None])
    ),
    max_size=5,
)
lots = st.lists(st.tuples(st.integers(0, 2), st.booleans(), records), min_size=1, max_size=4).map(
    lambda drawn: [
        Lot(name=f"B{number}", minutes=minutes, upsert=upsert, records=rows)
        for number, (minutes, upsert, rows) in enumerate(drawn)
    ]
)


def load(store: ProfileStore, run: str, lot: Lot, rules: IdentitySettings | None, *, swapped: bool = False) -> None:
    """Load a lot's identities and profiles; all its identities begin with the run, so that runs do not meet."""
    batch = BatchLoad(
        batch_id=f"{run}-{lot.name}",
        dataset=f"{run}-data",
        ingested_at=samples.at(lot.minutes),
        behavior="record",
        identities=(),
        primary_in_identity_map=True,
        upsert=lot.upsert,
        namespaces=PEOPLE,
        settings=rules,
    )
    rows = [
        {
            "identityMap": identity_map([name.replace(":", f":{run}-") for name in names], primary=True),
            "homeAddress": {"city": city},
            "tier": names[-1] if city else None,
        }
        for names, city in lot.records
    ]
    table = [pa.RecordBatch.from_pylist(rows, schema=ROW)]
    for step in (
        (store.load_profiles, store.load_identities) if swapped else (store.load_identities, store.load_profiles)
    ):
        step(batch, table)


def state(store: ProfileStore, run: str) -> dict[str, Any]:
    """All that can be seen of a run, without its name."""
    seen: dict[str, Any] = {}
    for name in NAMES:
        namespace, _, value = name.partition(":")
        profile = store.look_up(namespace, f"{run}-{value}", samples.DEFAULT)
        graph = store.identity_graph(namespace, f"{run}-{value}")
        shown = profile and (
            profile.identities,
            sorted(map(repr, profile.primary)),
            profile.attributes,
            profile.provenance,
        )
        seen[name] = repr((shown, graph)).replace(run, "")
    counts = store.counts().datasets
    return seen | {"counts": counts.get(f"{run}-data")}


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), lots, st.sampled_from([None, RULES]), st.uuids())
def test_load_then_remove_is_never_loaded(
    store: ProfileStore, data: st.DataObject, loaded: list[Lot], rules: IdentitySettings | None, seed: object
) -> None:
    """Some batches in any order, one of them removed, against the others alone in another order."""
    gone = data.draw(st.sampled_from(loaded))
    others = [each for each in loaded if each is not gone]
    first, second = f"{seed}-1", f"{seed}-2"
    for lot in data.draw(st.permutations(loaded)):
        load(store, first, lot, rules)
    removed = store.remove_batch(f"{first}-{gone.name}")
    assert removed.batches == 1
    for lot in data.draw(st.permutations(others)):
        load(store, second, lot, rules, swapped=True)
    assert state(store, first) == state(store, second)
    assert store.remove_batch(f"{first}-{gone.name}") == Removal()
    load(store, first, gone, rules)
    load(store, second, gone, rules)
    assert state(store, first) == state(store, second)


def cities(store: ProfileStore, *names: str) -> list[str | None]:
    found = [store.look_up("lumaLoyaltyId", name, samples.DEFAULT) for name in names]
    return [each.attributes.get("homeAddress", {}).get("city") if each else None for each in found]


def loyalty(store: ProfileStore, number: int, *rows: dict[str, Any], upsert: bool = False) -> None:
    batch = replace(samples.loyalty_load(f"B{number}", number), upsert=upsert)
    store.load_identities(batch, samples.rows(samples.LOYALTY_SCHEMA, rows))
    store.load_profiles(batch, samples.rows(samples.LOYALTY_SCHEMA, rows))


def person(name: str, city: str | None, crm: str | None = None) -> dict[str, Any]:
    return samples.loyalty_row(name, crm, homeAddress={"city": city})


def test_what_a_batch_replaced_shows_again(store: ProfileStore) -> None:
    loyalty(store, 1, person("1", "Rome"), person("2", "Oslo"))
    loyalty(store, 2, person("1", "Bern"), person("3", "Kiel"))
    assert cities(store, "1", "2", "3") == ["Bern", "Oslo", "Kiel"]
    assert store.remove_batch("B2") == Removal(batches=1, fragments=2)
    assert cities(store, "1", "2", "3") == ["Rome", "Oslo", None]


def test_a_value_that_an_upsert_changed_is_back(store: ProfileStore) -> None:
    loyalty(store, 1, person("1", "Rome"), upsert=True)
    loyalty(store, 2, person("1", "Bern"), upsert=True)
    loyalty(store, 3, samples.loyalty_row("1", None, loyalty={"tier": "gold"}), upsert=True)
    store.remove_batch("B2")
    profile = store.look_up("lumaLoyaltyId", "1", samples.DEFAULT)
    assert profile is not None
    origins = {pointer: origin.batch_id for pointer, origin in profile.provenance.items()}
    assert (origins["/homeAddress/city"], origins["/loyalty/tier"]) == ("B1", "B3")


def test_a_graph_comes_apart_again(store: ProfileStore) -> None:
    link(store, "B1", 1, ["crm:1", "cookie:a"])
    link(store, "B2", 2, ["crm:2", "cookie:b"])
    link(store, "B3", 3, ["cookie:a", "cookie:b"], ["crm:3", "cookie:c"])
    assert len(members(store, "crm:1")) == 4
    assert store.remove_batch("B3") == Removal(batches=1, links=2)
    assert (members(store, "crm:1"), members(store, "crm:2")) == ({"crm:1", "cookie:a"}, {"crm:2", "cookie:b"})
    assert members(store, "crm:3") == set()
    assert store.counts().identities == 4


def test_identities_come_back_when_a_graph_is_small_again(store: ProfileStore) -> None:
    link(store, "B1", 1, *(["crm:1", f"cookie:a{number:02}"] for number in range(40)))
    later = link(store, "B2", 2, *(["crm:1", f"cookie:b{number:02}"] for number in range(40)))
    assert (later.removed, len(members(store, "crm:1")), members(store, "cookie:a00")) == (31, 50, set())
    store.remove_batch("B2")
    assert len(members(store, "crm:1")) == 41


def reload(store: ProfileStore, number: int, *rows: dict[str, Any], minutes: int = 100, upsert: bool = False) -> bool:
    """Load a batch anew, as if it were ingested at another time and another way."""
    batch = replace(samples.loyalty_load(f"B{number}", minutes), upsert=upsert)
    return store.reload_batch(batch, lambda: samples.rows(samples.LOYALTY_SCHEMA, rows))


def test_a_reloaded_batch_has_the_rows_that_are_left_at_its_old_place(store: ProfileStore) -> None:
    loyalty(store, 1, person("1", "Rome", "c1"), person("2", "Oslo", "c2"), person("3", "Kiel", "c1"))
    loyalty(store, 2, person("2", "Bern"))
    assert len(members_of(store, "1")) == 3

    assert reload(store, 1, person("1", "Rome", "c1"), person("2", "Oslo", "c2"))

    assert cities(store, "1", "2", "3") == ["Rome", "Bern", None]
    assert members_of(store, "1") == {"lumaLoyaltyId:1", "lumaCrmId:c1"}
    assert store.counts().links == 2
    assert [(each.batch_id, each.identity_rows, each.profile_rows) for each in store.batches()] == [
        ("B1", 2, 2),
        ("B2", 1, 1),
    ]
    before = store.counts()
    assert reload(store, 1, person("1", "Rome", "c1"), person("2", "Oslo", "c2")), "repeating changes nothing"
    assert store.counts() == before

    assert reload(store, 1)

    assert cities(store, "1", "2", "3") == [None, "Bern", None]
    assert store.counts().links == 0
    assert [each.profile_rows for each in store.batches()] == [0, 1]


def test_a_reloaded_batch_stays_an_upsert_and_keeps_its_age(store: ProfileStore) -> None:
    loyalty(store, 1, person("1", "Rome"), upsert=True)
    loyalty(store, 2, samples.loyalty_row("1", None, loyalty={"tier": "gold"}), person("1", "Bern"), upsert=True)
    loyalty(store, 3, person("1", "Kiel"), upsert=True)

    reload(store, 2, samples.loyalty_row("1", None, loyalty={"tier": "gold"}))

    profile = store.look_up("lumaLoyaltyId", "1", samples.DEFAULT)
    assert profile is not None
    origins = {pointer: (origin.batch_id, origin.ingested_at) for pointer, origin in profile.provenance.items()}
    assert origins["/homeAddress/city"] == ("B3", samples.at(3))
    assert origins["/loyalty/tier"] == ("B2", samples.at(2))


def test_only_the_loads_that_happened_are_repeated_and_a_failed_one_changes_nothing(store: ProfileStore) -> None:
    assert not reload(store, 1, person("1", "Rome"))
    assert store.batches() == []
    batch = samples.loyalty_load("B1", 1)
    store.load_profiles(batch, samples.rows(samples.LOYALTY_SCHEMA, [person("1", "Rome", "c1"), person("2", "Oslo")]))
    reload(store, 1, person("1", "Rome", "c1"))
    [stored] = store.batches()
    assert (stored.identity_rows, stored.profile_rows) == (None, 1)
    assert members_of(store, "1") == {"lumaLoyaltyId:1"}

    def broken() -> Iterator[pa.RecordBatch]:
        yield from samples.rows(samples.LOYALTY_SCHEMA, [person("9", "Nowhere")])
        raise ConflictError("gone meanwhile")

    with pytest.raises(ConflictError, match="gone meanwhile"):
        store.reload_batch(batch, broken)
    assert cities(store, "1", "9") == ["Rome", None]


def members_of(store: ProfileStore, name: str) -> set[str]:
    graph = store.identity_graph("lumaLoyaltyId", name)
    return {f"{each.namespace}:{each.value}" for each in graph.identities} if graph is not None else set()


def test_a_dataset_goes_with_all_its_batches(store: ProfileStore) -> None:
    loyalty(store, 1, person("1", "Rome", "c"))
    before = store.counts()
    for number in (2, 3):
        batch = samples.crm_load(f"C{number}", number)
        store.load_profiles(batch, samples.rows(samples.CRM_SCHEMA, [samples.loyalty_row(None, "c")]))
    assert store.remove_dataset(samples.CRM) == Removal(batches=2, fragments=2)
    assert store.counts() == before


@pytest.mark.parametrize("namespace", ["lumaLoyaltyId", "lumacrmid"])
def test_a_person_goes_by_any_identity(store: ProfileStore, namespace: str) -> None:
    loyalty(store, 1, person("same", "Rome", "same"), person("other", "Oslo", "o"))
    assert store.remove_profile(namespace, "same") == Removal(fragments=1, links=1)
    assert cities(store, "same", "other") == [None, "Oslo"]
    assert store.identity_graph("lumaLoyaltyId", "same") is None
    assert (store.counts().profiles, store.counts().identities) == (1, 2)
    assert store.remove_profile(namespace, "same") == Removal()


def test_a_removed_person_comes_back_with_what_is_ingested_later_and_not_before(store: ProfileStore) -> None:
    loyalty(store, 1, person("same", "Rome", "same"), person("other", "Oslo", "o"))
    store.remove_profile("lumaCrmId", "same", at=samples.at(5))

    reload(store, 1, person("same", "Rome", "same"), person("other", "Oslo", "o"))
    loyalty(store, 2, person("same", "Bern", "same"), person("new", "Kiel", "same"), person("other", "Linz", "o"))

    assert cities(store, "same", "other", "new") == [None, "Linz", "Kiel"]
    assert store.identity_graph("lumaCrmId", "same") is None, "nothing links to it"
    assert (store.counts().links, store.counts().identities) == (1, 3)

    loyalty(store, 6, person("same", "Graz", "same"))

    assert cities(store, "same") == ["Graz"]
    assert members_of(store, "same") == {"lumaLoyaltyId:same", "lumaCrmId:same"}
    profile = store.look_up("lumaCrmId", "same", samples.DEFAULT)
    assert profile is not None
    assert {origin.batch_id for origin in profile.provenance.values()} == {"B6"}


def visit(day: int) -> dict[str, Any]:
    return samples.loyalty_row("1", None, _id=f"e{day}", timestamp=samples.START - timedelta(days=day))


def test_old_events_are_left_out_and_expire(store: ProfileStore) -> None:
    batch = replace(samples.purchase_load("B1", 0), event_expiration_days=30)
    rows = samples.rows(samples.PURCHASE_SCHEMA, [visit(1), visit(29), visit(30), visit(31)])
    result = store.load_profiles(batch, rows)
    assert (result.events, result.skipped) == (3, {"event_expired": 1})
    before = datetime(2026, 11, 1, tzinfo=UTC)
    assert store.expire_events(samples.PURCHASES, before=before) == Removal(events=2)
    assert store.expire_events(samples.LOYALTY, before=datetime(2027, 1, 1, tzinfo=UTC)) == Removal()
    assert store.counts().events == 1
    assert store.reload_batch(batch, lambda: rows, events_since=before)
    assert store.counts().events == 1, "what has expired does not come back"


def test_a_shared_device_stays_with_the_last_person(store: ProfileStore) -> None:
    def seen(number: int, *records: Sequence[str]) -> None:
        link(store, f"B{number}", number, *records, rules=RULES)

    seen(1, ["crm:ann", "device:tablet"])
    seen(2, ["crm:bob", "device:tablet"])
    assert members(store, "device:tablet") == {"crm:bob", "device:tablet"}
    assert members(store, "crm:ann") == {"crm:ann"}
    seen(3, ["crm:ann", "device:tablet"])
    assert members(store, "device:tablet") == {"crm:ann", "device:tablet"}
    store.remove_batch("B3")
    assert members(store, "device:tablet") == {"crm:bob", "device:tablet"}


def test_new_rules_make_old_graphs_anew(store: ProfileStore) -> None:
    link(store, "B1", 1, ["crm:ann", "device:tablet"])
    link(store, "B2", 2, ["crm:bob", "device:tablet"])
    assert len(members(store, "crm:ann")) == 3
    link(store, "B3", 3, ["crm:eve", "cookie:e"], rules=RULES)
    assert members(store, "crm:ann") == {"crm:ann"}
    link(store, "B4", 4, ["crm:eve", "cookie:e"])
    assert len(members(store, "crm:ann")) == 3
