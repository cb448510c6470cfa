from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from headwater.catalog.catalog import SCRIPTS, VERSION_TABLE, Catalog
from headwater.catalog.tables import metadata
from headwater.database.engine import open_engine
from headwater.database.migrate import migrate
from headwater.errors import HeadwaterError, SettingsError
from headwater.model.runs import WebhookState
from headwater.profile_store import ProfileStore


def test_the_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    Catalog.open(url).close()
    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_what_waits_to_be_delivered_waits_after_the_journal_came(url: str) -> None:
    def at(hour: int) -> str:
        return f"2026-11-22 {hour:02d}:00:00.000000" + ("" if engine.name == "sqlite" else "+00:00")

    engine = open_engine(url)
    migrate(engine, scripts=SCRIPTS, version_table=VERSION_TABLE, head="0005")
    with engine.begin() as connection:
        for number in (1, 2):
            connection.execute(
                sa.text(
                    "INSERT INTO event (id, code, subject, created_at, body) "
                    "VALUES (:id, 'ing_load_success', :id, :at, '{}')"
                ),
                {"id": str(number), "at": at(2)},
            )
            connection.execute(
                sa.text(
                    "INSERT INTO delivery (event_id, webhook, attempts, next_attempt_at) "
                    "VALUES (:id, 'hook', :attempts, :at)"
                ),
                {"id": str(number), "attempts": number, "at": at(3)},
            )
        connection.execute(sa.text("INSERT INTO webhook_state VALUES ('hook', 'e', :at)"), {"at": at(1)})
    engine.dispose()

    with Catalog.open(url) as catalog:
        due = catalog.outbox.due(now=datetime(2026, 11, 22, 3, tzinfo=UTC))
        status = catalog.receivers.status("hook")

    assert [(waiting.event.id, waiting.attempts, waiting.replay, waiting.queued_at.hour) for waiting in due] == [
        ("1", 1, 0, 2),
        ("2", 2, 0, 2),
    ]
    assert status is not None
    assert (status.state, status.verified, status.since.hour) == (WebhookState.ACTIVE, True, 1)


def test_many_may_open_a_new_catalog_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for catalog in pool.map(lambda _: Catalog.open(url), range(4)):
            assert catalog.resources.list("dataset") == []
            catalog.close()


def test_different_databases_may_be_made_at_once_in_one_process(tmp_path: Path) -> None:
    together = Barrier(6)

    def open_and_close(number: int) -> int:
        together.wait()
        opener = Catalog.open if number % 2 else ProfileStore.open
        opener(f"sqlite:///{tmp_path}/{number}.db").close()
        return number

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(open_and_close, range(6))) == list(range(6))


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "not a url", "sqlite://"])
def test_another_database_is_refused_with_what_is_expected(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///FILE or postgresql"):
        Catalog.open(url)


@pytest.mark.parametrize("url", ["u:secret@127.0.0.1:1/x", "u@127.0.0.1:1/x?password=secret"], ids=["user", "query"])
def test_a_database_that_is_not_there_is_a_passing_error_without_its_password(url: str) -> None:
    expected = r"catalog database postgresql\+psycopg://127.0.0.1:1/x: "
    with pytest.raises(HeadwaterError, match=expected) as caught:
        Catalog.open(f"postgresql+psycopg://{url}")
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
