"""The sample sources, one of each kind, and how their servers are started."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from demo.credentials import (
    FTP_PASSWORD_VARIABLE,
    FTPS_PASSWORD_VARIABLE,
    S3_SECRET_KEY_VARIABLE,
    SFTP_PASSWORD_VARIABLE,
)
from demo.data import CRM_FILE, LOYALTY_FILE, OUTLETS_FILE, PRODUCTS_FILE, PURCHASES_FILE
from demo.processes import ProcessTree
from demo.state import REPOSITORY, State

_START_TIMEOUT_SECONDS = 120.0
_STANDARD_FIELDS: Final = {"host": "host", "port": "port", "username": "login", "password": "password"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source.

    Attributes:
        kind: The kind of connector that reads from it.
        flow: The dataflow that does.
        file: Name of the sample file there.
        login_field: The connector's field that takes the secret, None if there is none.
        variable: The environment variable with the secret; None likewise.
        has_times: Whether its files keep the time at which they were written; in a bucket they have that of the upload.
    """

    kind: str
    flow: str
    file: str
    login_field: str | None = "password"
    variable: str | None = None
    has_times: bool = True

    @property
    def account(self) -> str:
        """The account document, and the Airflow Connection."""
        return f"luma_{self.kind}"


SOURCES: Final = (
    Source(kind="sftp", flow="luma-loyalty", file=LOYALTY_FILE, variable=SFTP_PASSWORD_VARIABLE),
    Source(kind="ftps", flow="luma-crm", file=CRM_FILE, variable=FTPS_PASSWORD_VARIABLE),
    Source(kind="ftp", flow="luma-products", file=PRODUCTS_FILE, variable=FTP_PASSWORD_VARIABLE),
    Source(
        kind="s3",
        flow="luma-offline-purchases",
        file=PURCHASES_FILE,
        login_field="secret_key",
        variable=S3_SECRET_KEY_VARIABLE,
        has_times=False,
    ),
    Source(kind="gcs", flow="luma-outlet-purchases", file=OUTLETS_FILE, login_field=None, has_times=False),
)
"""In the order in which the dataflows run."""


def kind_of(flow: str) -> str:
    """Return what the source of a dataflow is called: `SFTP`, `S3`."""
    return next(source.kind for source in SOURCES if source.flow == flow).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSource:
    """A source whose server runs; `params` are what a connector needs to reach it, but for the secret."""

    source: Source
    params: Mapping[str, Any] = field(repr=False)

    def account_params(self) -> dict[str, Any]:
        """The `params` of the account document; the secret is named, not told."""
        if self.source.login_field is None:
            return dict(self.params)
        return {**self.params, self.source.login_field: {"env": self.source.variable}}

    def airflow_connection(self, environment: Mapping[str, str]) -> str:
        """The same as an Airflow Connection in JSON, as `AIRFLOW_CONN_…` takes it; holds the secret."""
        config = dict(self.params)
        if self.source.login_field is not None:
            config[self.source.login_field] = environment[str(self.source.variable)]
        connection = {_STANDARD_FIELDS[name]: value for name, value in config.items() if name in _STANDARD_FIELDS}
        connection["conn_type"] = f"headwater_{self.source.kind}"
        connection["extra"] = {name: value for name, value in config.items() if name not in _STANDARD_FIELDS}
        return json.dumps(connection)


def start_sources(state: State, tree: ProcessTree, environment: Mapping[str, str]) -> None:
    """Start all servers; each gets its sample file, if not the secrets of the others. Returns while they start."""
    variables = {source.variable for source in SOURCES}
    for source in SOURCES:
        state.ready_file(source.kind).unlink(missing_ok=True)
        own = {name: value for name, value in environment.items() if name not in variables - {source.variable}}
        tree.start(f"{source.kind}-server", server_command(source, state), own, REPOSITORY)


def wait_for_sources(state: State, tree: ProcessTree) -> tuple[RunningSource, ...]:
    """Wait until all servers can be used.

    Raises:
        DemoError: One ended by itself, or is not ready in time.
    """
    return tuple(_wait_for(source, state, tree) for source in SOURCES)


def server_command(source: Source, state: State) -> list[str]:
    """Return what starts the server of a source; its secret has to be in the environment."""
    return [sys.executable, "-m", *_module(source, state), str(state.ready_file(source.kind))]


def _wait_for(source: Source, state: State, tree: ProcessTree) -> RunningSource:
    ready = state.ready_file(source.kind)
    what = f"the {source.kind.upper()} server"
    described = tree.wait_for(what, lambda: ready if ready.exists() else None, _START_TIMEOUT_SECONDS)
    return RunningSource(source=source, params=json.loads(described.read_text(encoding="utf-8")))


def _module(source: Source, state: State) -> list[str]:
    """The server's module and its arguments, but for the last: the file that says that it is ready."""
    root = state.source_root(source.kind)
    if source.kind == "sftp":
        return ["demo.sftp_server", str(root), str(state.root / "sftp-host-key")]
    if source.has_times:
        return ["demo.ftp_server", source.kind, str(root)]
    return [f"demo.{source.kind}_server", str(state.root / f"{source.kind}-store"), str(state.outbox(source.kind))]
