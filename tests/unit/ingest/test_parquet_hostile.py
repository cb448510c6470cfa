"""Parquet files that are odd, typed otherwise than their schema, or mean harm."""

import io
from datetime import UTC, date, datetime, time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.errors import FileError
from headwater.formats.expansion import FREE_BYTES
from headwater.formats.parquet import MOST_ROWS, MOST_TEXT_BYTES, parquet_batches
from headwater.ingest import compile_plan, read_file
from headwater.model.documents import MappingSet
from tests.unit.ingest.reading import Outcome, read
from tests.unit.ingest.test_parquet import PLAN, TEXT, parquet

MAP = pa.map_(pa.string(), pa.string())
MOMENT = {"type": "string", "format": "date-time"}
IDS = pa.array(["a", "b"])


def read_column(field: dict[str, Any], array: pa.Array, **options: Any) -> Outcome:  # noqa: ANN401
    plan = compile_plan({"type": "object", "properties": {"a": field}})
    return read(plan, parquet({"a": array}), **options)


def test_a_page_that_stands_for_gigabytes_is_read_in_small_parts() -> None:
    text = "x" * 1_000_000
    content = parquet({"_id": pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array([text]))})
    assert len(content) < 2_000_000
    batches = [batch.num_rows for batch in parquet_batches(io.BytesIO(content), file="f")]
    assert sum(batches) == 3000
    assert max(batches) <= MOST_TEXT_BYTES / len(text)
    before = pa.total_allocated_bytes()
    for chunk in read_file(io.BytesIO(content), PLAN, file="f"):
        assert not chunk.errors
        assert pa.total_allocated_bytes() - before < 8 * MOST_TEXT_BYTES


def constant_columns(rows: int) -> bytes:
    """Four columns of zeros, each of one page."""
    zeros = pa.nulls(rows, pa.int64()).fill_null(0)
    whole: dict[str, Any] = {"data_page_size": 2**30, "write_batch_size": rows, "max_rows_per_page": rows}
    return parquet(dict.fromkeys("abcd", zeros), use_dictionary=False, row_group_size=rows, compression="zstd", **whole)


def test_a_group_that_expands_without_bound_fails_the_file() -> None:
    content = constant_columns(FREE_BYTES // 32 + 1)
    assert len(content) < 20_000
    message = r"in/f: [\d,]+ bytes of Parquet data expand to more than 250 times as many; no records are"
    before = pa.total_allocated_bytes()
    with pytest.raises(FileError, match=message) as caught:
        next(parquet_batches(io.BytesIO(content), file="in/f"))
    assert caught.value.code == "200"
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_a_group_of_constant_columns_of_usual_size_is_read() -> None:
    content = constant_columns(1_000_000)
    assert len(content) < 10_000
    assert sum(batch.num_rows for batch in parquet_batches(io.BytesIO(content), file="f")) == 1_000_000


def test_a_repeated_text_in_a_large_column_is_read_in_small_parts() -> None:
    texts = pa.array([str(number) * 1_000_000 for number in range(10, 24)])
    places = pa.array([*range(14), *([0] * 2000)], pa.int32())
    repeated = pa.DictionaryArray.from_arrays(places, texts)
    content = parquet({"_id": repeated}, dictionary_pagesize_limit=2**30, compression="zstd")
    before = pa.total_allocated_bytes()
    rows = 0
    for batch in parquet_batches(io.BytesIO(content), file="f"):
        rows += batch.num_rows
        assert pa.total_allocated_bytes() - before < 4 * MOST_TEXT_BYTES
    assert rows == len(repeated)


def test_memory_does_not_grow_with_a_group_of_distinct_texts() -> None:
    texts = pa.array([f"{number:01000}" for number in range(40_000)])
    content = parquet({"_id": texts, "other": texts}, row_group_size=39_000)
    before = pa.total_allocated_bytes()
    read_back: list[str] = []
    kinds = set()
    for batch in parquet_batches(io.BytesIO(content), file="f"):
        assert pa.total_allocated_bytes() - before < 40_000_000
        read_back += batch.column("_id").to_pylist()
        kinds.add(pa.types.is_dictionary(batch.column("_id").type))
    assert read_back == texts.to_pylist()
    assert kinds == {False, True}


def test_rows_of_very_many_elements_come_few_at_a_time() -> None:
    lists = pa.ListArray.from_arrays(pa.array([0, *([2_000_000] * 20)], pa.int32()), pa.array([1] * 2_000_000))
    assert max(batch.num_rows for batch in parquet_batches(io.BytesIO(parquet({"l": lists})), file="f")) <= MOST_ROWS
    wide = pa.ListArray.from_arrays(pa.array(range(0, 5_000_001, 1_000_000), pa.int32()), pa.array([1] * 5_000_000))
    assert [batch.num_rows for batch in parquet_batches(io.BytesIO(parquet({"l": wide})), file="f")] == [4, 1]


def test_a_text_that_is_not_utf8_is_a_bad_row() -> None:
    raw = pa.array([b"good", b"\xff\xfe"], pa.binary())
    outcome = read(PLAN, parquet({"_id": raw}))
    assert [row["_id"] for row in outcome.rows] == ["good"]
    assert outcome.problem().message == "a text in the record is not UTF-8, or a time in it is out of range"


@pytest.mark.parametrize("mapped", [False, True], ids=["own shape", "mapped"])
@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([b"\xff\xfe"], pa.binary()), '{"base64":"//4="}'),
        (pa.array([[("k", "1"), ("k", "2")]], MAP), '[["k","1"],["k","2"]]'),
        (pa.array([{"t": 2**62}], pa.struct({"t": pa.timestamp("us")})), '{"t":"4611686018427387904 timestamp[us]"}'),
        (pa.array([[float("nan")]]), '["nan"]'),
    ],
    ids=["bytes", "key twice", "time", "NaN"],
)
def test_rows_without_a_json_form_are_shown_whole(column: pa.Array, shown: str, mapped: bool) -> None:
    kept = {"type": "object", "properties": {"id": TEXT, "n": {"type": "integer"}}, "required": ["n"]}
    mappings = [{"source": name, "destination": name} for name in ("id", "n")]
    mapping = MappingSet.from_json({"kind": "mapping_set", "name": "m", "schema": "s", "mappings": mappings})
    plan = compile_plan(kept, mapping=mapping if mapped else None)
    outcome = read(plan, parquet({"id": pa.array(["a"]), "x": column}))
    [error] = outcome.errors
    assert error.raw.decode() == f'{{"id":"a","x":{shown}}}'
    assert error.is_displayed


