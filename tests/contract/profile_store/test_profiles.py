"""Loading records and events: what replaces what, what is left out, and that a load happens once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from headwater.errors import ConflictError, HeadwaterError, SchemaError
from headwater.model.documents import IdentitySettings
from headwater.profile import MergedProfile
from headwater.profile_store import BatchLoad, DatasetCounts, ProfileLoad, ProfileStore
from tests.contract.profile_store import samples


def load_loyalty(store: ProfileStore, load: BatchLoad, *records: dict[str, Any]) -> ProfileLoad:
    return store.load_profiles(load, samples.rows(samples.LOYALTY_SCHEMA, records))


def load_purchases(store: ProfileStore, load: BatchLoad, *records: dict[str, Any]) -> ProfileLoad:
    return store.load_profiles(load, samples.rows(samples.PURCHASE_SCHEMA, records))


def profile_of(store: ProfileStore, loyalty_id: str) -> MergedProfile:
    profile = store.look_up("lumaLoyaltyId", loyalty_id, samples.DEFAULT)
    assert profile is not None
    return profile


def city(name: str, loyalty_id: str = "1", **more: object) -> dict[str, Any]:
    return samples.loyalty_row(loyalty_id, None, homeAddress={"city": name}, **more)


def purchase(event_id: str | None, price: float, loyalty_id: str = "1", day: int | None = 11) -> dict[str, Any]:
    time = None if day is None else datetime(2020, 8, day, tzinfo=UTC)
    return samples.loyalty_row(
        loyalty_id, None, _id=event_id, timestamp=time, commerce={"order": {"priceTotal": price}}
    )


def prices(profile: MergedProfile) -> list[float]:
    return [event.body["commerce"]["order"]["priceTotal"] for event in profile.events]


def test_a_newer_record_replaces_the_whole_fragment(store: ProfileStore) -> None:
    load_loyalty(store, samples.loyalty_load("B1", 1), city("Boston", loyalty={"tier": "gold"}))
    second = load_loyalty(store, samples.loyalty_load("B2", 2), city("Portland"), city("Berlin", "2"))
    assert (second.received, second.created, second.updated, second.superseded) == (2, 1, 1, 0)
    profile = profile_of(store, "1")
    assert profile.attributes == {
        "_luma": {"systemIdentifier": {"loyaltyId": "1"}},
        "homeAddress": {"city": "Portland"},
    }
    assert profile.provenance["/homeAddress/city"].row_number == 1
    assert store.counts().datasets == {samples.LOYALTY: DatasetCounts(fragments=2)}


def test_within_a_batch_the_later_row_wins(store: ProfileStore) -> None:
    first, second = (samples.rows(samples.LOYALTY_SCHEMA, [city("Boston"), city(name)]) for name in ("Rome", "Oslo"))
    result = store.load_profiles(samples.loyalty_load("B1", 1), [*first, *second])
    assert (result.received, result.created, result.superseded) == (4, 1, 3)
    assert profile_of(store, "1").attributes["homeAddress"] == {"city": "Oslo"}


def test_a_late_load_of_an_older_batch_undoes_nothing(store: ProfileStore) -> None:
    load_loyalty(store, samples.loyalty_load("B2", 2), city("Portland"))
    late = load_loyalty(store, samples.loyalty_load("B1", 1), city("Boston"), city("Berlin", "2"))
    assert (late.created, late.updated, late.superseded) == (1, 0, 1)
    assert profile_of(store, "1").attributes["homeAddress"] == {"city": "Portland"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_an_upsert_changes_only_what_comes(store: ProfileStore, order: tuple[int, ...]) -> None:
    batches = [
        (
            replace(samples.loyalty_load("B1", 1), upsert=True),
            [city("Boston", loyalty={"tier": "gold", "points": 1.0})],
        ),
        (replace(samples.loyalty_load("B2", 2), upsert=True), [city("Portland"), samples.loyalty_row("1", "c")]),
        (
            replace(samples.loyalty_load("B3", 3), upsert=True),
            [samples.loyalty_row("1", None, loyalty={"points": 2.0})],
        ),
    ]
    results = [load_loyalty(store, batches[number][0], *batches[number][1]) for number in order]
    assert [sum((each.created, each.updated, each.superseded)) for each in results] == [
        each.received for each in results
    ]
    assert sum(each.created for each in results) == 1
    profile = profile_of(store, "1")
    assert profile.attributes == {
        "_luma": {"systemIdentifier": {"loyaltyId": "1", "crmId": "c"}},
        "homeAddress": {"city": "Portland"},
        "loyalty": {"tier": "gold", "points": 2.0},
    }
    assert {pointer: origin.batch_id for pointer, origin in profile.provenance.items()} == {
        "/_luma/systemIdentifier/loyaltyId": "B3",
        "/_luma/systemIdentifier/crmId": "B2",
        "/homeAddress/city": "B2",
        "/loyalty/tier": "B1",
        "/loyalty/points": "B3",
    }


def test_maps_change_as_a_whole(store: ProfileStore) -> None:
    for number, consents in enumerate(({"mail": "y", "phone": "n"}, {"mail": "n"}), 1):
        load = replace(samples.crm_load(f"B{number}", number), upsert=True)
        record = samples.loyalty_row(None, "c", consents=list(consents.items()))
        store.load_profiles(load, samples.rows(samples.CRM_SCHEMA, [record]))
    profile = store.look_up("lumaCrmId", "c", samples.DEFAULT)
    assert profile is not None
    assert profile.attributes["consents"] == {"mail": "n"}


def test_maps_stay_maps_when_an_older_schema_comes(store: ProfileStore) -> None:
    record = samples.loyalty_row(None, "c", consents=[("mail", "y"), ("phone", "n")])
    store.load_profiles(samples.crm_load("B1", 1), samples.rows(samples.CRM_SCHEMA, [record]))
    without_map = samples.CRM_SCHEMA.remove(samples.CRM_SCHEMA.get_field_index("consents"))
    store.load_profiles(samples.crm_load("B2", 2), samples.rows(without_map, [samples.loyalty_row(None, "other")]))
    profile = store.look_up("lumaCrmId", "c", samples.DEFAULT)
    assert profile is not None
    assert {pointer for pointer in profile.provenance if "consents" in pointer} == {"/consents"}


def test_things_can_be_upserted_too(store: ProfileStore) -> None:
    for number, product in enumerate(({"productName": "Hoodie"}, {"productColor": "blue"}), 1):
        rows = pa.RecordBatch.from_pylist([{"_luma": {"productSku": "LLMH09", **product}}])
        result = store.load_profiles(replace(samples.product_load(f"B{number}", number), upsert=True), [rows])
        assert (result.received, result.lookups, result.created) == (1, 1, 0)
    [hoodie] = store.look_up_entities("lumaproductsku", "LLMH09")
    assert hoodie.attributes == {"_luma": {"productSku": "LLMH09", "productName": "Hoodie", "productColor": "blue"}}
    assert store.counts().lookup_entities == 1


def test_events_are_added_and_the_same_id_replaces(store: ProfileStore) -> None:
    first = load_purchases(store, samples.purchase_load("B1", 1), purchase("a", 1), purchase("b", 2, day=10))
    second = load_purchases(store, samples.purchase_load("B2", 2), purchase("a", 3), purchase("c", 4), purchase("c", 5))
    late = load_purchases(store, samples.purchase_load("B0", 0), purchase("a", 9))
    assert (first.events, first.replaced_events) == (2, 0)
    assert (second.events, second.replaced_events, second.superseded) == (1, 1, 1)
    assert (late.events, late.replaced_events, late.superseded) == (0, 0, 1)
    profile = profile_of(store, "1")
    assert prices(profile) == [2, 3, 5]
    assert (profile.attributes, profile.event_count, store.counts().events) == ({}, 3, 3)


def test_the_newest_events_are_shown_and_all_are_counted(store: ProfileStore) -> None:
    load_purchases(store, samples.purchase_load("B1", 1), *(purchase(f"e{day}", day, day=day) for day in range(1, 21)))
    profile = store.look_up("lumaLoyaltyId", "1", samples.DEFAULT, event_limit=3)
    assert profile is not None
    assert (prices(profile), profile.event_count) == ([18, 19, 20], 20)


def test_one_event_under_two_identities_of_a_person_counts_once(store: ProfileStore) -> None:
    def visit(crm_primary: bool) -> dict[str, Any]:
        ecid, crm = (
            {"id": value, "primary": primary}
            for value, primary in ((samples.ECID, not crm_primary), ("c", crm_primary))
        )
        time = datetime(2026, 1, 1, tzinfo=UTC)
        return {"_id": "visit", "timestamp": time, "identityMap": [("ECID", [ecid]), ("lumaCrmId", [crm])]}

    for number, record in enumerate((visit(False), visit(True)), 1):
        load = samples.web_load(f"B{number}", number)
        rows = [pa.RecordBatch.from_pylist([record], schema=samples.WEB_SCHEMA)]
        assert store.load_profiles(load, rows).events == 1
        store.load_identities(load, rows)
    profile = store.look_up("ECID", samples.ECID, samples.DEFAULT)
    assert profile is not None
    assert (profile.event_count, [event.batch_id for event in profile.events]) == (1, ["B2"])
    assert store.counts().profiles == 1


def test_what_is_left_out_is_counted_with_its_reason(store: ProfileStore) -> None:
    records = load_loyalty(
        store,
        samples.loyalty_load("B1", 1),
        samples.loyalty_row(None, "c"),
        samples.loyalty_row("null", "c"),
        samples.loyalty_row("x" * 1025, "c"),
        city("x" * 110_000),
        city("Boston"),
    )
    assert (records.received, records.created) == (5, 1)
    assert records.skipped == {
        "no_primary_identity": 1,
        "placeholder_value": 1,
        "record_too_large": 1,
        "value_too_long": 1,
    }
    events = load_purchases(
        store, samples.purchase_load("B2", 2), purchase(None, 1), purchase("e", 1, day=None), purchase("x" * 11_000, 1)
    )
    assert (events.received, events.events) == (3, 0)
    assert events.skipped == {"no_event_id": 1, "no_timestamp": 1, "record_too_large": 1}


def test_events_of_things_are_left_out(store: ProfileStore) -> None:
    load = replace(samples.product_load("B1", 1), behavior="time-series")
    result = store.load_profiles(load, samples.rows(samples.PRODUCT_SCHEMA, [samples.HOODIE]))
    assert (result.received, result.lookups, result.skipped) == (1, 0, {"event_of_non_people": 1})


def test_ad_hoc_datasets_have_no_profiles(store: ProfileStore) -> None:
    with pytest.raises(SchemaError) as caught:
        store.load_profiles(replace(samples.loyalty_load("B1", 1), behavior="adhoc"), [])
    assert str(caught.value) == (
        "dataset 'luma_loyalty_dataset' has an ad-hoc schema; profiles take record and time-series schemas only."
        " Nothing was loaded. Disable the dataset for Profile."
    )


def test_partner_identities_make_profiles_that_are_not_stitched(store: ProfileStore) -> None:
    field = replace(samples.LOYALTY_FIELD, namespace="lumaPartnerId")
    load = replace(samples.loyalty_load("B1", 1), identities=(field, samples.SECONDARY_CRM_FIELD))
    rows = list(samples.rows(samples.LOYALTY_SCHEMA, [samples.loyalty_row("p", "c")]))
    assert store.load_identities(load, rows).links == 0
    assert store.load_profiles(load, rows).created == 1
    assert store.look_up("lumaPartnerId", "p", samples.DEFAULT) is not None
    assert store.look_up("lumaCrmId", "c", samples.DEFAULT) is None
    graph = store.identity_graph("lumaPartnerId", "p")
    assert graph is not None
    assert ([each.value for each in graph.identities], graph.edges) == (["p"], ())


def test_profiles_survive_odd_text(store: ProfileStore) -> None:
    name = "O’Brien \0 \u2028 \\ \" ' 🧥 é"
    load_loyalty(store, samples.loyalty_load("B1", 1), city(name, "Zoë 🧥'; --"))
    assert profile_of(store, "Zoë 🧥'; --").attributes["homeAddress"] == {"city": name}


def test_loading_twice_is_loading_once(store: ProfileStore) -> None:
    class Unread:
        def __iter__(self) -> Iterator[pa.RecordBatch]:
            raise AssertionError("a batch that is loaded is not read again")

    load = samples.loyalty_load("B1", 1)
    for step in (store.load_profiles, store.load_identities):
        first = step(load, samples.rows(samples.LOYALTY_SCHEMA, [samples.DANIEL, samples.loyalty_row(None, "c")]))
        counts = store.counts()
        assert step(load, Unread()) == first
        assert store.counts() == counts


@pytest.mark.parametrize("upsert", [False, True], ids=["record", "upsert"])
def test_counts_are_right_across_slices(store: ProfileStore, url: str, upsert: bool) -> None:
    """Bodies of 55 MB do not go into one slice; the first of their identities comes again in the last one."""
    load = replace(samples.loyalty_load("B1", 1), upsert=upsert)
    records = (city("x" * 95_000, str(number % 600)) for number in range(601))
    result = store.load_profiles(
        load, (part for each in records for part in samples.rows(samples.LOYALTY_SCHEMA, [each]))
    )
    assert (result.received, result.created, result.updated, result.superseded) == (601, 600, 0, 1)
    again = load_loyalty(store, samples.loyalty_load("B2", 2), city("Boston", "0"), city("Boston", "new"))
    assert (again.created, again.updated) == (1, 1)
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg") if url[0] == "p" else url)
    indexes = {each["name"] for each in sa.inspect(engine).get_indexes("profile_fragment")}
    engine.dispose()
    assert indexes - {"profile_fragment_rows"} == {"profile_fragment_identity"}


def test_a_batch_belongs_to_one_dataset(store: ProfileStore) -> None:
    load_loyalty(store, samples.loyalty_load("B1", 1), city("Boston"))
    with pytest.raises(ConflictError) as caught:
        store.load_profiles(samples.crm_load("B1", 1), [])
    assert str(caught.value) == (
        "batch 'B1' was loaded into dataset 'luma_loyalty_dataset' before, not into 'luma_crm_dataset'. Nothing was"
        " changed. A batch belongs to one dataset."
    )


def test_a_load_that_fails_half_way_leaves_nothing(store: ProfileStore) -> None:
    class BrokenStreamError(Exception):
        pass

    def broken() -> Iterator[pa.RecordBatch]:
        yield from samples.rows(samples.LOYALTY_SCHEMA, [samples.DANIEL] * 60_000)
        raise BrokenStreamError

    for step in (store.load_profiles, store.load_identities):
        empty = store.counts()
        with pytest.raises(BrokenStreamError):
            step(samples.loyalty_load("B1", 1), broken())
        assert store.counts() == empty
        assert step(samples.loyalty_load("B1", 1), samples.rows(samples.LOYALTY_SCHEMA, [samples.DANIEL])).received == 1


KILLED = """
import os, signal, sys
from headwater.profile_store import ProfileStore
from tests.contract.profile_store import samples

