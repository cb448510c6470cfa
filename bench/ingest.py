"""The row engine against what one would write without it, and against what only parses.

`python bench/ingest.py [--rows N] [--rounds N] [--json]`. Each case runs in a process of its own, on one thread; rounds
are interleaved and medians taken. Rates are per second of CPU time without imports, so that other work on the machine
disturbs them less. Machines differ and change: compare ratios of one run, never figures of two.

Cases: `ours` (NDJSON, every rule, explained errors, Parquet; 0.1 % of the records bad), `ours_array`, `ours_gzip`,
`ours_csv` (15 columns of the same events), `ours_bad10` and `ours_bad50` (so many per cent bad, of six kinds); `plain`
(json, jsonschema, from_pylist, Parquet); `orjson` (parsing alone); `duckdb` (JSON to Parquet without any check). The
ratio `orjson/ours` is the engine's CPU per record, in `orjson.loads` of the same lines.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import jsonschema
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._generate import SCHEMA, write_files
from headwater.ingest.plan import Plan, compile_plan
from headwater.ingest.reader import read_file

PLAIN_ROWS = 10_000
"""Slow cases read only so many records."""
ROW_GROUP = 60_000

Work = Callable[[], int]
"""What is timed; returns how many records it read."""


def ours(folder: Path, file: str) -> Work:
    """Read a file with the row engine and write what is good as Parquet. The plan is made before, as for all files."""
    plan = compile_plan(SCHEMA)

    def work() -> int:
        with (folder / file).open("rb") as stream:
            return ingest(stream, plan, folder / "ours.parquet")

    return work


def ingest(stream: BinaryIO, plan: Plan, target: Path) -> int:
    """Read records and write the good ones as Parquet."""
    reader = read_file(stream, plan, file="events")
    writer: pq.ParquetWriter | None = None
    waiting: list[pa.RecordBatch] = []
    for chunk in reader:
        writer = writer or pq.ParquetWriter(target, chunk.rows.schema, compression="zstd")
        waiting.append(chunk.rows)
        if sum(rows.num_rows for rows in waiting) > ROW_GROUP:
            writer.write_table(pa.Table.from_batches(waiting))
            waiting = []
    if writer:
        writer.write_table(pa.Table.from_batches(waiting, schema=writer.schema))
        writer.close()
    return reader.report.read


def plain(folder: Path) -> Work:
    """What one writes first: every record by itself."""
    validator = jsonschema.Draft6Validator(SCHEMA, format_checker=jsonschema.Draft6Validator.FORMAT_CHECKER)
    schema = compile_plan(SCHEMA).arrow_schema

    def work() -> int:
        good: list[dict[str, Any]] = []
        rows = 0
        with (folder / "events.ndjson").open(encoding="utf-8") as lines:
            for line in islice(lines, PLAIN_ROWS):
                rows += 1
                event = json.loads(line)
                if isinstance(event.get("timestamp"), int):
                    event["timestamp"] = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat()
                if not list(validator.iter_errors(event)):
                    event["timestamp"] = datetime.fromisoformat(event["timestamp"])
                    event["identityMap"] = list(event["identityMap"].items())
                    good.append(event)
        pq.write_table(pa.Table.from_pylist(good, schema=schema), folder / "plain.parquet", compression="zstd")
        return rows

    return work


def orjson_alone(folder: Path) -> Work:
    """Parsing alone, nothing kept."""

    def work() -> int:
        rows = 0
        with (folder / "events.ndjson").open("rb") as lines:
            for line in lines:
                orjson.loads(line)
                rows += 1
        return rows

    return work


def duckdb_copy(folder: Path) -> Work:
    """JSON to Parquet on one thread, types guessed, nothing checked."""

    def work() -> int:
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute(
                f"COPY (SELECT * FROM read_json('{folder}/events.ndjson', format = 'newline_delimited')) "
                f"TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )
            counted = connection.execute(f"SELECT count(*) FROM '{folder}/duckdb.parquet'").fetchone()
        return int(counted[0]) if counted else 0

    return work


FILES = {
    "ours": "events.ndjson",
    "ours_array": "events.array.json",
    "ours_gzip": "events.ndjson.gz",
    "ours_csv": "events.csv",
    "ours_bad10": "events.bad10.ndjson",
    "ours_bad50": "events.bad50.ndjson",
}
"""The engine's cases."""
CASES: dict[str, Callable[[Path], Work]] = {name: partial(ours, file=file) for name, file in FILES.items()} | {
    "plain": plain,
    "orjson": orjson_alone,
    "duckdb": duckdb_copy,
}
RATIOS = [
    ("ours", "plain"),
    ("ours", "duckdb"),
    ("orjson", "ours"),
    ("ours_array", "ours"),
    ("ours_gzip", "ours"),
    ("ours_csv", "ours"),
    ("ours_bad10", "ours"),
    ("ours_bad50", "ours"),
]


def run_case(name: str, folder: Path) -> None:
    """Run one case in this process, and print what it took."""
    work = CASES[name](folder)
    start = time.process_time()
    rows = work()
    seconds = time.process_time() - start
    peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_rss_mb": peak_rss_mb}))


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """All cases, interleaved, as medians; and the ratios that matter, each the median of the rounds' own."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, rows)
        sizes = {case: (folder / FILES.get(case, FILES["ours"])).stat().st_size / rows for case in CASES}
        sizes["ours_gzip"] = sizes["ours"]
        for _ in range(rounds):
            for case, results in runs.items():
                command = [sys.executable, __file__, "--case", case, "--folder", name]
                done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  (ourselves)
                results.append(json.loads(done.stdout))
    rates = {case: [result["rows"] / result["seconds"] for result in results] for case, results in runs.items()}
    cases = {
        case: {
            "per_second": round(statistics.median(rate)),
            "least_per_second": round(min(rate)),
            "most_per_second": round(max(rate)),
            "mb_per_second": round(statistics.median(rate) * sizes[case] / 1e6, 1),
            "peak_rss_mb": round(max(result["peak_rss_mb"] for result in runs[case])),
        }
        for case, rate in rates.items()
    }
    by_round = {
        f"{one}/{other}": [a / b for a, b in zip(rates[one], rates[other], strict=True)] for one, other in RATIOS
    }
    ratios = {name: round(statistics.median(values), 2) for name, values in by_round.items()}
    spreads = {name: [round(min(values), 2), round(max(values), 2)] for name, values in by_round.items()}
    return {"rows": rows, "rounds": rounds, "cases": cases, "ratios": ratios, "ratio_spreads": spreads}


def main() -> None:
    """Measure, or run one case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        run_case(arguments.case, arguments.folder)
        return
    result = measure(arguments.rows, arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, case in result["cases"].items():
        rate = f"{case['per_second']:>9,} records/s {case['mb_per_second']:>7} MB/s"
        print(f"{name:14} {rate} {case['peak_rss_mb']:>5} MB peak")
    for name, ratio in result["ratios"].items():
        least, most = result["ratio_spreads"][name]
        print(f"{name:20} {ratio:>6} ({least} to {most})")


if __name__ == "__main__":
    main()
