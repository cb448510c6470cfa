"""The row engine against what one would write without it, and against what only parses.

`python bench/ingest.py [--rows N | --size 100MB] [--rounds N] [--only CASE …] [--json]`, and
`python bench/ingest.py --memory [--rows N …]` for the memory that a file of so many records takes.

Each case runs in a process of its own; the cases are taken in turn, and medians of the rounds given. `per_second` and
`mb_per_second` (of the file as it is without compression) are by the clock, without imports and preparations;
`cpu_us` is processor time per record, of all processes of the case, and `peak_rss_mb` their memory. Machines differ and
change: compare ratios of one run, never figures of two.

Cases: `ours` (NDJSON, every rule, every bad record explained and kept, Parquet, Iceberg commit; 0.1 % of the records
bad), `ours_array`, `ours_gzip`, `ours_csv` (15 columns of the events, as many bytes), `ours_bad10` and `ours_bad50` (so
many per cent bad), `ours_parquet` (the same events, none bad), `ours_two` (two processes on two halves of the file);
`divide` (finding the halves); `plain` (json, jsonschema, from_pylist, Parquet); `dlt` (tuned, two processes, to an
Iceberg table, without rules); `duckdb` (JSON to Parquet, unchecked); `orjson` (parsing alone).

A ratio is the median of the rounds' own. `ratios` are by the clock; `cpu_ratios` are the same of processor time, which
other work on the machine disturbs less. `cpu ours/orjson` is the engine's processor time per record in that of
`orjson.loads` of the same lines: less is better there, more everywhere else.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._generate import write_files
from bench._ingest_cases import CASES, FILES, ours, write_parquet

BYTES_PER_ROW = 940
MEMORY_ROWS = [100_000, 1_000_000, 10_000_000]
MEMORY_FILE_ROWS = 100_000
RATIOS = [
    ("ours", "plain"),
    ("ours", "dlt"),
    ("ours", "duckdb"),
    ("ours_array", "ours"),
    ("ours_gzip", "ours"),
    ("ours_csv", "ours"),
    ("ours_bad10", "ours"),
    ("ours_bad50", "ours"),
    ("ours_parquet", "ours"),
    ("ours_two", "ours"),
]
Run = dict[str, float]
WITH_STARTS = {"ours_two"}
"""Cases whose processor time is not told: it would be that of one of their processes."""


class Watch:
    """The memory of this process and its children, looked at ten times a second, and at the end."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._me = psutil.Process()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """The peak in MB."""
        self._ended.set()
        self._thread.join()
        return max(self.peak_bytes / 1e6, _own_peak_mb())

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            total = 0
            for process in [self._me, *self._me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.peak_bytes = max(self.peak_bytes, total)


def _own_peak_mb() -> float:
    """This process's own peak, exactly, where the system tells; the resource module's would count its parent's too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


