"""Indexes are made when a first load is in, and nobody notices."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import sqlalchemy as sa

from headwater.database.engine import READ_ONLY, open_engine
from headwater.profile_store import ProfileStore
from headwater.profile_store.indexes import drop_unused_indexes
from headwater.profile_store.tables import fragment, link, vertex
from tests.contract.profile_store import samples

FIRST = samples.loyalty_load("B1", 1)
ROWS = samples.rows(samples.LOYALTY_SCHEMA, [samples.DANIEL])
TABLES = (vertex, link, fragment)


@contextmanager
def engine_of(url: str) -> Iterator[sa.Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def missing_indexes(engine: sa.Engine) -> set[str]:
    described = {
        str(index.name)
        for table in TABLES
        for index in table.indexes
        if index.info.get("only", engine.dialect.name) == engine.dialect.name
    }
    present = {each["name"] for table in TABLES for each in sa.inspect(engine).get_indexes(table.name)}
    return described - {str(name) for name in present}


def test_a_table_with_rows_has_its_indexes(store: ProfileStore, url: str) -> None:
    store.load_identities(FIRST, ROWS)
    store.load_profiles(FIRST, ROWS)
    with engine_of(url) as engine:
        assert missing_indexes(engine) == set()


def test_a_load_makes_the_indexes_that_one_before_it_dropped_and_did_not_make(store: ProfileStore, url: str) -> None:
    """As if that one had been killed just before its first row."""
    with engine_of(url) as engine:
        drop_unused_indexes(engine, TABLES)
        assert bool(missing_indexes(engine)) is (engine.dialect.name == "postgresql")
        assert store.look_up("lumaLoyaltyId", samples.LOYALTY_ID, samples.DEFAULT) is None
        store.load_identities(FIRST, ROWS)
        store.load_profiles(FIRST, ROWS)
        assert missing_indexes(engine) == set()
        drop_unused_indexes(engine, TABLES)
        assert missing_indexes(engine) == set()
    assert store.look_up("lumaLoyaltyId", samples.LOYALTY_ID, samples.DEFAULT) is not None


def test_others_read_while_a_first_load_goes_on(store: ProfileStore, url: str) -> None:
    seen = []

    def rows() -> Iterator[pa.RecordBatch]:
        with ProfileStore.open(url) as other:
            for each in ROWS:
                seen.append((other.counts().identities, other.look_up("lumaLoyaltyId", "1", samples.DEFAULT)))
                yield each

    store.load_identities(FIRST, rows())
    store.load_profiles(FIRST, rows())
    assert seen == [(0, None), (2, None)]


def test_a_first_load_waits_no_longer_than_a_moment_for_somebody_who_reads(store: ProfileStore, url: str) -> None:
    with engine_of(url) as engine, engine.execution_options(**{READ_ONLY: True}).connect() as reader:
        for table in TABLES:
            assert reader.execute(sa.select(table)).all() == []
        store.load_identities(FIRST, ROWS)
        store.load_profiles(FIRST, ROWS)
        reader.rollback()
        assert missing_indexes(engine) == set()
    assert store.counts().identities == 2
