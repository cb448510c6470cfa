"""What the steps of a flow run work with: the opened stores of one installation."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self

from headwater.catalog.catalog import Catalog
from headwater.flows.accounts import AccountResolver, DocumentAccounts
from headwater.flows.dag_runs import DagRuns
from headwater.flows.messages import Messenger
from headwater.flows.slots import AccountSlots
from headwater.model.pgp import PGP
from headwater.settings import Settings

if TYPE_CHECKING:
    from connectors.base import Connector, ConnectorConfig
    from headwater.flows.kept import KeptTransfers
    from headwater.lake import Diagnostics, Lake
    from headwater.profile_store import ProfileStore


class Workspace:
    """The catalog, and lake, diagnostics and profile store, each opened when it is first used.

    `messenger` sends e-mails and Slack messages; without one, they wait. `dag_runs` knows whether a Dag run goes on;
    without it, leases tell.

    Close it, or use it as a context manager. One thread at a time.
    """

    def __init__(self, settings: Settings, catalog: Catalog, accounts: AccountResolver) -> None:
        self.settings = settings
        self.catalog = catalog
        self.accounts = accounts
        self.messenger: Messenger | None = None
        self.dag_runs: DagRuns | None = None

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

    def account_config(self, account: str, *, changes: Mapping[str, object] | None = None) -> "ConnectorConfig":
        """The account's configuration, secrets included; arguments and errors as with `connect`."""
        from connectors.errors import ConfigurationError
        from connectors.registry import load_config

        resolved = self.accounts.resolve(account)
        if resolved.kind == PGP:
            raise ConfigurationError(
                f"account {account!r} is of type {PGP!r}: it holds keys, and is no source of files. Name the account "
                "of the source; `headwater account check` looks at keys."
            )
        return load_config(resolved.kind, {**resolved.config, **(changes or {})})

    @contextmanager
    def connect(self, account: str, *, changes: Mapping[str, object] | None = None) -> "Iterator[Connector]":
        """A connector for the account, closed at the end.

        It counts as one of the account's connections. While all of them are in use, by whichever run on this machine,
        this waits: two thirds of the time that a run may be silent, so that others don't take it for dead.

        Args:
            account: Its name.
            changes: Parameters in place of the account's own.

        Raises:
            NotFoundError: there is no such account.
            connectors.errors.ConnectorError: its configuration is wrong, or no connection became free.
        """
        from connectors.slots import TakesSlots

        config = self.account_config(account, changes=changes)
        with ExitStack() as stack:
            connector = config.create_connector()
            if config.connection_limit is not None:
                slots = AccountSlots(self.settings.home / "slots", account=account, limit=config.connection_limit)
                slot = slots.take(wait_seconds=self.settings.claim_lease_seconds * 2 / 3)
                stack.callback(slot.release)
                if isinstance(connector, TakesSlots):
                    connector.use_slots(slots)
            stack.callback(connector.close)
            yield connector

    def kept_transfers(self, account: str) -> "KeptTransfers":
        """Where the account's unfinished transfers are kept; errors as with `connect`."""
        from headwater.flows.kept import KeptTransfers, source_digest

        return KeptTransfers(
            folder=self.settings.unfinished_transfers,
            source=source_digest(account, self.account_config(account)),
            most_bytes=self.settings.unfinished_bytes,
        )

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
