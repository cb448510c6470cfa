"""Parquet files through the engine."""

import io
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.errors import FileError
from headwater.ingest import compile_plan, read_file
from headwater.model.documents import MappingSet
from tests.unit.ingest.reading import read

TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_id"],
    "properties": {
        "_id": TEXT,
        "timestamp": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "amount": {"type": "number", "minimum": 0},
        "count": {"type": "integer"},
        "labels": {"type": "object", "additionalProperties": TEXT},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"SKU": TEXT, "price": {"type": "number"}}},
        },
    },
}
PLAN = compile_plan(SCHEMA)


def parquet(columns: dict[str, pa.Array], **options: Any) -> bytes:  # noqa: ANN401
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def test_rows_of_the_schemas_own_shape() -> None:
    content = parquet(
        {
            "_id": pa.array(["a", "b"]),
            "timestamp": pa.array([datetime(2020, 8, 11, tzinfo=UTC), None], pa.timestamp("ms", "UTC")),
            "day": pa.array([date(2024, 2, 29), None]),
            "amount": pa.array([1.5, None]),
            "count": pa.array([7, None], pa.int16()),
            "labels": pa.array([[("x", "1"), ("y", None)], None], pa.map_(pa.string(), pa.string())),
            "items": pa.array(
                [[{"SKU": "s", "price": 2.0}], []], pa.list_(pa.struct({"SKU": pa.string(), "price": pa.float32()}))
            ),
        },
        row_group_size=1,
    )
    outcome = read(PLAN, content)
    assert outcome.rows == [
        {
            "_id": "a",
            "timestamp": datetime(2020, 8, 11, tzinfo=UTC),
            "day": date(2024, 2, 29),
            "amount": 1.5,
            "count": 7,
            "labels": [("x", "1")],
            "items": [{"SKU": "s", "price": 2.0}],
            "row_number": 1,
            "byte_offset": None,
        },
        {
            "_id": "b",
            "timestamp": None,
            "day": None,
            "amount": None,
            "count": None,
            "labels": None,
            "items": [],
            "row_number": 2,
            "byte_offset": None,
        },
    ]
    assert outcome.report.format == "parquet"


def test_other_types_convert_as_json_does() -> None:
    content = parquet(
        {
            "_id": pa.array([5625458, 2]),
            "timestamp": pa.array(["2000-05-15", None]),
            "amount": pa.array([Decimal("12.50"), None]),
            "count": pa.array([1.0, None]),
            "surplus": pa.array([time(10, 30), None]),
        }
    )
    outcome = read(PLAN, content)
    assert outcome.rows[0] | {"labels": 0, "items": 0} == {
        "_id": "5625458",
        "timestamp": datetime(2000, 5, 15, tzinfo=UTC),
        "day": None,
        "amount": 12.5,
        "count": 1,
        "labels": 0,
        "items": 0,
        "row_number": 1,
        "byte_offset": None,
    }
    assert outcome.report.unknown_fields == {"/surplus": 1}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"caf\xc3\xa9"], pa.binary()),
        pa.array(["café"], pa.large_string()),
        pa.array(["café"]).dictionary_encode(),
    ],
)
def test_texts_of_any_kind(column: pa.Array) -> None:
    assert read(PLAN, parquet({"_id": column})).rows[0]["_id"] == "café"


def test_nanoseconds_are_cut_and_a_time_without_zone_is_refused() -> None:
    moment = pa.array([1597104000123456789], pa.timestamp("ns", "Europe/Berlin"))
    [row] = read(PLAN, parquet({"_id": pa.array(["a"]), "timestamp": moment})).rows
    assert row["timestamp"] == datetime(2020, 8, 11, 0, 0, 0, 123456, tzinfo=UTC)
    naive = parquet({"_id": pa.array(["a"]), "timestamp": pa.array([1597104000], pa.timestamp("s"))})
    assert "no zone: add Z" in read(PLAN, naive).problem().message
    [row] = read(PLAN, naive, timestamps={"zone": "UTC"}).rows
    assert row["timestamp"] == datetime(2020, 8, 11, tzinfo=UTC)


