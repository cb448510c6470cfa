"""How long a commit to the lake takes as batches pile up, and how it grows with the files of a batch.

Cases: `at_50` and `at_500`, the median of the last ten commits into a table of so many batches, one small file each;
the larger one is maintained every `--every` batches, as the maintenance Dag does. `unmaintained_at_500`: the same
without maintenance. `files_1` and `files_100`: one commit of so many files. `plan_50` and `plan_500`: planning a scan.

The tables are filled in turn, batch by batch, in one process, and the small one so late that its last commits lie
between those of the large ones: the machine's speed changes within minutes. Time is wall-clock: a commit waits for disk
and catalog.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from headwater.lake import Lake
from headwater.model.runs import StagedFile

WINDOW = 10
"""Commits that a median is taken of."""
COLUMNS = pa.schema([("_id", pa.string()), ("timestamp", pa.timestamp("us", "UTC")), ("total", pa.float64())])
STAGED = pa.schema([*COLUMNS, ("row_number", pa.int64()), ("byte_offset", pa.int64())])
START = datetime(2026, 10, 31, 12, tzinfo=UTC)


class Ended:
    """A catalog in which every batch has ended."""

    def settled(self, batch_ids: Collection[str]) -> Collection[str]:
        """All of them."""
        return batch_ids

    def open_batches(self, dataset: str) -> Collection[str]:
        """None."""
        return ()


def stage(lake: Lake, dataset: str, batch_id: str, files: int, rows: int) -> list[StagedFile]:
    """So many files of so many rows, each of one day."""
    staged: list[StagedFile] = []
    numbers = pa.array(range(rows), pa.int64())
    for number in range(files):
        columns = [
            pa.array([f"{batch_id}-{number}-{i}" for i in range(rows)]),
            pa.array([START] * rows, STAGED.field("timestamp").type),
            pa.array([12.5] * rows),
            numbers,
            numbers,
        ]
        with lake.stage(dataset, batch_id, number, ingested_at=START) as writer:
            writer.write(pa.RecordBatch.from_arrays(columns, schema=STAGED), f"file-{number}")
        staged.extend(writer.result)
    return staged


def timed(work: Callable[[], object]) -> float:
    """Seconds that it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def commit(lake: Lake, dataset: str, number: int, files: int, rows: int) -> float:
    """Seconds that the commit of a new batch took; staging is not counted."""
    batch_id = f"01JBKD{dataset.upper():0<14.14}{number:06d}"
    staged = stage(lake, dataset, batch_id, files, rows)
    return timed(lambda: lake.commit(dataset, batch_id, staged))


def measure(batches: int, rows: int, every: int) -> dict[str, Any]:
    """All cases, in turn."""
    early = max(WINDOW, batches // 10)
    commits: dict[str, list[float]] = {"small": [], "large": [], "unmaintained": []}
    plans: dict[str, list[float]] = {"small": [], "large": []}
    upkeep: list[float] = []
    with tempfile.TemporaryDirectory() as name, open_lake(Path(name)) as lake:
        for dataset in (*commits, "files"):
            lake.ensure_table(dataset, COLUMNS, day_of="timestamp")
        for number in range(batches):
            for dataset, taken in commits.items():
                if dataset != "small" or number >= batches - early:
                    taken.append(commit(lake, dataset, number, 1, rows))
            if (number + 1) % every == 0:
                upkeep.append(timed(lambda: maintain(lake)))
        for _ in range(WINDOW):
            for dataset, planned in plans.items():
                planned.append(timed(partial(lake.data_files, dataset)))
        by_files = [(count, commit(lake, "files", i, count, rows)) for i, count in enumerate([1, 100] * 5)]
    seconds = {
        f"at_{early}": statistics.median(commits["small"][-WINDOW:]),
        f"at_{batches}": statistics.median(commits["large"][-WINDOW:]),
        f"unmaintained_at_{batches}": statistics.median(commits["unmaintained"][-WINDOW:]),
        "files_1": statistics.median(taken for count, taken in by_files if count == 1),
        "files_100": statistics.median(taken for count, taken in by_files if count == 100),
        f"plan_{early}": statistics.median(plans["small"]),
        f"plan_{batches}": statistics.median(plans["large"]),
        "maintenance": statistics.median(upkeep),
    }
    ratios = {
        f"at_{batches}/at_{early}": seconds[f"at_{batches}"] / seconds[f"at_{early}"],
        f"unmaintained_at_{batches}/at_{early}": seconds[f"unmaintained_at_{batches}"] / seconds[f"at_{early}"],
        "files_100/files_1": seconds["files_100"] / seconds["files_1"],
        f"plan_{batches}/plan_{early}": seconds[f"plan_{batches}"] / seconds[f"plan_{early}"],
    }
    return {
        "batches": batches,
        "rows": rows,
        "cases": {
            case: {"per_second": round(1 / taken, 2), "milliseconds": round(taken * 1000, 1)}
            for case, taken in seconds.items()
        },
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "ratios": {ratio: round(value, 2) for ratio, value in ratios.items()},
    }


def open_lake(folder: Path) -> Lake:
    """A lake on SQLite in the folder."""
    return Lake.open(iceberg_url=f"sqlite:///{folder}/iceberg.db", warehouse=f"file://{folder}/lake")


def maintain(lake: Lake) -> None:
    """Maintain as if the window had gone by: 500 batches are here a matter of minutes, there one of days."""
    lake.maintain("large", Ended(), now=datetime.now(UTC) + timedelta(days=4), window=timedelta(days=3))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=500)
    parser.add_argument("--rows", type=int, default=1000, help="rows of a file")
    parser.add_argument("--every", type=int, default=50, help="batches between two maintenances")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    arguments = parser.parse_args()
    result = measure(arguments.batches, arguments.rows, arguments.every)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, case in result["cases"].items():
        print(f"{name:24} {case['milliseconds']:>8} ms")
    for name, ratio in result["ratios"].items():
        print(f"{name:32} {ratio:>6}")


if __name__ == "__main__":
    main()
