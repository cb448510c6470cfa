"""Opens Iceberg's own catalog: in a SQL database, or behind the REST protocol."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog, SqlCatalogBaseTable
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from sqlalchemy import URL, Engine, Table, inspect, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, ProgrammingError

from headwater.errors import SettingsError
from headwater.lake.storage import Location

NAMESPACE: Final = "headwater"
"""The Iceberg namespace of all datasets' tables, and the catalog's name."""
_SQLITE_WAIT_SECONDS: Final = 30


def open_catalog(url: str, warehouse: Location) -> Catalog:
    """Open the catalog and make sure that the namespace is there. Safe when several processes do it at once.

    Raises:
        SettingsError: the URL cannot be understood.
        Exception: what pyiceberg or SQLAlchemy raises when the catalog cannot be reached.
    """
    properties = warehouse.iceberg_properties
    if urlsplit(url).scheme in {"http", "https"}:
        catalog: Catalog = RestCatalog(NAMESPACE, warehouse=warehouse.given, **properties, **_rest_properties(url))
    else:
        catalog = _open_sql_catalog(url, {"warehouse": warehouse.uri, **properties})
    try:
        with suppress(NamespaceAlreadyExistsError, IntegrityError):
            catalog.create_namespace(NAMESPACE)
    except Exception:
        catalog.close()
        raise
    return catalog


def _rest_properties(url: str) -> dict[str, str]:
    """Take from the URL what is not the address: `client:secret@`, the OAuth2 credential, and properties."""
    parts = urlsplit(url)
    properties = dict(parse_qsl(parts.query))
    properties["uri"] = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
    if parts.username is not None:
        properties["credential"] = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return properties


def _open_sql_catalog(url: str, properties: dict[str, str]) -> Catalog:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            "HEADWATER_ICEBERG_URL is not a URL; write sqlite:////path/iceberg.db, "
            "postgresql+psycopg://user:password@host/database, or https://… of a REST catalog"
        ) from None
    if parsed.get_backend_name() == "sqlite":
        parsed = _prepare_sqlite(parsed)
    uri = parsed.render_as_string(hide_password=False)
    catalog = SqlCatalog(NAMESPACE, uri=uri, pool_pre_ping="true", init_catalog_tables="false", **properties)
    try:
        for table in SqlCatalogBaseTable.metadata.sorted_tables:
            _make_sure_of(table, catalog.engine)
    except Exception:
        catalog.close()
        raise
    return catalog


def _make_sure_of(table: Table, engine: Engine) -> None:
    """Create the table unless it is there; pyiceberg gives up where another process creates it at the same time."""
    try:
        table.create(engine, checkfirst=True)
    except (OperationalError, ProgrammingError, IntegrityError):
        if not inspect(engine).has_table(table.name):
            raise


def _prepare_sqlite(url: URL) -> URL:
    """Let processes share the file: write-ahead log (a property of the file), and wait for each other's locks."""
    if url.database is None or url.database == ":memory:":
        raise SettingsError("HEADWATER_ICEBERG_URL needs a file for SQLite: tasks run in processes of their own")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(url.database, timeout=_SQLITE_WAIT_SECONDS)) as connection:
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            with suppress(sqlite3.OperationalError):  # locked: another process is doing the same
                connection.execute("PRAGMA journal_mode = WAL")
    return url.update_query_dict({"timeout": str(_SQLITE_WAIT_SECONDS)})