def test_bad_rows_are_told_with_their_number_and_content() -> None:
    content = parquet(
        {"_id": pa.array(["a", None, "c", "d"]), "amount": pa.array([1.0, -1.0, math.nan, math.inf])}, row_group_size=2
    )
    outcome = read(PLAN, content)
    assert outcome.problems == [
        (2, "/_id", "required", "1555"),
        (2, "/amount", "minimum", "1502"),
        (3, "/amount", "conversion", "1501"),
        (4, "/amount", "conversion", "1501"),
    ]
    assert outcome.errors[0].raw == b'{"_id":null,"amount":-1.0}'
    assert (outcome.errors[0].line, outcome.errors[0].byte_offset) == (None, None)
    assert outcome.errors[1].problems[0].message == "the number is out of range"
    assert outcome.errors[1].raw == b'{"_id":"c","amount":"nan"}'


def test_a_map_with_a_key_twice_is_a_bad_row() -> None:
    labels = pa.array([[("x", "1"), ("x", "2")], [("x", "1")]], pa.map_(pa.string(), pa.string()))
    outcome = read(PLAN, parquet({"_id": pa.array(["a", "b"]), "labels": labels}))
    assert [row["_id"] for row in outcome.rows] == ["b"]
    assert outcome.problem().message == "a map in the record has a key twice"


def test_columns_are_mapped() -> None:
    mapping = MappingSet.from_json(
        {
            "kind": "mapping_set",
            "name": "m",
            "schema": "s",
            "mappings": [
                {"source": "KEY", "destination": "_id"},
                {"source": "PRICE", "destination": "amount"},
                {"source": "LIST[*].SKU", "destination": "items[*].SKU"},
            ],
        }
    )
    content = parquet(
        {"KEY": pa.array([1, 2]), "PRICE": pa.array(["2.5", "n/a"]), "LIST": pa.array([[{"SKU": "s"}], None])}
    )
    outcome = read(compile_plan(SCHEMA, mapping=mapping), content)
    assert [(row["_id"], row["amount"], row["items"]) for row in outcome.rows] == [
        ("1", 2.5, [{"SKU": "s", "price": None}]),
        ("2", None, None),
    ]
    assert outcome.report.left_out == {"/amount": 1}


def test_a_stream_that_cannot_be_wound_back() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self._content = io.BytesIO(content)

        def read(self, size: int = -1, /) -> bytes:
            return self._content.read(min(size, 1000))

    reader = read_file(cast("BinaryIO", Pipe(parquet({"_id": pa.array(["a"] * 5000)}))), PLAN, file="f")
    assert sum(chunk.rows.num_rows for chunk in reader) == 5000


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: b"PAR1" + content[200:]])
def test_a_damaged_file_fails(damage: Any) -> None:  # noqa: ANN401
    content = damage(parquet({"_id": pa.array([str(i) for i in range(9999)])}))
    with pytest.raises(FileError, match="in/f: the file begins like Parquet but cannot be read as such") as caught:
        read(PLAN, content)
    assert caught.value.code == "200"


def test_a_decimal_is_no_time() -> None:
    digits = pa.array([Decimal(1_531_263_959_000)], pa.decimal128(20, 0))
    for field, expected in (("timestamp", "a timestamp"), ("day", "a date")):
        [error] = read(PLAN, parquet({"_id": pa.array(["a"]), field: digits})).errors
        [problem] = error.problems
        assert (problem.pointer, problem.rule) == (f"/{field}", "type")
        assert problem.message == f"expected {expected}, found a decimal number"


@pytest.mark.parametrize("amount", [1.0, -1.0], ids=["a good row", "a row looked at singly"])
def test_nanoseconds_before_1970_are_cut(amount: float) -> None:
    moment = pa.array([-1], pa.timestamp("ns", "UTC"))
    outcome = read(PLAN, parquet({"_id": pa.array(["a"]), "timestamp": moment, "amount": pa.array([amount])}))
    if amount > 0:
        assert outcome.rows[0]["timestamp"] == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    else:
        assert b"1969-12-31T23:59:59.999999Z" in outcome.errors[0].raw.replace(b"+00:00", b"Z")
