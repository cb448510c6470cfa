"""The store's tables: made once, and as the code describes them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from headwater.database.engine import open_engine
from headwater.database.migrate import migrate
from headwater.errors import ConflictError, SettingsError
from headwater.profile_store import ProfileStore
from headwater.profile_store.tables import VERSION, VERSION_TABLE, metadata
from tests.contract.profile_store import samples

OPEN_AND_LOAD = """
import sys
from headwater.profile_store import ProfileStore
from tests.contract.profile_store import samples

with ProfileStore.open(sys.argv[1]) as store:
    for number in range(5):
        rows = samples.rows(samples.LOYALTY_SCHEMA, [samples.loyalty_row(sys.argv[2], f"c{number}")])
        load = samples.loyalty_load(f"B{sys.argv[2]}-{number}", number)
        store.load_identities(load, rows)
        store.load_profiles(load, rows)
"""


def test_the_migrations_make_the_tables_that_the_code_describes(store: ProfileStore, url: str) -> None:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            opts = {
                "version_table": VERSION_TABLE,
                "include_object": lambda thing, *_: thing.info.get("only", engine.dialect.name) == engine.dialect.name,
            }
            context = MigrationContext.configure(connection, opts=opts)
            assert context.get_current_revision() == VERSION
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()
    assert store.counts().profiles == 0


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", "headwater.profile_store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == VERSION


def test_a_store_of_the_first_version_is_upgraded_only_while_it_is_empty(url: str) -> None:
    engine = open_engine(url)
    migrate(engine, scripts="headwater.profile_store:migrations", version_table=VERSION_TABLE, head="0001")
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO profile_batch_load (batch_id, step, dataset, result) VALUES ('B1', 's', 'd', '{}')")
        )
    with pytest.raises(ConflictError) as caught:
        ProfileStore.open(url)
    assert str(caught.value) == (
        "this profile store was made by an earlier version, which did not keep what is needed to take a batch out"
        " again. Nothing was changed. Name a new database in `HEADWATER_PROFILE_URL` and load the batches again."
    )
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM profile_batch_load"))
    engine.dispose()
    with ProfileStore.open(url) as store:
        assert store.counts().profiles == 0


def test_a_store_whose_keys_are_no_numbers_is_upgraded_only_while_it_is_empty(url: str) -> None:
    engine = open_engine(url)
    migrate(engine, scripts="headwater.profile_store:migrations", version_table=VERSION_TABLE, head="0002")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO profile_batch (no, batch_id, dataset, ingested_at, upsert, map_paths)"
                " VALUES (1, 'B1', 'd', 0, false, '[]')"
            )
        )
    with pytest.raises(ConflictError) as caught:
        ProfileStore.open(url)
    assert str(caught.value) == (
        "this profile store was made by an earlier version, which kept identities in another form. Nothing was changed."
        " Name a new database in `HEADWATER_PROFILE_URL` and load the batches again."
    )
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM profile_batch"))
    engine.dispose()
    with ProfileStore.open(url) as store:
        store.load_profiles(samples.loyalty_load("B1", 1), samples.rows(samples.LOYALTY_SCHEMA, [samples.DANIEL]))
        assert store.counts().profiles == 1


def test_what_is_stored_outlives_the_process_that_stored_it(url: str) -> None:
    with ProfileStore.open(url) as store:
        store.load_profiles(samples.loyalty_load("B1", 1), samples.rows(samples.LOYALTY_SCHEMA, [samples.DANIEL]))
        store.close()
    with ProfileStore.open(url) as store:
        assert store.look_up("lumaLoyaltyId", samples.LOYALTY_ID, samples.DEFAULT) is not None


@pytest.mark.slow
def test_processes_may_open_and_load_at_once(url: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_LOAD, url, str(number)], env=environment)  # noqa: S603
        for number in range(3)
    ]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    with ProfileStore.open(url) as store:
        counts = store.counts()
    assert (counts.profiles, counts.fragments, counts.identities, counts.links) == (1, 3, 8, 15)


def test_other_databases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="driver 'mysql'"):
        ProfileStore.open("mysql://localhost/profiles")
    assert not list(tmp_path.iterdir())