def test_a_column_twice_fails_the_file() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([IDS, IDS], names=["_id", "_id"]), sink)
    with pytest.raises(FileError, match="in/f: the file has the column '_id' more than once"):
        read(PLAN, sink.getvalue())


TWICE = pa.StructArray.from_arrays([IDS, pa.array([1, 2])], names=["x", "x"])


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (TWICE, "s.x"),
        (pa.StructArray.from_arrays([TWICE], names=["t"]), "s.t.x"),
        (pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), TWICE), "s.x"),
        (pa.MapArray.from_arrays(pa.array([0, 1, 2], pa.int32()), IDS, TWICE), "s.x"),
    ],
    ids=["struct", "struct in a struct", "list", "map"],
)
def test_a_field_of_a_struct_twice_fails_the_file(array: pa.Array, name: str) -> None:
    with pytest.raises(FileError, match="more than once; it is not clear which one is meant") as caught:
        read(PLAN, parquet({"s": array}))
    assert f"in/f: the file has the column {name!r} more" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "array", "message"),
    [
        (TEXT, pa.array([date(2024, 2, 29)]), "expected text, found a date"),
        (TEXT, pa.array([datetime(2024, 2, 29, tzinfo=UTC)]), "expected text, found a time"),
        (TEXT, pa.array([time(10, 30)]), "expected text, found a time"),
        (TEXT, pa.array([True]), "expected text, found a boolean"),
        (TEXT, pa.array([["x"]]), "expected text, found an array"),
        ({"type": "number"}, pa.array([date(2024, 2, 29)]), "expected a number, found a date"),
        ({"type": "integer"}, pa.array([datetime(2024, 2, 29)]), "expected a whole number, found a time"),  # noqa: DTZ001
        ({"type": "integer"}, pa.array([1.5]), "expected a whole number, found one with a fraction"),
        ({"type": "integer"}, pa.array([2**63], pa.uint64()), "outside the range of the type"),
        ({"type": "integer", "meta:xdmType": "byte"}, pa.array([128]), "outside the range of the type, -128 to 127"),
        ({"type": "boolean"}, pa.array(["true"]), "expected true or false, found text"),
        ({"type": "boolean"}, pa.array([1]), "expected true or false, found a whole number"),
        ({"type": "string", "format": "date"}, pa.array([datetime(2024, 1, 1, tzinfo=UTC)]), "found a time"),
        (
            {"type": "string", "format": "date-time"},
            pa.array([date(2024, 2, 29)]),
            "expected a timestamp, found a date",
        ),
        ({"type": "string", "format": "date-time"}, pa.array([1.5]), "found a number with a fraction"),
        ({"type": "array", "items": TEXT}, pa.array([[None]], pa.list_(pa.string())), "found null"),
        ({"type": "array", "items": TEXT}, pa.array(["x"]), "expected an array, found text"),
        ({"type": "object", "properties": {"b": TEXT}}, pa.array(["x"]), "expected an object, found text"),
    ],
)
def test_types_that_do_not_convert(field: dict[str, Any], array: pa.Array, message: str) -> None:
    assert message in read_column(field, array).problem().message


