"""Forgetting replaced records: no profile changes, and newer batches can still be taken out."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.profile_store import ProfileStore, Removal
from headwater.profile_store.tables import fragment
from tests.contract.profile_store import samples

NAMES = ("a", "b")
START = samples.loyalty_load("B0", 0).ingested_at
Night = tuple[bool, tuple[str | None, str | None]]
"""Whether its records are upserts, and the city of either person; None if the person is not in it."""
night = st.tuples(st.booleans(), st.tuples(*[st.sampled_from([None, "Rome", "Oslo"])] * 2))


def load(store: ProfileStore, dataset: str, number: int, night: Night) -> None:
    upsert, cities = night
    batch = replace(samples.loyalty_load(f"{dataset}-{number}", number), dataset=dataset, upsert=upsert)
    rows = [
        samples.loyalty_row(f"{dataset}-{name}", None, homeAddress={"city": city})
        for name, city in zip(NAMES, cities, strict=True)
        if city
    ]
    store.load_profiles(batch, samples.rows(samples.LOYALTY_SCHEMA, rows))


def seen(store: ProfileStore, dataset: str) -> list[str]:
    """Attributes and their origins, without the dataset's name."""
    found = [store.look_up("lumaLoyaltyId", f"{dataset}-{name}", samples.DEFAULT) for name in NAMES]
    shown = [(each.attributes, each.provenance) if each else None for each in found]
    return [repr(each).replace(dataset, "") for each in shown]


def minutes(number: int) -> timedelta:
    return samples.loyalty_load("B1", number).ingested_at - START


@pytest.fixture
def nights(store: ProfileStore) -> ProfileStore:
    for number, city in enumerate(["Rome", "Oslo", "Bonn"], 1):
        load(store, "crm", number, (False, (city, None)))
    return store


def test_what_newer_batches_may_still_show_again_stays(nights: ProfileStore) -> None:
    shown, counts = seen(nights, "crm"), nights.counts()
    assert nights.forget_history("crm", before=START + minutes(3)) == Removal(fragments=1)
    assert (seen(nights, "crm"), nights.counts()) == (shown, counts)
    assert nights.forget_history("crm", before=START + minutes(3)) == Removal()
    assert nights.remove_batch("crm-3").fragments == 1
    assert "Oslo" in seen(nights, "crm")[0]
    assert nights.remove_batch("crm-2").fragments == 1
    assert seen(nights, "crm") == ["None", "None"], "the first night was forgotten"


def test_other_datasets_keep_their_history(nights: ProfileStore) -> None:
    assert nights.forget_history("loyalty", before=START + minutes(9)) == Removal()
    load(nights, "loyalty", 9, (False, ("Rome", None)))
    assert nights.forget_history("crm", before=START + minutes(9)) == Removal(fragments=2)


def test_loads_get_in_between_while_much_is_forgotten(store: ProfileStore) -> None:
    for number in (1, 2):
        batch = replace(samples.loyalty_load(f"crm-{number}", number), dataset="crm")
        rows = [samples.loyalty_row(f"person-{each}", None) for each in range(400)]
        store.load_profiles(batch, samples.rows(samples.LOYALTY_SCHEMA, rows))
    before = START + minutes(3)

    with ThreadPoolExecutor(1) as worker:
        forgetting = worker.submit(store.forget_history, "crm", before=before, rows_at_once=20)
        deadline = time.monotonic() + 30
        while kept(store) == 800:
            assert time.monotonic() < deadline, "nothing was forgotten"
        load(store, "other", 5, (False, ("Rome", None)))
        left = kept(store)
        removed = forgetting.result()

    assert 401 < left < 801, "the load came between two parts"
    assert (removed, kept(store)) == (Removal(fragments=400), 401)


def kept(store: ProfileStore) -> int:
    """How many records of people there are, replaced ones among them."""
    with store._engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(fragment)).scalar_one()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.lists(night, min_size=1, max_size=5), st.uuids())
def test_batches_since_then_come_and_go_as_if_nothing_had_been_forgotten(
    store: ProfileStore, data: st.DataObject, loaded: Sequence[Night], seed: object
) -> None:
    since = data.draw(st.integers(0, len(loaded)))
    gone = [number for number in range(since, len(loaded)) if data.draw(st.booleans())]
    for dataset in (f"{seed}-1", f"{seed}-2"):
        for number, each in enumerate(loaded):
            load(store, dataset, number, each)
    store.forget_history(f"{seed}-1", before=START + minutes(since))
    assert seen(store, f"{seed}-1") == seen(store, f"{seed}-2")
    for number in gone:
        for dataset in (f"{seed}-1", f"{seed}-2"):
            store.remove_batch(f"{dataset}-{number}")
    assert seen(store, f"{seed}-1") == seen(store, f"{seed}-2")
