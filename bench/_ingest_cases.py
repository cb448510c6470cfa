"""What `bench/ingest.py` times. Each case prepares itself, and then reads a file; only the reading is timed."""

import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any, BinaryIO, cast

from ulid import ULID

from bench._generate import SCHEMA, make_events
from headwater.formats import FormatOptions
from headwater.formats.parts import divide
from headwater.ingest import Plan, compile_plan, read_file
from headwater.lake import Diagnostics, Lake
from headwater.model.parts import Division, FilePart
from headwater.model.records import RecordCounts
from headwater.model.runs import StagedFile

PLAIN_ROWS = 10_000
DLT_ROWS = 100_000
"""Slow cases read no more records than these."""
DATASET = "events"

Work = Callable[[], int]
"""What is timed; returns how many records it read."""


def open_lake(folder: Path) -> Lake:
    """The lake of a folder, with a table for the events."""
    lake = Lake.open(iceberg_url=f"sqlite:///{folder}/iceberg.db", warehouse=f"file://{folder}/lake")
    lake.ensure_table(DATASET, compile_plan(SCHEMA).arrow_schema)
    return lake


def stage(
    lake: Lake, folder: Path, stream: BinaryIO, plan: Plan, batch_id: str, part: FilePart | None = None
) -> tuple[tuple[StagedFile, ...], RecordCounts]:
    """As a task of the ingest step does it: rows to the lake's staging, bad records to the diagnostics."""
    group = 0 if part is None else part.number
    read = failed = 0
    with (
        Diagnostics.open(f"file://{folder}/diagnostics").writer(batch_id, group) as rejected,
        lake.stage(DATASET, batch_id, group, ingested_at=datetime.now(UTC)) as staging,
    ):
        for chunk in read_file(stream, plan, file="events", part=part):
            staging.write(chunk.rows, "file")
            rejected.write(chunk.errors)
            read += chunk.read
            failed += len(chunk.errors)
    return staging.result, RecordCounts(read=read, loaded=read - failed, failed=failed)


def warm_up(lake: Lake, folder: Path, plan: Plan) -> None:
    """Load a few records, so that whatever is imported or opened at first use is there."""
    with (folder / "events.ndjson").open("rb") as lines:
        few = io.BytesIO(b"".join(islice(lines, 50)))
    batch_id = str(ULID())
    files, counts = stage(lake, folder, few, plan, batch_id)
    lake.commit(DATASET, batch_id, files, counts=counts)


def ours(folder: Path, open_stream: Callable[[], BinaryIO]) -> Work:
    """Read a file with the row engine and commit what is good to the lake. Plan and table are there before."""
    plan, batch_id, lake = compile_plan(SCHEMA), str(ULID()), open_lake(folder)
    warm_up(lake, folder, plan)

    def work() -> int:
        with closing(lake), open_stream() as stream:
            files, counts = stage(lake, folder, stream, plan, batch_id)
            lake.commit(DATASET, batch_id, files, counts=counts)
        return counts.read

    return work


def ours_file(folder: Path, file: str) -> Work:
    """Read one of the generated files."""
    return ours(folder, lambda: (folder / file).open("rb"))


def two_processes(folder: Path) -> Work:
    """Two processes on two halves of one file, and one commit. Dividing comes before, as in `discover`."""
    batch_id, lake = str(ULID()), open_lake(folder)
    warm_up(lake, folder, compile_plan(SCHEMA))
    file = folder / "events.ndjson"
    context = multiprocessing.get_context("spawn")
    ready, begin = context.Barrier(3), context.Event()
    results: SimpleQueue[tuple[tuple[StagedFile, ...], int]] = context.SimpleQueue()
    halves = [_Half(folder=folder, file=file, part=part, batch_id=batch_id) for part in divide_file(file, parts=2)]
    workers = [context.Process(target=half.read, args=(ready, begin, results)) for half in halves]
    for worker in workers:
        worker.start()
    ready.wait()

    def work() -> int:
        begin.set()
        done = [results.get() for _ in workers]
        with closing(lake):
            lake.commit(DATASET, batch_id, [staged for files, _ in done for staged in files])
        return sum(read for _, read in done)

    return work


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """What one of the two processes reads."""

    folder: Path
    file: Path
    part: FilePart
    batch_id: str

    def read(self, ready: Barrier, begin: Event, results: "SimpleQueue[tuple[tuple[StagedFile, ...], int]]") -> None:
        """Get ready, wait for the beginning, and hand over what was staged."""
        plan, part = compile_plan(SCHEMA), self.part
        with closing(open_lake(self.folder)) as lake, self.file.open("rb") as stream:
            stream.seek(part.offset)
            half = cast(BinaryIO, _Limited(stream, part.size_bytes))
            warm_up(lake, self.folder, plan)
            ready.wait()
            begin.wait()
            files, counts = stage(lake, self.folder, half, plan, self.batch_id, part)
        results.put((files, counts.read))


