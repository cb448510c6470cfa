from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.profile.bodies import map_paths, to_bodies
from headwater.profile.texts import to_texts

ITEM = pa.struct([("SKU", pa.string()), ("quantity", pa.int32())])
SCHEMA = pa.schema(
    [
        ("person", pa.struct([("name", pa.struct([("firstName", pa.string())])), ("gender", pa.string())])),
        ("items", pa.list_(ITEM)),
        ("consents", pa.map_(pa.string(), pa.struct([("val", pa.string())]))),
        ("deep", pa.struct([("flags", pa.map_(pa.string(), pa.list_(pa.int64())))])),
        ("points", pa.float64()),
        ("active", pa.bool_()),
    ]
)

texts = st.none() | st.text(max_size=5)
records = st.fixed_dictionaries(
    {},
    optional={
        "person": st.none()
        | st.fixed_dictionaries({"gender": texts, "name": st.none() | st.fixed_dictionaries({"firstName": texts})}),
        "items": st.none()
        | st.lists(st.none() | st.fixed_dictionaries({"SKU": texts, "quantity": st.none() | st.integers(0, 9)})),
        "consents": st.none()
        | st.dictionaries(st.text(max_size=3), st.none() | st.fixed_dictionaries({"val": texts}), max_size=3),
        "deep": st.none()
        | st.fixed_dictionaries(
            {"flags": st.none() | st.dictionaries(st.text(max_size=3), st.lists(st.integers(0, 9)), max_size=3)}
        ),
        "points": st.none() | st.floats(allow_nan=False),
        "active": st.none() | st.booleans(),
    },
)


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON
    """What a body is to be: no nulls, and no objects (maps are none) without fields."""
    if isinstance(value, list):
        return [each for each in map(without_nulls, value) if each is not None]
    if isinstance(value, dict):
        return {
            key: each for key, each in ((key, without_nulls(each)) for key, each in value.items()) if each is not None
        }
    return value


def expected(record: dict[str, Any]) -> dict[str, Any]:
    body = without_nulls(record)
    body["items"] = [item for item in body.get("items", ()) if item] if "items" in body else None
    body["consents"] = {k: v for k, v in body["consents"].items() if v} if "consents" in body else None
    if not body.get("person", {}).get("name"):
        body.get("person", {}).pop("name", None)
    for name in ("person", "deep"):
        body[name] = body.get(name) or None
    return {name: value for name, value in body.items() if value is not None}


@settings(deadline=None)
@given(st.lists(records, max_size=6), st.integers(0, 6))
def test_bodies_are_the_records_without_nulls(rows: list[dict[str, Any]], start: int) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA).slice(start)
    assert to_bodies(batch) == [expected(row) for row in rows[start:]]
    assert to_texts(batch).to_pylist() == [orjson.dumps(body).decode() for body in to_bodies(batch)]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2020, 8, 11, tzinfo=UTC), "2020-08-11T00:00:00Z"),
        (datetime(2020, 8, 11, 1, 2, 3, 120_000, tzinfo=UTC), "2020-08-11T01:02:03.120Z"),
        (datetime(2020, 8, 11, 1, 2, 3, 120_001, tzinfo=UTC), "2020-08-11T01:02:03.120001Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
        (None, None),
    ],
)
def test_times_are_rfc_3339_in_utc(time: datetime | None, text: str | None) -> None:
    rows = pa.RecordBatch.from_pydict({"timestamp": pa.array([time], pa.timestamp("us", "UTC"))})
    bodies: list[dict[str, Any]] = [{"timestamp": text} if text else {}]
    assert to_bodies(rows) == bodies
    assert to_texts(rows).to_pylist() == [orjson.dumps(body).decode() for body in bodies]


def test_dates_stay_dates_also_in_arrays() -> None:
    rows = pa.RecordBatch.from_pydict({"days": pa.array([[date(2000, 5, 15), None]], pa.list_(pa.date32()))})
    assert to_bodies(rows) == [{"days": ["2000-05-15"]}]


def test_system_columns_are_left_out() -> None:
    rows = pa.RecordBatch.from_pylist(
        [{"_id": "1", "row_number": 1, "byte_offset": 2, "_acp_system_metadata": {"rowNumber": 1}, "_acpBatch": "b"}]
    )
    assert to_bodies(rows) == [{"_id": "1"}]


def test_dictionaries_of_parquet_files_are_decoded() -> None:
    rows = pa.RecordBatch.from_pydict({"tier": pa.array(["gold", None, "gold"]).dictionary_encode()})
    assert to_bodies(rows) == [{"tier": "gold"}, {}, {"tier": "gold"}]


def test_maps_are_told_from_objects_by_the_schema() -> None:
    assert map_paths(SCHEMA) == {("consents",), ("deep", "flags")}


def test_texts_are_those_of_the_bodies_also_where_nothing_is_there() -> None:
    schema = pa.schema([("a", pa.struct([("b", pa.struct([("c", pa.string())]))])), ("row_number", pa.int64())])
    rows = pa.RecordBatch.from_pylist([{"a": {"b": {"c": None}}}, {"a": None}], schema=schema)
    assert to_texts(rows).to_pylist() == ["{}", "{}"]
    assert to_texts(rows.select(["row_number"])).to_pylist() == ["{}", "{}"]


@pytest.mark.parametrize(
    "value", ['"', "\\", "\n", "\0", "\x7f", "é🧥", ""], ids=["quote", "back", "line", "nul", "del", "far", "no"]
)
def test_texts_escape_what_json_escapes(value: str) -> None:
    rows = pa.RecordBatch.from_pylist([{"a": "x"}, {"a": value}, {"a": None}])
    for start in range(3):
        part = rows.slice(start)
        assert to_texts(part).to_pylist() == [orjson.dumps(body).decode() for body in to_bodies(part)]
