"""Many seeds: each in a folder of its own, every third on PostgreSQL and the others on SQLite."""

import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.crash import scheduler
from tests.crash.process import die_with_parent
from tests.crash.scenario import Result, play
from tests.servers.postgres import PostgresServer, restartable_postgres_server

_ROOM_BYTES: Final = 1 << 30


def on_postgres(seed: int) -> bool:
    """Whether the seed's three databases are in PostgreSQL."""
    return seed % 3 == 2


def is_restarted(seed: int) -> bool:
    """Whether its PostgreSQL is killed and restarted; such a seed has a server of its own."""
    return seed % 9 == 8


def play_one(seed: int, server: PostgresServer | None, mutation: str | None = None) -> Result:
    """Play the seed on its own database and folder, which are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"crash-{seed}-", dir=_memory()) as name, ExitStack() as stack:
        folder = Path(name)
        if not on_postgres(seed):
            return play(seed, folder, mutation=mutation)
        if server is None:
            raise ValueError(f"seed {seed} needs PostgreSQL")
        restart = None
        if is_restarted(seed):
            server, restart = stack.enter_context(restartable_postgres_server())
        url = stack.enter_context(server.database())
        return play(seed, folder, mutation=mutation, restart=restart, catalog_url=url, profile_url=url, iceberg_url=url)


def play_under_airflow(seed: int, server: PostgresServer | None) -> Result:
    """The same with Airflow's own scheduler and workers."""
    with (
        tempfile.TemporaryDirectory(prefix=f"crash-{seed}-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        if not on_postgres(seed) or server is None:
            return scheduler.play(seed, Path(folder))
        url = stack.enter_context(server.database())
        return scheduler.play(seed, Path(folder), catalog_url=url, profile_url=url, iceberg_url=url)


def _memory() -> Path | None:
    """A folder in memory, where there is one: what is killed are processes, so nothing has to survive the machine."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES else None


def play_all(seeds: Sequence[int], server: PostgresServer | None, workers: int) -> Iterator[Result]:
    """The results as they come."""
    with _workers(workers) as pool:
        for future in as_completed([pool.submit(play_one, seed, server) for seed in seeds]):
            yield future.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """How many seeds were played until one noticed that a safeguard was out; `result` is None if none did."""

    mutation: str
    seeds: int
    result: Result | None


def play_mutations(
    names: Sequence[str], seeds: Sequence[int], server: PostgresServer | None, workers: int
) -> Iterator[Notice]:
    """For each mutation, play the seeds in turn until one goes wrong."""
    with _workers(workers) as pool:
        for future in as_completed([pool.submit(_play_until_wrong, name, seeds, server) for name in names]):
            yield future.result()


def _play_until_wrong(mutation: str, seeds: Sequence[int], server: PostgresServer | None) -> Notice:
    for number, seed in enumerate(seeds, start=1):
        result = play_one(seed, server, mutation)
        if result.problems:
            return Notice(mutation=mutation, seeds=number, result=result)
    return Notice(mutation=mutation, seeds=len(seeds), result=None)


def _workers(number: int) -> ProcessPoolExecutor:
    """Processes, since Alembic migrates one database at a time in each."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(number, mp_context=context, initializer=die_with_parent)


def how_to_repeat(result: Result, options: str = "") -> str:
    """What was wrong with a seed, and the command that plays it alone, with these options of `make crash`."""
    problems = "".join(f"\n  - {problem}" for problem in result.problems)
    return f"seed {result.seed}:{problems}\n  repeat it alone: make crash SEED={result.seed} {options}".rstrip()
