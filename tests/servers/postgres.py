"""A PostgreSQL cluster that lives for some tests."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.servers.processes import running
from tests.servers.tools import require

_FOLDERS = [f"/usr/lib/postgresql/{version}/bin" for version in range(18, 12, -1)]
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_STOP_SECONDS = 30


@dataclass(frozen=True)
class PostgresServer:
    """A running cluster. It is reached by a Unix socket in its own folder and listens on no port."""

    socket_folder: Path
    user: str

    @cached_property
    def url(self) -> str:
        """SQLAlchemy URL of the cluster's first database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """SQLAlchemy URL of a database of the cluster."""
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.socket_folder}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database; yields its URL and drops it at the end, whoever is still connected."""
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self.url_of(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.socket_folder), user=self.user, dbname="postgres", autocommit=True) as admin:
            admin.execute(statement.encode())


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a cluster without durability. Skips the test where PostgreSQL is not installed."""
    with _cluster() as cluster, cluster.running():
        yield cluster.server


@contextmanager
def restartable_postgres_server() -> Iterator[tuple[PostgresServer, Callable[[], None]]]:
    """Run a cluster of its own, and yield what ends it at once, as a crash does, and starts it again."""
    with _cluster() as cluster, ExitStack() as stack, ThreadPoolExecutor(1) as starter:

        def start() -> subprocess.Popen[bytes]:
            return stack.enter_context(cluster.running("synchronous_commit=on"))

        # The same thread each time: a server is ended with the thread that started it.
        process = starter.submit(start).result()

        def restart() -> None:
            nonlocal process
            process.send_signal(signal.SIGQUIT)  # `pg_ctl stop -m immediate`
            process.wait(_STOP_SECONDS)
            process = starter.submit(start).result()

        yield cluster.server, restart


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cluster:
    server: PostgresServer
    command: tuple[str | Path, ...]

    def running(self, *settings: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        command = [*self.command, *(f"-c{setting}" for setting in settings)]
        return running(command, ready=lambda: _answers(self.server), log=self.server.socket_folder / "log")


@contextmanager
def _cluster() -> Iterator[_Cluster]:
    """Make a cluster. PostgreSQL refuses to run as root; then the user `postgres` of the Debian package runs it."""
    initdb = require("initdb", "postgresql", folders=_FOLDERS)
    server = initdb.with_name("postgres")
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        home.chmod(0o755)  # the socket is for everybody on this machine; the data's folder is not
        as_user: list[str | Path] = []
        if os.geteuid() == 0:
            as_user = [
                require("setpriv", "util-linux"),
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "--pdeathsig=QUIT",
                "--",
            ]
            subprocess.run([require("chown", "coreutils"), "postgres:", home], check=True)  # noqa: S603 (our own folder)
        data = home / "data"
        options = ["--no-sync", "--auth=trust", "--username=headwater", "--encoding=UTF8", "--no-locale"]
        subprocess.run([*as_user, initdb, *options, "-D", data], check=True, capture_output=True)  # noqa: S603 (initdb)
        settings = [f"-c{each}" for each in (*_FAST, "listen_addresses=", f"unix_socket_directories={home}")]
        cluster = PostgresServer(socket_folder=home, user="headwater")
        yield _Cluster(server=cluster, command=(*as_user, server, "-D", data, *settings))


def _answers(cluster: PostgresServer) -> bool:
    try:
        psycopg.connect(host=str(cluster.socket_folder), user=cluster.user, dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
