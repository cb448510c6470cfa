"""The catalog: opens the database, hands out its stores, alone or bound to one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Self

import sqlalchemy as sa

from headwater.catalog.base import Begin
from headwater.catalog.batches import BatchStore
from headwater.catalog.flow_runs import FlowRunStore
from headwater.catalog.ledger import Ledger
from headwater.catalog.outbox import Outbox
from headwater.catalog.resources import ResourceStore
from headwater.database.engine import READ_ONLY, open_engine
from headwater.database.migrate import migrate

HEAD = "0001"
SCRIPTS = "headwater.catalog:migrations"
VERSION_TABLE = "headwater_catalog_version"


class Stores:
    """The catalog's stores.

    Attributes:
        resources: what people authored.
        flow_runs: executions of dataflows.
        batches: units of ingestion and their staged files.
        ledger: which versions of which source files were taken.
        outbox: notifications and their deliveries.
    """

    def __init__(self, begin: Begin, read: Begin) -> None:
        self.resources = ResourceStore(begin, read)
        self.flow_runs = FlowRunStore(begin, read)
        self.batches = BatchStore(begin, read)
        self.ledger = Ledger(begin, read)
        self.outbox = Outbox(begin, read)


class Catalog(Stores):
    """The catalog database. Close it, or use it as a context manager."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        reader = engine.execution_options(**{READ_ONLY: True})
        super().__init__(engine.begin, reader.begin)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database at an SQLAlchemy URL and bring it to the newest schema.

        Raises:
            SettingsError: the URL is not one of SQLite or PostgreSQL.
        """
        engine = open_engine(url)
        migrate(engine, scripts=SCRIPTS, version_table=VERSION_TABLE, head=HEAD)
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Stores]:
        """All changes through the stores that this gives are made together, or not at all."""
        with self._engine.begin() as connection:
            yield Stores(lambda: nullcontext(connection), lambda: nullcontext(connection))

    def close(self) -> None:
        """Give back the connections. May be called twice."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
