from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from headwater.catalog.catalog import VERSION_TABLE, Catalog
from headwater.catalog.tables import metadata
from headwater.database.engine import open_engine
from headwater.errors import HeadwaterError, SettingsError


def test_the_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    Catalog.open(url).close()
    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_many_may_open_a_new_catalog_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for catalog in pool.map(lambda _: Catalog.open(url), range(4)):
            assert catalog.resources.list("dataset") == []
            catalog.close()


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "not a url", "sqlite://"])
def test_another_database_is_refused_with_what_is_expected(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///FILE or postgresql"):
        Catalog.open(url)


def test_a_database_that_is_not_there_is_a_passing_error_without_its_password() -> None:
    with pytest.raises(
        HeadwaterError, match=r"catalog database postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/x: "
    ) as caught:
        Catalog.open("postgresql+psycopg://u:secret@127.0.0.1:1/x")
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