@pytest.mark.parametrize(
    ("field", "array", "expected"),
    [
        ({"type": "object", "additionalProperties": TEXT}, pa.array([{"x": "1", "y": None}]), [("x", "1")]),
        ({"type": "object", "properties": {"b": TEXT}}, pa.array([[("b", "1")]], MAP), {"b": "1"}),
        (TEXT, pa.array([7], pa.uint8()), "7"),
        (TEXT, pa.array([1e3]), "1000.0"),
        ({"type": "number"}, pa.array(["1e3"]), 1000.0),
        ({"type": "integer"}, pa.array(["12.0"]), 12),
        (MOMENT, pa.array([1531263959000]), datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)),
        ({"type": "string", "format": "date"}, pa.array([1531263959000]), date(2018, 7, 10)),
        ({}, pa.array([{"b": [1, None]}]), '{"b":[1,null]}'),
        ({}, pa.array([date(2024, 2, 29)]), '"2024-02-29"'),
        ({"type": "array", "items": TEXT}, pa.array([["a", ""]], pa.large_list(pa.large_string())), ["a", ""]),
    ],
)
def test_types_that_convert(field: dict[str, Any], array: pa.Array, expected: object) -> None:
    [row] = read_column(field, array).rows
    assert row["a"] == expected


def test_local_times_that_never_happened_or_happened_twice_are_refused() -> None:
    moments = [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30), datetime(2024, 7, 1, 12)]  # noqa: DTZ001
    outcome = read_column(MOMENT, pa.array(moments, pa.timestamp("ms")), timestamps={"zone": "Europe/Berlin"})
    assert [row["a"] for row in outcome.rows] == [datetime(2024, 7, 1, 10, tzinfo=UTC)]
    assert ["never happened" in e.problems[0].message for e in outcome.errors] == [True, False]
    assert "happened twice" in outcome.errors[1].problems[0].message
    assert outcome.report.rules == {"/a": {"declared zone": 1}}


@pytest.mark.parametrize("unit", ["ms", "us"])
def test_times_beyond_the_years_that_a_lake_holds(unit: str) -> None:
    outcome = read_column(MOMENT, pa.array([2**62, 0], pa.timestamp(unit, "UTC")))
    assert [row["a"] for row in outcome.rows] == [datetime(1970, 1, 1, tzinfo=UTC)]
    assert outcome.problem().code == "1401"
    assert outcome.report.rules == {"/a": {"timestamp with a zone": 1}}


def test_a_closed_object_refuses_other_columns_where_they_have_a_value() -> None:
    plan = compile_plan({"type": "object", "properties": {"_id": TEXT}, "additionalProperties": False})
    outcome = read(plan, parquet({"_id": IDS, "z": pa.array([1, None])}))
    assert [row["_id"] for row in outcome.rows] == ["b"]
    assert outcome.problem().message == "fields that the schema does not allow: z"


def test_unknown_columns_are_told_exactly_wherever_they_stand() -> None:
    items = pa.array([[{"SKU": "s", "x": 1}, {"SKU": "t", "x": None}], [{"SKU": "u", "x": 2}]])
    outcome = read(PLAN, parquet({"_id": IDS, "items": items, "z": pa.array([1, None])}))
    assert outcome.report.unknown_fields == {"/z": 1, "/items/*/x": 2}
    assert outcome.report.sampled == 2


def test_a_row_limit_stops_early() -> None:
    ids = pa.array([str(number) for number in range(20_000)])
    assert len(read(PLAN, parquet({"_id": ids}), row_limit=9000).rows) == 9000
