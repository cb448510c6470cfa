"""The fast path against the oracle: same verdicts, same problems, same values, on thousands of damaged records."""

import json
import random
from typing import Any

import msgspec
import pytest

from headwater.formats.blocks import Block
from headwater.ingest.assemble import Place
from headwater.ingest.columns import compile_columns
from headwater.ingest.engine import JsonEngine
from headwater.ingest.judge import Judge
from headwater.ingest.report import Observations
from headwater.ingest.shape import compile_shape
from headwater.model.records import CODE_REQUIRED, Problem
from headwater.timestamps.options import TimestampOptions
from headwater.xdm.validation import make_validator
from tests.unit.ingest.schemas import EVENT, make_event, mutate, spoil

ROWS = 100
ROOT = compile_columns(compile_shape(EVENT), timestamps=TimestampOptions(), words=False)
JUDGE = Judge(ROOT, EVENT)


def make_records(seed: int) -> list[bytes]:
    rng = random.Random(seed)
    records = []
    for number in range(ROWS):
        event = make_event(number, rng)
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            event = mutate(event, rng)
        text = json.dumps(event, ensure_ascii=rng.random() < 0.3).encode()
        records.append(spoil(text, rng) if rng.random() < 0.1 else text)
    return records


def read_fast(records: list[bytes]) -> tuple[dict[int, dict[str, Any]], dict[int, tuple[Problem, ...]]]:
    """Rows and problems by position."""
    block = Block(records=records, offsets=range(len(records)), lines=range(len(records)))
    chunk = JsonEngine(ROOT, JUDGE).read(block, Place(file="f", first_row=1), Observations())
    rows = {}
    for row in chunk.rows.to_pylist():
        assert row.pop("byte_offset") == row["row_number"] - 1
        rows[row.pop("row_number") - 1] = row
    return rows, {error.row_number - 1: error.problems for error in chunk.errors}


@pytest.mark.parametrize("seed", range(30))
def test_the_fast_path_agrees_with_the_row_by_row_path(seed: int) -> None:
    records = make_records(seed)
    rows, problems = read_fast(records)
    assert sorted([*rows, *problems]) == list(range(ROWS))
    restore = JsonEngine(ROOT, JUDGE).restore
    for position, record in enumerate(records):
        verdict = JUDGE.judge(record)
        if verdict.record is None:
            assert problems.get(position) == verdict.problems, record
        else:
            assert repr(rows.get(position)) == repr(restore([verdict.record]).to_pylist()[0]), record


@pytest.mark.parametrize("seed", range(5))
def test_conversion_only_ever_widens(seed: int) -> None:
    """What plain JSON Schema takes is accepted, unless no column holds it or it is empty where it is required."""
    is_valid = make_validator(EVENT).is_valid
    rng = random.Random(1000 + seed)
    events = [make_event(number, rng) for number in range(ROWS)]
    events = [mutate(event, rng) if rng.random() < 0.5 else event for event in events]
    _, problems = read_fast([json.dumps(event).encode() for event in events])
    for position, found in problems.items():
        if is_valid(events[position]):
            assert all("range" in problem.message or problem.code == CODE_REQUIRED for problem in found), found


def test_most_records_never_meet_the_oracle() -> None:
    """Otherwise the differential test would compare the oracle with itself."""
    decode = msgspec.json.Decoder(ROOT.row_class).decode
    rng = random.Random(1)
    events = [make_event(number, rng) for number in range(ROWS)]
    _, suspects = ROOT.build([decode(json.dumps(event).encode()) for event in events], Observations().tally)
    assert len(set(suspects)) < 0.4 * ROWS
