"""How long the ledger takes to say which files of a page are new, with a million files known.

`python bench/ledger.py [--rows N] [--rounds N] [--json]`. A page is what one look at a source asks at once: 1,000
files, half of them known. `neighbours` asks for a page of one folder, `scattered` for files from all over. SQLite, and
PostgreSQL where it is installed. Times are medians of 200 pages, and of the rounds, which take the cases in turn.
Processor time is the mean of a page, with the server's own: other work changes it less than the time by the clock.
"""

import argparse
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from headwater.catalog.catalog import Catalog
from headwater.catalog.tables import source_file
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import FlowRun, FlowRunState
from tests.servers.postgres import postgres_server

PAGE = 1_000
PAGES = 200
FLOW = "partner-orders"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def path_of(number: int) -> str:
    return f"/outbox/{number // 10_000:05d}/orders-{number:09d}.json.gz"


def fill(catalog: Catalog, rows: int) -> None:
    document = Dataflow.from_json(
        {"name": FLOW, "source": {"account": "a"}, "target": {"dataset": "d"}, "schedule": {"frequency": "once"}}
    )
    run = FlowRun(
        id="r", flow=FLOW, dataset="d", state=FlowRunState.SUCCESS, trigger="manual", dag_run_id=None, batch_id=None,
        window_start=None, window_end=None, started_at=NOW, completed_at=NOW,
    )  # fmt: skip
    catalog.flow_runs.start(run, document, RunRequest(), holder="bench", lease=timedelta(0))
    with catalog._begin() as connection:
        for start in range(0, rows, 10_000):
            known = [known_file(2 * number) for number in range(start, min(rows, start + 10_000))]
            connection.execute(sa.insert(source_file), known)
    if catalog._engine.dialect.name == "postgresql":
        with catalog._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE source_file"))  # what autovacuum does a moment later
            connection.execute(sa.text("CHECKPOINT"))  # or its work would count with the pages


def known_file(number: int) -> dict[str, object]:
    return {
        "id": f"{number:026d}",
        "flow": FLOW,
        "path": path_of(number),
        "signature": f"{number}|{NOW.isoformat()}|",
        "size_bytes": number,
        "modified_at": NOW,
        "sha256": f"{number:064x}",
        "state": "loaded",
        "flow_run_id": "r",
        "group_number": 0,
        "supersedes": [],
        "changed_at": NOW,
    }


def time_pages(catalog: Catalog, rows: int, *, scattered: bool) -> tuple[float, float]:
    """Median seconds of one page by the clock, and mean seconds of processor time."""
    chance = random.Random(7)
    taken, processor = [], -server_seconds()
    for _ in range(PAGES):
        first = chance.randrange(2 * rows - PAGE)
        numbers = [chance.randrange(2 * rows) for _ in range(PAGE)] if scattered else range(first, first + PAGE)
        paths = [path_of(number) for number in numbers]
        began, began_cpu = time.perf_counter(), time.process_time()
        known = catalog.ledger.known(FLOW, paths)
        taken.append(time.perf_counter() - began)
        processor += time.process_time() - began_cpu
        assert 0 < len(known) < PAGE
    return statistics.median(taken), (processor + server_seconds()) / PAGES


def server_seconds() -> float:
    """Processor time of the processes below this one, which are the PostgreSQL server's."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        found = {"sqlite": f"sqlite:///{folder}/catalog.db"}
        server = stack.enter_context(postgres_server())
        found["postgresql"] = stack.enter_context(server.database())
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pages: dict[str, list[tuple[float, float]]] = {}
    with ExitStack() as stack:
        urls = stack.enter_context(databases(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        catalogs = {name: stack.enter_context(Catalog.open(url)) for name, url in urls.items()}
        for catalog in catalogs.values():
            fill(catalog, options.rows)
        for _ in range(options.rounds):
            for name, catalog in catalogs.items():
                for how in ("neighbours", "scattered"):
                    timed = time_pages(catalog, options.rows, scattered=how == "scattered")
                    pages.setdefault(f"{name} {how}", []).append(timed)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cases = {case: figures(timed) | {"peak_rss_mb": peak} for case, timed in pages.items()}
    if options.json:
        print(json.dumps({"cases": cases, "ratios": {}}))
        return
    for case, found in cases.items():
        by_clock, by_processor = found["milliseconds_per_page"], found["cpu_milliseconds_per_page"]
        print(f"{case:24} {by_clock:6.1f} ms a page of {PAGE} files, {by_processor:6.1f} ms of processor time")


def figures(rounds: list[tuple[float, float]]) -> dict[str, float]:
    """The medians of the rounds, and the least and the most by the clock."""
    by_clock, by_processor = ([each[place] for each in rounds] for place in (0, 1))
    seconds = statistics.median(by_clock)
    return {
        "per_second": PAGE / seconds,
        "milliseconds_per_page": seconds * 1000,
        "least": min(by_clock) * 1000,
        "most": max(by_clock) * 1000,
        "cpu_milliseconds_per_page": statistics.median(by_processor) * 1000,
    }


if __name__ == "__main__":
    main()
