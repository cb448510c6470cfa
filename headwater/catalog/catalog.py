"""The catalog: opens the database, hands out its stores, alone or bound to one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Self

import sqlalchemy as sa

from headwater.catalog.base import Begin
from headwater.catalog.batches import BatchStore
from headwater.catalog.flow_runs import FlowRunStore
from headwater.catalog.journal import Journal
from headwater.catalog.ledger import Ledger
from headwater.catalog.observations import Observations
from headwater.catalog.outbox import Outbox
from headwater.catalog.parts import FileParts
from headwater.catalog.receivers import Receivers
from headwater.catalog.reloads import Reloads
from headwater.catalog.resources import ResourceStore
from headwater.database.engine import READ_ONLY, open_engine
from headwater.database.errors import translated
from headwater.database.migrate import migrate

HEAD = "0012"
SCRIPTS = "headwater.catalog:migrations"
VERSION_TABLE = "headwater_catalog_version"
_WHAT = "catalog database"


class Stores:
    """The catalog's stores.

    Attributes:
        resources: what people authored.
        flow_runs: executions of dataflows.
        batches: units of ingestion and their staged files.
        ledger: which versions of which source files were taken.
        parts: how large ones of them were divided.
        observations: files that are not complete yet.
        outbox: notifications and their deliveries.
        journal: what each webhook was to be told, to be read and replayed.
        receivers: how each webhook stands.
        reloads: batches whose profiles are to follow the lake.
    """

    def __init__(self, begin: Begin, read: Begin) -> None:
        self.resources = ResourceStore(begin, read)
        self.flow_runs = FlowRunStore(begin, read)
        self.batches = BatchStore(begin, read)
        self.ledger = Ledger(begin, read)
        self.parts = FileParts(begin, read)
        self.observations = Observations(begin, read)
        self.outbox = Outbox(begin, read)
        self.journal = Journal(begin, read)
        self.receivers = Receivers(begin, read)
        self.reloads = Reloads(begin, read)


class Catalog(Stores):
    """The catalog database. Close it, or use it as a context manager."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{READ_ONLY: True})
        super().__init__(self._begin, self._read)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database at an SQLAlchemy URL and bring it to the newest schema.

        Raises:
            SettingsError: the URL is not one of SQLite or PostgreSQL.
            HeadwaterError: the database refused, or could not be reached (then `retryable`).
        """
        engine = open_engine(url)
        try:
            with translated(engine, _WHAT):
                migrate(engine, scripts=SCRIPTS, version_table=VERSION_TABLE, head=HEAD)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Stores]:
        """All changes through the stores that this gives are made together, or not at all.

        Whoever locks rows of several kinds takes them in this order, so that no two transactions wait for each other:
        flow runs (by id), batches (a batch before those that replay it), file versions, and what is told of them.
        """
        with self._begin() as connection:
            yield Stores(lambda: nullcontext(connection), lambda: nullcontext(connection))

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        with translated(self._engine, _WHAT), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with translated(self._engine, _WHAT), self._reader.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give back the connections. May be called twice."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
