"""Starts everything: sample sources, Airflow's database and components, and the example's documents."""

import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.console import Console

from demo.airflow_api import AirflowApi
from demo.console import step
from demo.data import demo_files, sample_data, write_files
from demo.documents import documents_to_apply, render_documents
from demo.environment import api_url, stack_environment
from demo.errors import DemoError
from demo.lessons import LESSONS
from demo.processes import Child, ProcessTree
from demo.sources import SOURCES, RunningSource, start_sources, wait_for_sources
from demo.state import REPOSITORY, State

PREFERRED_PORT: Final = 8080
"""Airflow's own."""

_BIN = Path(sys.executable).parent
_START_TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What runs: `environment` is that of Airflow's components, `port` the API server's."""

    port: int
    environment: Mapping[str, str]
    sources: tuple[RunningSource, ...]

    @property
    def url(self) -> str:
        """Address of Airflow and of Headwater's pages."""
        return api_url(self.port)


def choose_port(wanted: int | None) -> int:
    """Return the wanted port; without a wish 8080, or any other if that is taken.

    Raises:
        DemoError: The wanted port is taken.
    """
    if _is_free(wanted or PREFERRED_PORT):
        return wanted or PREFERRED_PORT
    if wanted is not None:
        raise DemoError(f"Port {wanted} of 127.0.0.1 is taken. Name another one with --port, or leave it to the demo.")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def start_stack(state: State, tree: ProcessTree, port: int, webhook_url: str, console: Console) -> Stack:
    """Start the servers; returns while Airflow is still getting ready. What can be done at once is.

    Raises:
        DemoError: Something did not start.
    """
    environment = stack_environment(state, port)
    with step(console, "Sample files on SFTP, FTPS and FTP servers, in S3 and GCS buckets"):
        migration = _start_migration(state, tree, environment)
        _put_samples(state)
        start_sources(state, tree, environment)
        sources = wait_for_sources(state, tree)
    with step(console, "Airflow's database"):
        render_documents(state.rendered, sources=sources, webhook_url=webhook_url)
        apply = _start_apply(state, tree, environment)
        _finish_migration(state, tree, migration)
    connections = {
        f"AIRFLOW_CONN_{running.source.account.upper()}": running.airflow_connection(environment) for running in sources
    }
    stack = Stack(port=port, environment=environment | connections, sources=sources)
    for component in (("api-server",), ("dag-processor",), ("scheduler", "--skip-serve-logs")):
        start_component(tree, stack, *component)
    with step(console, "The example's documents: schemas, datasets, merge policies, dataflows"):
        tree.finish(apply, _START_TIMEOUT_SECONDS)
    return stack


def start_component(tree: ProcessTree, stack: Stack, name: str, *arguments: str) -> None:
    """Start one of Airflow's components. No component serves logs: that server would listen on every interface."""
    tree.start(name, [str(_BIN / "airflow"), name, *arguments], stack.environment, REPOSITORY)


def wait_until_ready(api: AirflowApi, state: State, tree: ProcessTree, console: Console) -> None:
    """Wait until Airflow answers and knows the example's Dags; logs in.

    Raises:
        DemoError: It takes too long, or a Dag can't be read.
    """
    with step(console, "Airflow") as progress:
        progress.tell("starting")
        tree.wait_for("Airflow's API server", lambda: api.is_up() or None, _START_TIMEOUT_SECONDS)
        api.log_in("admin", state.secrets.admin_password)
        progress.tell("reading Dags")
        tree.wait_for("the example's Dags", lambda: _dags_are_there(api), _START_TIMEOUT_SECONDS)


def _dags_are_there(api: AirflowApi) -> bool | None:
    if errors := api.import_errors():
        raise DemoError("Airflow could not read the Dags.\n" + "\n".join(errors))
    return {lesson.flow for lesson in LESSONS} <= api.dag_ids() or None


def _put_samples(state: State) -> None:
    contents = demo_files(sample_data())
    for source in SOURCES:
        write_files(state.outbox(source.kind), {source.file: contents[source.file]})


def _start_apply(state: State, tree: ProcessTree, environment: Mapping[str, str]) -> Child:
    documents = [str(path) for path in documents_to_apply(state.rendered)]
    return tree.start("headwater-apply", [str(_BIN / "headwater"), "apply", *documents], environment, REPOSITORY)


def _start_migration(state: State, tree: ProcessTree, environment: Mapping[str, str]) -> Child | None:
    """Start making Airflow's database, unless an earlier demo with the same Airflow did."""
    passwords = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    if not passwords.exists():
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({"admin": state.secrets.admin_password}) + "\n", encoding="utf-8")
    if _migration_marker(state).exists():
        return None
    return tree.start("airflow-db-migrate", [str(_BIN / "airflow"), "db", "migrate"], environment, REPOSITORY)


def _finish_migration(state: State, tree: ProcessTree, migration: Child | None) -> None:
    if migration is not None:
        tree.finish(migration, _START_TIMEOUT_SECONDS)
        _migration_marker(state).touch()


def _migration_marker(state: State) -> Path:
    return state.airflow_home / f"migrated-to-{version('apache-airflow-core')}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
