"""A divided file gives the rows and errors of the whole, to the byte."""

import csv
import io
import json
import random
from typing import Any

import pytest

from headwater.formats import FormatOptions
from headwater.formats.blocks import Limits
from headwater.formats.parts import divide
from headwater.ingest import compile_plan, read_file
from headwater.model.parts import Division, FilePart
from headwater.model.records import RowError
from tests.unit.ingest.reading import read

PLAN = compile_plan(
    {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z0-9]+$"},
            "note": {"type": "string"},
            "count": {"type": "integer", "maximum": 900},
            "at": {"type": "string", "format": "date-time"},
        },
    }
)
ROWS = 1_000


def records(seed: int) -> list[dict[str, Any]]:
    """Good and bad ones, with quotes, line ends and letters beyond ASCII."""
    rng = random.Random(seed)
    notes = ["", "plain", 'with "quotes", and commas', "over\ntwo lines", "over\r\ntwo", "Größe \N{TRADE MARK SIGN}"]
    return [
        {
            "id": rng.choice([f"r{number}", f"r{number}", "Not so", ""]),
            "note": rng.choice(notes),
            "count": rng.randrange(1000),
            "at": rng.choice(["2026-11-22T10:00:00+01:00", 1531263959000, "yesterday"]),
        }
        for number in range(ROWS)
    ]


def as_csv(rows: list[dict[str, Any]], line_end: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=["id", "note", "count", "at"], lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_lines(rows: list[dict[str, Any]], line_end: str) -> bytes:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    lines[10] = "{broken"
    lines[20] = "[" + lines[20] + "," + lines[21] + "]"
    lines[30] = ""
    return line_end.join(lines).encode()


def read_part(content: bytes, part: FilePart) -> tuple[list[dict[str, Any]], list[RowError]]:
    stream = io.BytesIO(content[part.offset : part.offset + part.size_bytes])
    reader = read_file(stream, PLAN, file="in/f", part=part)
    rows: list[dict[str, Any]] = []
    errors: list[RowError] = []
    for chunk in reader:
        rows += chunk.rows.to_pylist()
        errors += chunk.errors
    return rows, errors


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("write", [as_csv, as_lines], ids=["CSV", "NDJSON"])
def test_a_file_in_seven_parts_is_the_file(write: Any, line_end: str) -> None:  # noqa: ANN401 - one of two functions
    content = write(records(7), line_end)
    whole = read(PLAN, content)
    limits = Limits(block_bytes=512)
    division = divide(
        io.BytesIO(content),
        file="in/f",
        format="auto",
        options=FormatOptions(),
        part_bytes=len(content) // 7,
        limits=limits,
    )
    assert isinstance(division, Division)
    assert len(division.parts) >= 6
    found = [read_part(content, part) for part in division.parts]
    assert [row for rows, _ in found for row in rows] == whole.rows
    assert [error for _, errors in found for error in errors] == whole.errors
    assert 100 < len(whole.errors) < ROWS
    for index in (0, -1):
        row = whole.rows[index]
        assert content[row["byte_offset"] :].lstrip(b'{"id: ').startswith(row["id"].encode())
