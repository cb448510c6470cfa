"""What the steps of a flow run work with: the opened stores of one installation."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self

from headwater.catalog.catalog import Catalog
from headwater.flows.accounts import AccountResolver, DocumentAccounts
from headwater.flows.messages import Messenger
from headwater.settings import Settings

if TYPE_CHECKING:
    from connectors.base import Connector
    from headwater.lake import Diagnostics, Lake
    from headwater.profile_store import ProfileStore


class Workspace:
    """The catalog, and lake, diagnostics and profile store, each opened when it is first used.

    `messenger` sends e-mails and Slack messages; without one, they wait.

    Close it, or use it as a context manager. One thread at a time.
    """

    def __init__(self, settings: Settings, catalog: Catalog, accounts: AccountResolver) -> None:
        self.settings = settings
        self.catalog = catalog
        self.accounts = accounts
        self.messenger: Messenger | None = None

    @cached_property
    def lake(self) -> "Lake":
        """The data lake."""
        from headwater.lake import Lake

        return Lake.open(iceberg_url=self.settings.iceberg_catalog, warehouse=self.settings.warehouse_uri)

    @cached_property
    def diagnostics(self) -> "Diagnostics":
        """Rejected records."""
        from headwater.lake import Diagnostics

        return Diagnostics.open(self.settings.diagnostics_uri)

    @cached_property
    def profile_store(self) -> "ProfileStore":
        """Fragments, events and the identity graph."""
        from headwater.profile_store import ProfileStore

        return ProfileStore.open(self.settings.profile_database)

    @contextmanager
    def connect(self, account: str) -> "Iterator[Connector]":
        """A connector for the account, closed at the end.

        Raises:
            NotFoundError: there is no such account.
            connectors.errors.ConnectorError: its configuration is wrong.
        """
        from connectors.registry import create_connector

        resolved = self.accounts.resolve(account)
        connector = create_connector(resolved.kind, resolved.config)
        try:
            yield connector
        finally:
            connector.close()

    def close(self) -> None:
        """Give back what was opened. May be called twice."""
        for opened in ("lake", "profile_store"):
            store = self.__dict__.pop(opened, None)
            if store is not None:
                store.close()
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def open_workspace(settings: Settings, accounts: AccountResolver | None = None) -> Workspace:
    """Open an installation. Without `accounts`, they come from the catalog's account documents."""
    catalog = Catalog.open(settings.catalog_database)
    return Workspace(settings, catalog, accounts or DocumentAccounts(catalog.resources))
