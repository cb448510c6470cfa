"""AEP's conversion table, cell by cell, for JSON, CSV and Parquet (spec: batch-ingestion.md, section 9.1).

The columns of booleans and arrays are those of data-prep.md, section 5.1. Where a format has no value of a type (JSON
has no dates, CSV has only text), it has no cell.
"""

import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from headwater.ingest import compile_plan
from tests.unit.ingest.reading import Outcome, read
from tests.unit.ingest.test_parquet import parquet

FIELDS: dict[str, dict[str, Any]] = {
    "String": {"type": "string"},
    "Byte": {"type": "integer", "meta:xdmType": "byte"},
    "Short": {"type": "integer", "meta:xdmType": "short"},
    "Integer": {"type": "integer", "meta:xdmType": "int"},
    "Long": {"type": "integer", "meta:xdmType": "long"},
    "Double": {"type": "number"},
    "Date": {"type": "string", "format": "date"},
    "Date-time": {"type": "string", "format": "date-time"},
    "Object": {"type": "object", "properties": {"k": {"type": "string"}}},
    "Map": {"type": "object", "additionalProperties": {"type": "string"}},
    "Boolean": {"type": "boolean"},
    "Array": {"type": "array", "items": {"type": "string"}},
}
_MOMENT = datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)
_STORED = {
    "String": "7", "Byte": 7, "Short": 7, "Integer": 7, "Long": 7, "Double": 7.0, "Date": date(2018, 7, 10),
    "Date-time": _MOMENT, "Object": {"k": "v"}, "Map": [("k", "v")], "Boolean": True, "Array": ["v"],
}  # fmt: skip
"""What each field holds after a conversion, unless `_STORED_FROM` says otherwise."""
_STORED_FROM: dict[tuple[str, str], object] = {
    ("Long", "Date"): date(2018, 7, 10),
    ("Double", "String"): "7.0",
}

_NUMBERS = "String Byte Short Integer Long Double"
TABLE = {
    "String": f"{_NUMBERS} Date Date-time",
    "Byte": _NUMBERS,
    "Short": _NUMBERS,
    "Integer": _NUMBERS,
    "Long": f"{_NUMBERS} Date Date-time",
    "Double": _NUMBERS,
    "Date": "Date",
    "Date-time": "Date-time",
    "Object": "Object Map",
    "Map": "Object Map",
    "Boolean": "Boolean",
    "Array": "Array",
}
"""Inbound type -> the types of columns that take it."""

_TEXTS = {"Date": "2018-07-10", "Date-time": "2018-07-10T23:05:59Z", "Boolean": "true"}
_ARROW = {
    "String": pa.string(), "Byte": pa.int8(), "Short": pa.int16(), "Integer": pa.int32(), "Long": pa.int64(),
    "Double": pa.float64(), "Date": pa.date32(), "Date-time": pa.timestamp("ms", "UTC"), "Boolean": pa.bool_(),
    "Object": pa.struct([("k", pa.string())]), "Map": pa.map_(pa.string(), pa.string()), "Array": pa.list_(pa.string()),
}  # fmt: skip


def inbound(source: str, target: str) -> Any:  # noqa: ANN401
    """A value of the inbound type that fits the column, if any does."""
    if source == "String":
        return _TEXTS.get(target, "7")
    if source == "Long" and target in ("Date", "Date-time"):
        return 1531263959000
    others = {"Double": 7.0, "Object": {"k": "v"}, "Map": {"k": "v"}} | {
        kind: _STORED[kind] for kind in ("Date", "Date-time", "Boolean", "Array")
    }
    return others.get(source, 7)


def read_as(format: str, source: str, target: str) -> Outcome:
    plan = compile_plan({"type": "object", "properties": {"a": FIELDS[target]}})
    value = inbound(source, target)
    if format == "JSON":
        return read(plan, json.dumps({"a": value}).encode())
    if format == "CSV":
        return read(plan, f"a\n{value}\n".encode(), format="csv")
    value = list(value.items()) if source == "Map" else value
    return read(plan, parquet({"a": pa.array([value], _ARROW[source])}))


CELLS = [
    (format, source, target)
    for format, sources in {
        "JSON": ("String", "Long", "Double", "Object", "Boolean", "Array"),
        "CSV": ("String",),
        "Parquet": tuple(TABLE),
    }.items()
    for source in sources
    for target in FIELDS
    # A text is an object, a map or an array to no format, but CSV has no way to be told what else it could be.
    if not (format == "CSV" and target in ("Object", "Map", "Array"))
]


@pytest.mark.parametrize(("format", "source", "target"), CELLS)
def test_a_cell(format: str, source: str, target: str) -> None:
    outcome = read_as(format, source, target)
    words = format == "CSV" and target == "Boolean"
    if target in TABLE[source].split() or words:
        [row] = outcome.rows
        stored = _STORED_FROM.get((source, target), _STORED[target])
        assert (row["a"], type(row["a"])) == (stored, type(stored))
    else:
        problem = outcome.problem()
        assert (problem.pointer, problem.code) == ("/a", "1501")


@pytest.mark.parametrize("format", ["JSON", "CSV", "Parquet"])
@pytest.mark.parametrize(
    ("target", "inside", "outside"),
    [
        ("Byte", (-128, 127), (-129, 128)),
        ("Short", (-32768, 32767), (-32769, 32768)),
        ("Integer", (-(2**31), 2**31 - 1), (-(2**31) - 1, 2**31)),
        ("Long", (-(2**63), 2**63 - 1), (-(2**63) - 1, 2**63)),
    ],
)
def test_narrowing_checks_the_true_limits(
    format: str, target: str, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    plan = compile_plan({"type": "object", "properties": {"a": FIELDS[target]}})
    numbers = [*inside, *outside]
    if format == "JSON":
        outcome = read(plan, "".join(f'{{"a":{number}}}\n' for number in numbers).encode())
    elif format == "CSV":
        outcome = read(plan, ("a\n" + "".join(f"{number}\n" for number in numbers)).encode(), format="csv")
    else:
        outcome = read(plan, parquet({"a": pa.array(list(map(str, numbers)))}))
    assert [row["a"] for row in outcome.rows] == list(inside)
    assert all("outside the range of the type" in error.problems[0].message for error in outcome.errors)
    assert len(outcome.errors) == 2


@pytest.mark.parametrize("target", ["Byte", "Short", "Integer", "Long"])
@pytest.mark.parametrize("format", ["JSON", "CSV", "Parquet"])
def test_a_fraction_is_never_cut(format: str, target: str) -> None:
    plan = compile_plan({"type": "object", "properties": {"a": FIELDS[target]}})
    content = {"JSON": b'{"a":1.5}', "CSV": b"a\n1.5\n", "Parquet": parquet({"a": pa.array([1.5])})}[format]
    assert "a whole number, found one with a fraction" in read(plan, content).problem().message
