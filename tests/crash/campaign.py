"""Many seeds: each in a folder of its own, every third on PostgreSQL and the others on SQLite."""

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.crash.process import die_with_parent
from tests.crash.scenario import Result, play
from tests.servers.postgres import PostgresServer


def on_postgres(seed: int) -> bool:
    """Whether the seed's three databases are in PostgreSQL."""
    return seed % 3 == 2


def play_one(seed: int, server: PostgresServer | None) -> Result:
    """Play the seed on its own database and folder, which are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"crash-{seed}-") as folder:
        if not on_postgres(seed):
            return play(seed, Path(folder))
        if server is None:
            raise ValueError(f"seed {seed} needs PostgreSQL")
        with server.database() as url:
            return play(seed, Path(folder), catalog_url=url, profile_url=url, iceberg_url=url)


def play_all(seeds: Sequence[int], server: PostgresServer | None, workers: int) -> Iterator[Result]:
    """The results as they come. The workers are processes: Alembic migrates one database at a time in each."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=die_with_parent) as pool:
        for future in as_completed([pool.submit(play_one, seed, server) for seed in seeds]):
            yield future.result()


def how_to_repeat(result: Result) -> str:
    """What was wrong with a seed, and the command that plays it alone."""
    problems = "".join(f"\n  - {problem}" for problem in result.problems)
    return f"seed {result.seed}:{problems}\n  repeat it alone: make crash SEED={result.seed}"