def rows():
    for number in range(0, 120_000, 4_000):
        if number == 80_000:
            os.kill(os.getpid(), signal.SIGKILL)
        records = [samples.loyalty_row(str(each), f"c{each}") for each in range(number, number + 4_000)]
        yield from samples.rows(samples.LOYALTY_SCHEMA, records)

store = ProfileStore.open(sys.argv[1])
getattr(store, sys.argv[2])(samples.loyalty_load("B1", 1), rows())
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["load_profiles", "load_identities"])
def test_a_load_killed_half_way_has_not_happened(store: ProfileStore, url: str, step: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, url, step], check=False, env=environment)  # noqa: S603
    assert killed.returncode == -signal.SIGKILL
    counts = store.counts()
    assert (counts.profiles, counts.identities, counts.fragments, counts.links) == (0, 0, 0, 0)
    result = getattr(store, step)(
        samples.loyalty_load("B1", 1), samples.rows(samples.LOYALTY_SCHEMA, [samples.loyalty_row("1", "c1")])
    )
    assert (result.received, result.skipped) == (1, {})
    assert store.counts().identities == (2 if step == "load_identities" else 1)


def test_an_unreachable_store_is_said_and_can_be_retried() -> None:
    with pytest.raises(HeadwaterError) as caught:
        ProfileStore.open("postgresql+psycopg://headwater:secret@/none?host=/nonexistent")
    assert caught.value.retryable
    message = str(caught.value)
    assert message.startswith("profile store postgresql+psycopg:///none: ")
    assert message.endswith("Nothing was changed. Is it running, and may Headwater write to it?")
    assert "secret" not in message


def test_with_a_priority_an_event_belongs_to_its_most_important_identity(store: ProfileStore) -> None:
    rules = IdentitySettings(name="rules", namespace_priority=("lumaCrmId", "ECID"))
    visit = {
        "_id": "visit",
        "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
        "identityMap": [("ECID", [{"id": samples.ECID, "primary": True}]), ("lumaCrmId", [{"id": "c"}])],
    }
    rows = [pa.RecordBatch.from_pylist([visit], schema=samples.WEB_SCHEMA)]
    assert store.load_profiles(replace(samples.web_load("B1", 1), settings=rules), rows).events == 1
    assert store.look_up("ECID", samples.ECID, samples.DEFAULT) is None
    profile = store.look_up("lumaCrmId", "c", samples.DEFAULT)
    assert profile is not None
    assert [each.identity.value for each in profile.events] == ["c"]
