"""What befalls a whole installation for a while: a locked catalog, read-only folders, a database that is gone."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import sqlalchemy as sa

from headwater.settings import Settings
from tests.crash.shop import spool_folder

_LOCKED_TABLES: Final = "flow_run, batch, source_file, event, delivery"
_LOCK_SECONDS: Final = (0.3, 3.0)
_READ_ONLY_SECONDS: Final = (0.2, 2.0)
_READ_ONLY: Final = 0o555


@dataclass(frozen=True, slots=True, kw_only=True)
class Squall:
    """Something that passes. `blow` lasts as long as it lasts; it gives how often it has struck."""

    kind: str
    blow: Callable[[], int]


def draw_squalls(
    random: Random, settings: Mapping[str, object], restart: Callable[[], None] | None
) -> Iterator[Squall]:
    """What happens beside the runs of one round; `restart` kills and restarts the installation's PostgreSQL."""
    url = Settings.load(**settings).catalog_database
    on_postgres = url.startswith("postgresql")
    if random.random() < 0.25:
        pause, seconds = random.uniform(0, 2), random.uniform(*_LOCK_SECONDS)
        lock = _lock_postgres if on_postgres else _lock_sqlite
        yield Squall(kind="locked catalog", blow=lambda: _hold(lock, url, pause, seconds))
    if random.random() < 0.25:
        spool = spool_folder(settings)
        folder = random.choice((spool, spool.with_name("lake"), spool.with_name("lake")))
        pauses = [(random.uniform(0, 1.5), random.uniform(*_READ_ONLY_SECONDS)) for _ in range(2)]
        yield Squall(kind="read-only folder", blow=lambda: _write_protect(folder, pauses))
    if on_postgres and random.random() < 0.5:
        cuts = [random.uniform(0.05, 1.0) for _ in range(random.randint(1, 4))]
        yield Squall(kind="cut connections", blow=lambda: _cut_again_and_again(url, cuts))
    if restart is not None and random.random() < 0.8:
        restarts = [random.uniform(0.1, 2.0) for _ in range(random.randint(1, 2))]
        yield Squall(kind="restarted PostgreSQL", blow=lambda: _restart(restart, restarts))


def _hold(lock: Callable[[str, float], None], url: str, pause: float, seconds: float) -> int:
    time.sleep(pause)
    lock(url, seconds)
    return 1


def _lock_sqlite(url: str, seconds: float) -> None:
    with closing(sqlite3.connect(str(sa.make_url(url).database), timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


def _lock_postgres(url: str, seconds: float) -> None:
    with suppress(sa.exc.DBAPIError), _alone(url) as connection:  # the server's restart, or a deadlock, ends ours too
        connection.execute(sa.text("BEGIN"))
        connection.execute(sa.text(f"LOCK TABLE {_LOCKED_TABLES} IN ACCESS EXCLUSIVE MODE"))
        time.sleep(seconds)
        connection.execute(sa.text("ROLLBACK"))


def _write_protect(folder: Path, pauses: list[tuple[float, float]]) -> int:
    """Take the right to write from all folders below this one, for a while."""
    struck = 0
    for pause, seconds in pauses:
        time.sleep(pause)
        with _read_only([folder, *folder.rglob("*/")] if folder.exists() else []) as folders:
            struck += bool(folders)
            time.sleep(seconds)
    return struck


@contextmanager
def _read_only(folders: list[Path]) -> Iterator[list[Path]]:
    modes = {path: path.stat().st_mode for path in folders if path.is_dir()}
    for path in modes:
        path.chmod(_READ_ONLY)
    try:
        yield list(modes)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def cut_connections(url: str) -> int:
    """End every connection to the PostgreSQL database but ours; how many there were."""
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    with suppress(sa.exc.DBAPIError), _alone(url) as connection:  # the server may just be restarted
        cut = connection.execute(sa.text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        return len(cut.all())
    return 0


def _cut_again_and_again(url: str, pauses: list[float]) -> int:
    struck = 0
    for pause in pauses:
        time.sleep(pause)
        struck += bool(cut_connections(url))
    return struck


def _restart(restart: Callable[[], None], pauses: list[float]) -> int:
    for pause in pauses:
        time.sleep(pause)
        restart()
    return len(pauses)


@contextmanager
def _alone(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
