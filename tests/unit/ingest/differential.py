"""Damaged records, read by the engine and judged one by one by `jsonschema` on the whole schema.

`python -m tests.unit.ingest.differential --rows N [--seed N]` compares more of them than the suite does (`make fuzz`).
"""

import argparse
import json
import random
import sys
from typing import Any

from headwater.formats.blocks import Block
from headwater.ingest.assemble import Place
from headwater.ingest.columns import compile_columns
from headwater.ingest.engine import JsonEngine
from headwater.ingest.judge import Judge
from headwater.ingest.report import Observations
from headwater.ingest.shape import compile_shape
from headwater.model.records import Problem
from headwater.timestamps.options import TimestampOptions
from tests.unit.ingest.generated import make_schema, make_value
from tests.unit.ingest.schemas import EVENT, make_event, mutate, spoil

ROWS = 100
"""Records of one seed."""


class Subject:
    """A schema, the engine for it, and the reference that the engine is held to."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.undivided = schema | {"definitions": {"itself": {"$ref": "#"}}}
        """The same rules; a reference keeps the oracle from taking the schema apart."""
        self.root = compile_columns(compile_shape(schema), timestamps=TimestampOptions(), words=False)
        self._engine = JsonEngine(self.root, Judge(self.root, schema), slice_bytes=16 * 1024)
        self._reference = Judge(self.root, self.undivided)

    def read_fast(self, records: list[bytes]) -> tuple[dict[int, dict[str, Any]], dict[int, tuple[Problem, ...]]]:
        """What the engine makes of records: rows and problems by position."""
        block = Block(records=records, offsets=range(len(records)), lines=range(len(records)))
        chunk = self._engine.read(block, Place(file="f", first_row=1), Observations())
        rows = {}
        for row in chunk.rows.to_pylist():
            assert row.pop("byte_offset") == row["row_number"] - 1
            rows[row.pop("row_number") - 1] = row
        return rows, {error.row_number - 1: error.problems for error in chunk.errors}

    def find_differences(self, records: list[bytes]) -> list[str]:
        """Where the engine's verdict, problems or values are not those of the reference."""
        rows, problems = self.read_fast(records)
        if sorted([*rows, *problems]) != list(range(len(records))):
            return [f"{len(records)} records became {len(rows)} rows and {len(problems)} errors"]
        differences = []
        for position, record in enumerate(records):
            verdict = self._reference.judge(record)
            if verdict.record is None:
                # In no order: `jsonschema` has none for the values of a map.
                expected, found = _in_order(verdict.problems), _in_order(problems.get(position, ()))
            else:
                expected = repr(self._engine.restore([verdict.record]).to_pylist()[0])
                found = repr(rows.get(position))
            if expected != found:
                differences.append(f"{record!r}:\nexpected {expected}\nfound    {found}\n{self.schema!r}")
        return differences


EVENTS = Subject(EVENT)


def make_records(seed: int) -> list[bytes]:
    """Events, most of them right, some wrong, some no JSON."""
    rng = random.Random(seed)
    records = []
    for number in range(ROWS):
        event = make_event(number, rng)
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            event = mutate(event, rng)
        text = json.dumps(event, ensure_ascii=rng.random() < 0.3).encode()
        records.append(spoil(text, rng) if rng.random() < 0.1 else text)
    return records


def find_generated_differences(seed: int, rows: int = ROWS) -> list[str]:
    """As `Subject.find_differences`, for a schema of the seed and records of it, some of them damaged."""
    rng = random.Random(seed)
    schema = make_schema(rng)
    records = []
    for _ in range(rows):
        value = make_value(schema, rng)
        if rng.random() < 0.4 and isinstance(value, dict) and value:
            value = mutate(value, rng)
        text = json.dumps(value, ensure_ascii=rng.random() < 0.3).encode()
        records.append(spoil(text, rng) if rng.random() < 0.03 else text)
    return Subject(schema).find_differences(records)


def _in_order(problems: tuple[Problem, ...]) -> str:
    return str(sorted(map(repr, problems)))


def main() -> None:
    """Compare until enough records were compared, or one is judged differently; half of them of generated schemas."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=100_000)
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + -(-arguments.rows // ROWS))
    for seed in seeds:
        differences = EVENTS.find_differences(make_records(seed)) if seed % 2 else find_generated_differences(seed)
        if differences:
            sys.exit(f"seed {seed}: {len(differences)} records are judged differently, the first:\n{differences[0]}")
    sys.stdout.write(f"{len(seeds) * ROWS:,} records, seeds {seeds[0]} to {seeds[-1]}: no difference\n")


if __name__ == "__main__":
    main()
