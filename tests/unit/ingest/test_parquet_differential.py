"""Parquet by column against Parquet row by row: same verdicts, same problems, same values, on generated schemas."""

import io
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.formats.parquet import parquet_batches
from headwater.formats.parquet_rows import ParquetRows, UnreadableRowError
from headwater.ingest import compile_plan, read_file
from headwater.ingest.columns import compile_columns
from headwater.ingest.engine import JsonEngine
from headwater.ingest.judge import Judge
from headwater.ingest.shape import compile_shape
from headwater.timestamps.options import TimestampOptions
from tests.unit.ingest.generated import make_schema, make_value
from tests.unit.ingest.schemas import EVENT, make_event, mutate

ROWS = 60
NOW = datetime(2024, 3, 31, 1, 30, tzinfo=UTC)


def to_array(values: list[Any], rng: random.Random) -> pa.Array:
    """The values as a column of the type that they have in common, or of texts; now and then of another one."""
    present = [value for value in values if value is not None]
    try:
        if present and all(isinstance(value, dict) for value in present) and rng.random() < 0.4:
            values = [None if value is None else list(value.items()) for value in values]
            return pa.array(values, pa.map_(pa.string(), pa.array(list(present[0].values())).type))
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError):
        array = pa.array([None if value is None else str(value) for value in values])
    return array if rng.random() < 0.5 else as_another_type(array, rng)


def as_another_type(array: pa.Array, rng: random.Random) -> pa.Array:
    wanted = rng.choice(
        [
            *(pa.int8(), pa.int32(), pa.uint64(), pa.float32(), pa.float64(), pa.large_string(), pa.binary()),
            *(pa.dictionary(pa.int32(), pa.string()), pa.decimal128(20, 3), pa.string()),
        ]
    )
    try:
        return array.cast(wanted)
    except pa.ArrowException:
        return array


def temporal(count: int, rng: random.Random) -> pa.Array:
    """A column of dates or times, of any unit, with and without a zone."""
    if rng.random() < 0.3:
        return pa.array([rng.choice([None, date(2024, 2, 29), date(1, 1, 1)]) for _ in range(count)])
    unit, zone = rng.choice(["s", "ms", "us", "ns"]), rng.choice([None, "UTC", "Europe/Berlin"])
    instants = [rng.choice([None, NOW + timedelta(minutes=rng.randrange(-90, 90)), NOW]) for _ in range(count)]
    return pa.array(instants, pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, zone))


def make_table(schema: dict[str, Any], rng: random.Random) -> pa.Table:
    records = [make_value(schema, rng) for _ in range(ROWS)]
    if rng.random() < 0.3 and schema is EVENT:
        records = [make_event(number, rng) for number in range(ROWS)]
    records = [record if isinstance(record, dict) and record else {} for record in records]
    records = [mutate(record, rng) if record and rng.random() < 0.1 else record for record in records]
    names = list(dict.fromkeys(name for record in records for name in record)) or ["none"]
    columns = {name: to_array([record.get(name) for record in records], rng) for name in names}
    for name in names:
        if rng.random() < 0.15:
            columns[name] = temporal(ROWS, rng)
        elif rng.random() < 0.03:
            columns[name] = pa.array([rng.choice([None, Decimal("12.50"), Decimal(7)]) for _ in range(ROWS)])
    return pa.table(columns)


def to_file(table: pa.Table) -> bytes | None:
    sink = io.BytesIO()
    try:
        pq.write_table(table, sink, row_group_size=64)
    except pa.ArrowException:  # Parquet has no empty structs
        return None
    return sink.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 60, 6))
def test_whole_columns_are_read_as_single_rows_are(first: int) -> None:
    compared = 0
    for seed in range(first, first + 6):
        rng = random.Random(seed)
        schema = make_schema(rng) if seed % 4 else EVENT
        content = to_file(make_table(schema, rng))
        if content is not None:
            compared += 1
            timestamps = TimestampOptions(zone=rng.choice([None, "Europe/Berlin"]))
            assert find_differences(schema, content, timestamps) == [], f"seed {seed}"
    assert compared > 2


def find_differences(schema: dict[str, Any], content: bytes, timestamps: TimestampOptions) -> list[str]:
    plan = compile_plan(schema, timestamps=timestamps)
    root = compile_columns(compile_shape(schema), timestamps=timestamps, words=False)
    judge = Judge(root, schema | {"definitions": {"itself": {"$ref": "#"}}})
    engine = JsonEngine(root, judge)
    found: dict[int, str] = {}
    for chunk in read_file(io.BytesIO(content), plan, file="f"):
        for row in chunk.rows.drop_columns(["byte_offset"]).to_pylist():
            number = row.pop("row_number")
            found[number] = repr(row)
        found |= {error.row_number: str(sorted(map(repr, error.problems))) for error in chunk.errors}
    differences, number = [], 0
    for batch in parquet_batches(io.BytesIO(content), file="f"):
        rows = ParquetRows(batch)
        for place in range(len(rows)):
            number += 1
            expected = judge_row(judge, engine, rows, place)
            if expected not in (found.get(number), ""):
                differences.append(f"{rows[place]!r}:\nexpected {expected}\nfound    {found.get(number)}\n{schema}")
    assert len(found) == number
    return differences


def judge_row(judge: Judge, engine: JsonEngine, rows: ParquetRows, place: int) -> str:
    try:
        verdict = judge.judge_value(rows.value(place), mapped=False)
    except UnreadableRowError:
        return ""
    if verdict.record is None:
        return str(sorted(map(repr, verdict.problems)))
    return repr(engine.restore([verdict.record]).to_pylist()[0])
