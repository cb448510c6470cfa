"""Settings: read once, at the edge, from `HEADWATER_*`."""

import os
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from headwater.errors import SettingsError

PREFIX = "HEADWATER_"


class Settings(BaseSettings):
    """What differs between installations. Every value has a default that suits one machine.

    Attributes:
        home: Folder of the embedded databases, lake and diagnostics.
        catalog_url: SQLAlchemy URL of the catalog database (resources, ledger, batches, outbox).
        profile_url: SQLAlchemy URL of the profile store (fragments, events, identity graph).
        iceberg_url: URL of Iceberg's own catalog: a SQLAlchemy URL, or `http(s)://…` of a REST catalog.
        warehouse: Where the lake's tables lie: `file://…`, or `s3://…` for an object store.
        diagnostics: Folder or object-store prefix for rejected records.
        flows: Folders (separated by the system's path separator) whose dataflow documents become Dags.
        tenant: Tenant id; own XDM resources lie below `_{tenant}`.
        ims_org: Organisation id in notifications and API answers.
        sandbox: Sandbox name in notifications and API answers.
        public_url: Address under which people reach the API server; links begin with it.
        allow_private_webhooks: Whether webhooks may point to private or loopback addresses, or use plain HTTP.
        claim_lease_seconds: How long a dead run keeps its files before another run may take them.
        recovery_hours: What was replaced in the lake, and what nothing refers to, is kept so long: longer than any
            interruption that a run is to recover from, and than any read.
        history_days: What newer records replaced leaves the profile store after so many days; until then a batch can be
            taken out as if it had never come. 0 for never.
        diagnostics_days: Rejected records are kept so many days, and deleted by maintenance after that.
        group_bytes: Small files are ingested together in one task up to this size.
        split_bytes: Larger CSV and NDJSON files are ingested in parts of about this size, each by a task; 0 for never.
        unfinished_bytes: What has come of large files whose transfer did not end is kept for the next try, up to so
            many bytes together, for `recovery_hours`; 0 for never.
        storm_records: After so many rejected records a group of files is read no further if its batch cannot load any
            more; 0 for reading always to the end.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    home: Path = Field(default_factory=lambda: Path.home() / ".headwater")
    catalog_url: SecretStr | None = None
    profile_url: SecretStr | None = None
    iceberg_url: SecretStr | None = None
    warehouse: str | None = None
    diagnostics: str | None = None
    flows: str | None = None
    tenant: str = "headwater"
    ims_org: str = "headwater@local"
    sandbox: str = "prod"
    public_url: str = "http://localhost:8080"
    allow_private_webhooks: bool = False
    claim_lease_seconds: int = Field(default=900, ge=10)
    recovery_hours: int = Field(default=72, ge=1)
    history_days: int = Field(default=30, ge=0)
    diagnostics_days: int = Field(default=30, ge=1)
    group_bytes: int = Field(default=256 * 1024 * 1024, ge=1)
    split_bytes: int = Field(default=256 * 1024 * 1024, ge=0)
    unfinished_bytes: int = Field(default=16 * 1024**3, ge=0)
    storm_records: int = Field(default=10_000, ge=0)

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment.

        Raises:
            SettingsError: a value is wrong, or a `HEADWATER_*` variable is not a setting; all of them are named.
        """
        known = {PREFIX + name.upper() for name in cls.model_fields}
        unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
        if unknown:
            raise SettingsError(f"unknown settings {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        try:
            return cls.model_validate(cls().model_dump() | overrides) if overrides else cls()
        except ValidationError as error:
            details = "; ".join(
                f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False)
            )
            raise SettingsError(f"settings are wrong: {details}") from None

    @cached_property
    def catalog_database(self) -> str:
        """SQLAlchemy URL of the catalog database."""
        return _secret(self.catalog_url) or f"sqlite:///{self.home.absolute()}/catalog.db"

    @cached_property
    def profile_database(self) -> str:
        """SQLAlchemy URL of the profile store."""
        return _secret(self.profile_url) or f"sqlite:///{self.home.absolute()}/profile.db"

    @cached_property
    def iceberg_catalog(self) -> str:
        """URL of Iceberg's catalog."""
        return _secret(self.iceberg_url) or f"sqlite:///{self.home.absolute()}/iceberg.db"

    @cached_property
    def warehouse_uri(self) -> str:
        """Where the lake's tables lie."""
        return self.warehouse or f"file://{self.home.absolute()}/lake"

    @cached_property
    def diagnostics_uri(self) -> str:
        """Where rejected records are kept."""
        return self.diagnostics or f"file://{self.home.absolute()}/diagnostics"

    @cached_property
    def signing_keys(self) -> Path:
        """Folder of the keys that sign notifications; whoever delivers or answers for this installation shares it."""
        return self.home.absolute() / "signing-keys"

    @cached_property
    def unfinished_transfers(self) -> Path:
        """Folder of what has come of files whose transfer did not end."""
        return self.home.absolute() / "unfinished"

    @cached_property
    def flow_folders(self) -> tuple[Path, ...]:
        """Folders whose dataflow documents become Dags; `{home}/flows` unless set."""
        if self.flows is None:
            return (self.home / "flows",)
        return tuple(Path(folder) for folder in self.flows.split(os.pathsep) if folder)


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None
