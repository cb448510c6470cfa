"""The fast path against the oracle: same verdicts, same problems, same values, on thousands of damaged records."""

import json
import random

import msgspec
import pytest

from headwater.ingest.oracle import Oracle
from headwater.ingest.report import Observations
from headwater.model.records import CODE_REQUIRED
from headwater.xdm.validation import make_validator
from tests.unit.ingest.differential import EVENTS, ROWS, Subject, find_generated_differences, make_records
from tests.unit.ingest.generated import make_schema, make_value
from tests.unit.ingest.schemas import EVENT, make_event, mutate


@pytest.mark.parametrize("seed", range(30))
def test_the_engine_agrees_with_jsonschema_record_by_record(seed: int) -> None:
    assert EVENTS.find_differences(make_records(seed)) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, 10))
def test_the_engine_agrees_with_jsonschema_on_any_schema(first: int) -> None:
    """100,000 records of 500 schemas in all."""
    for seed in range(first, first + 10):
        assert find_generated_differences(seed, rows=200) == [], f"seed {seed}"


def test_generated_records_are_neither_all_right_nor_all_wrong() -> None:
    """Otherwise the test above would compare little."""
    right, rules = 0, set()
    for seed in range(40):
        rng = random.Random(seed)
        schema = make_schema(rng)
        rows, problems = Subject(schema).read_fast([json.dumps(make_value(schema, rng)).encode() for _ in range(50)])
        right += len(rows)
        rules |= {problem.rule for found in problems.values() for problem in found}
    assert 600 < right < 1600
    assert rules >= {"type", "conversion", "required", "enum", "pattern", "maxLength", "minimum", "anyOf", "oneOf"}


def test_the_reference_asks_jsonschema_about_the_whole_record() -> None:
    """Otherwise the differential test would compare the divided oracle with itself."""
    assert Oracle(EVENT).is_divisible
    assert not Oracle(EVENTS.undivided).is_divisible


@pytest.mark.parametrize("seed", range(5))
def test_conversion_only_ever_widens(seed: int) -> None:
    """What plain JSON Schema takes is accepted, unless no column holds it or it is empty where it is required."""
    is_valid = make_validator(EVENT).is_valid
    rng = random.Random(1000 + seed)
    events = [make_event(number, rng) for number in range(ROWS)]
    events = [mutate(event, rng) if rng.random() < 0.5 else event for event in events]
    _, problems = EVENTS.read_fast([json.dumps(event).encode() for event in events])
    for position, found in problems.items():
        if is_valid(events[position]):
            assert all("range" in problem.message or problem.code == CODE_REQUIRED for problem in found), found


def test_most_records_never_meet_the_oracle() -> None:
    """Otherwise the differential test would compare the oracle with itself."""
    decode = msgspec.json.Decoder(EVENTS.root.row_class).decode
    rng = random.Random(1)
    events = [make_event(number, rng) for number in range(ROWS)]
    _, suspects = EVENTS.root.build([decode(json.dumps(event).encode()) for event in events], Observations().tally)
    assert len(set(suspects)) < 0.4 * ROWS