def divide_file(file: Path, *, parts: int) -> tuple[FilePart, ...]:
    with file.open("rb") as stream:
        division = divide(
            stream,
            file=file.name,
            format="auto",
            options=FormatOptions(),
            part_bytes=-(-file.stat().st_size // parts),
        )
    assert isinstance(division, Division), division
    return division.parts


class _Limited:
    """The next so many bytes of a stream."""

    def __init__(self, stream: BinaryIO, size_bytes: int) -> None:
        self._stream = stream
        self._left = size_bytes

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(min(size, self._left))
        self._left -= len(piece)
        return piece


def dividing(folder: Path) -> Work:
    """Only what `discover` does with a large file: hash it, and find borders."""

    def work() -> int:
        return 2 * divide_file(folder / "events.ndjson", parts=2)[-1].records_before

    return work


def plain(folder: Path) -> Work:
    """What one writes first: every record by itself, good ones to a Parquet file."""
    import jsonschema
    import pyarrow as pa
    import pyarrow.parquet as pq

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
                    good.append(as_row(event))
        pq.write_table(pa.Table.from_pylist(good, schema=schema), folder / "plain.parquet", compression="zstd")
        return rows

    return work


def as_row(event: dict[str, Any]) -> dict[str, Any]:
    """An event as Arrow takes it."""
    time = event["timestamp"]
    moment = datetime.fromisoformat(time) if isinstance(time, str) else datetime.fromtimestamp(time / 1000, UTC)
    return event | {"timestamp": moment, "identityMap": list(event["identityMap"].items())}


def write_parquet(folder: Path, rows: int) -> None:
    """The clean events as a Parquet file: it cannot hold most of what makes a record bad."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = compile_plan(SCHEMA).arrow_schema
    events = map(as_row, make_events(rows, bad_share=0))
    with pq.ParquetWriter(folder / "events.parquet", schema, compression="zstd") as writer:
        while page := list(islice(events, 20_000)):
            writer.write_table(pa.Table.from_pylist(page, schema=schema))


def orjson_alone(folder: Path) -> Work:
    """Parsing alone, nothing kept."""
    import orjson

    def work() -> int:
        rows = 0
        with (folder / "events.ndjson").open("rb") as lines:
            for line in lines:
                orjson.loads(line)
                rows += 1
        return rows

    return work


def duckdb_copy(folder: Path) -> Work:
    """JSON to Parquet on one thread, types guessed, nothing checked, nothing committed."""
    import duckdb

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


DLT_SETTINGS = {
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "250000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "50000",
    "NORMALIZE__WORKERS": "2",
    "LOAD__WORKERS": "2",
    "EXTRACT__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "SCHEMA__NAMING": "direct",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}
"""dlt tuned: large buffers, no compression between its steps, two processes for the costly one, no child tables."""


def dlt_pipeline(folder: Path) -> Work:
    """The library dlt to an Iceberg table: types found by itself, no rule checked."""
    name = f"p{ULID()}".lower()
    lake = f"file://{folder}/{name}"
    os.environ.update(DLT_SETTINGS | {"DLT_DATA_DIR": f"{folder}/dlt", "DESTINATION__FILESYSTEM__BUCKET_URL": lake})
    import dlt
    import orjson

    def events(rows: int) -> Iterator[list[dict[str, Any]]]:
        with (folder / "events.ndjson").open("rb") as lines:
            chosen = islice(lines, rows)
            while page := list(islice(chosen, 1000)):
                yield [orjson.loads(line) for line in page]

    resource = dlt.resource(events, name="events", max_table_nesting=0, table_format="iceberg")
    pipeline = dlt.pipeline(name, destination="filesystem", dataset_name="d", pipelines_dir=f"{folder}/dlt")
    pipeline.run(resource(50)).raise_on_failed_jobs()

    def work() -> int:
        pipeline.run(resource(DLT_ROWS)).raise_on_failed_jobs()
        with (folder / "events.ndjson").open("rb") as lines:
            return sum(1 for _ in islice(lines, DLT_ROWS))

    return work


FILES = {
    "ours": "events.ndjson",
    "ours_array": "events.array.json",
    "ours_gzip": "events.ndjson.gz",
    "ours_csv": "events.csv",
    "ours_bad10": "events.bad10.ndjson",
    "ours_bad50": "events.bad50.ndjson",
    "ours_parquet": "events.parquet",
}
"""The engine's cases of one process."""

CASES: dict[str, Callable[[Path], Work]] = {name: partial(ours_file, file=file) for name, file in FILES.items()} | {
    "ours_two": two_processes,
    "divide": dividing,
    "plain": plain,
    "dlt": dlt_pipeline,
    "duckdb": duckdb_copy,
    "orjson": orjson_alone,
}