def run_case(name: str, folder: Path) -> Run:
    """Run one case in this process."""
    work = CASES[name](folder)
    watch = Watch()
    cpu, start = _cpu_seconds(), time.perf_counter()
    rows = work()
    seconds, cpu_seconds = time.perf_counter() - start, _cpu_seconds() - cpu
    return {"rows": rows, "seconds": seconds, "cpu_seconds": cpu_seconds, "peak_rss_mb": watch.end()}


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Repeated(io.RawIOBase):
    """A file's bytes, over and over: a long file that need not be on disk."""

    def __init__(self, file: Path, times: int) -> None:
        self._stream = file.open("rb")
        self._left = times - 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  (whatever the library brings)
        count = self._stream.readinto(buffer)
        if not count and self._left:
            self._left -= 1
            self._stream.seek(0)
            count = self._stream.readinto(buffer)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def run_memory(folder: Path, rows: int) -> Run:
    """Read so many records in this process."""
    times = max(1, rows // MEMORY_FILE_ROWS)
    work = ours(folder, lambda: cast(BinaryIO, io.BufferedReader(Repeated(folder / "events.ndjson", times))))
    watch, start = Watch(), time.perf_counter()
    read = work()
    return {"rows": read, "seconds": time.perf_counter() - start, "peak_rss_mb": watch.end()}


def in_own_process(folder: Path, *arguments: str) -> Run:
    """Run a case as a process of its own."""
    command = [sys.executable, __file__, "--folder", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (ourselves)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    result: Run = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(names: list[str], rows: int, rounds: int) -> dict[str, Any]:
    """The cases in turn, as medians; and the ratios that matter, each the median of the rounds' own."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, rows)
        write_parquet(folder, rows)
        for _ in range(rounds):
            for case, results in runs.items():
                results.append(in_own_process(folder, "--case", case))
        csv_rows = runs["ours_csv"][0]["rows"] if "ours_csv" in runs else rows
        sizes = {case: (folder / FILES["ours"]).stat().st_size / rows for case in names}
        sizes["ours_csv"] = (folder / FILES["ours_csv"]).stat().st_size / csv_rows
    rates = {case: [run["rows"] / run["seconds"] for run in results] for case, results in runs.items()}
    cpus = {case: [run["cpu_seconds"] / run["rows"] * 1e6 for run in results] for case, results in runs.items()}
    pairs = [(one, other) for one, other in RATIOS if one in rates and other in rates]
    by_round = {f"{one}/{other}": _divide(rates[one], rates[other]) for one, other in pairs}
    if "ours" in cpus and "orjson" in cpus:
        by_round["cpu ours/orjson"] = _divide(cpus["ours"], cpus["orjson"])
    by_cpu = {f"{one}/{other}": _divide(cpus[other], cpus[one]) for one, other in pairs if one not in WITH_STARTS}
    return {
        "rows": rows,
        "rounds": rounds,
        "cases": {
            case: _case(runs[case], rates[case], sizes[case])
            | ({} if case in WITH_STARTS else {"cpu_us": round(statistics.median(cpus[case]), 2)})
            for case in names
        },
        "ratios": {name: round(statistics.median(values), 2) for name, values in by_round.items()},
        "ratio_spreads": _spreads(by_round),
        "cpu_ratios": {name: round(statistics.median(values), 2) for name, values in by_cpu.items()},
        "cpu_ratio_spreads": _spreads(by_cpu),
    }


def _divide(ones: list[float], others: list[float]) -> list[float]:
    return [one / other for one, other in zip(ones, others, strict=True)]


def _spreads(by_round: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [round(min(values), 2), round(max(values), 2)] for name, values in by_round.items()}


def _case(runs: list[Run], rates: list[float], row_bytes: float) -> dict[str, float]:
    return {
        "per_second": round(statistics.median(rates)),
        "least_per_second": round(min(rates)),
        "most_per_second": round(max(rates)),
        "mb_per_second": round(statistics.median(rates) * row_bytes / 1e6, 1),
        "peak_rss_mb": round(max(run["peak_rss_mb"] for run in runs)),
    }


def measure_memory(sizes: list[int]) -> dict[str, Any]:
    """The engine's memory on files of so many records."""
    cases = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, min(MEMORY_FILE_ROWS, *sizes))
        row_bytes = (folder / FILES["ours"]).stat().st_size / min(MEMORY_FILE_ROWS, *sizes)
        for rows in sizes:
            run = in_own_process(folder, "--memory", "--rows", str(rows))
            per_second = run["rows"] / run["seconds"]
            cases[f"ours_{rows}"] = {
                "per_second": round(per_second),
                "mb_per_second": round(per_second * row_bytes / 1e6, 1),
                "peak_rss_mb": round(run["peak_rss_mb"]),
            }
    first, last = cases[f"ours_{sizes[0]}"], cases[f"ours_{sizes[-1]}"]
    return {"cases": cases, "ratios": {"peak largest/smallest": round(last["peak_rss_mb"] / first["peak_rss_mb"], 2)}}


def show(result: dict[str, Any]) -> None:
    """For people."""
    for name, case in result["cases"].items():
        rate = f"{case['per_second']:>9,} records/s {case['mb_per_second']:>7} MB/s {case['peak_rss_mb']:>5} MB peak"
        cpu = f" {case['cpu_us']:>7} us of processor" if "cpu_us" in case else ""
        print(f"{name:14} {rate}{cpu}")
    for kind, title in (("ratio", "by the clock"), ("cpu_ratio", "by processor time")):
        for name, ratio in result.get(f"{kind}s", {}).items():
            least, most = result.get(f"{kind}_spreads", {}).get(name, (ratio, ratio))
            print(f"{name:24} {ratio:>6} ({least} to {most}) {title}")


def _rows_of(size: str) -> int:
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
    number, unit = size[:-2], size[-2:].upper()
    if unit not in units or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{size!r} is no size; write it as 100MB (KB, MB or GB)")
    return max(1, int(number) * units[unit] // BYTES_PER_ROW)


def main() -> None:
    """Measure, or run one case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", help="records of the file (100000); with --memory, of each file")
    parser.add_argument("--size", type=_rows_of, dest="size_rows", metavar="SIZE", help="or about its size, as 100MB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="CASE", help="leave out the other cases")
    parser.add_argument("--memory", action="store_true", help="measure memory on growing files")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    given: list[int] = arguments.rows or ([arguments.size_rows] if arguments.size_rows else [])
    if arguments.folder:
        run = run_case(arguments.case, arguments.folder) if arguments.case else run_memory(arguments.folder, given[0])
        print(json.dumps(run))
        return
    if arguments.memory:
        result = measure_memory(given or MEMORY_ROWS)
    else:
        result = measure(arguments.only or list(CASES), (given or [100_000])[0], arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
