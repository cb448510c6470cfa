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
from tests.unit.ingest.schemas import EVENT, make_event, mutate, spoil

ROWS = 100
"""Records of one seed."""
UNDIVIDED: dict[str, Any] = EVENT | {"definitions": {"itself": {"$ref": "#"}}}
"""The same rules; a reference keeps the oracle from taking the schema apart."""
ROOT = compile_columns(compile_shape(EVENT), timestamps=TimestampOptions(), words=False)
ENGINE = JsonEngine(ROOT, Judge(ROOT, EVENT), slice_bytes=16 * 1024)
"""It takes each hundred records in several slices."""
REFERENCE = Judge(ROOT, UNDIVIDED)


def make_records(seed: int) -> list[bytes]:
    """Records, most of them right, some wrong, some no JSON."""
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
    """What the engine makes of records: rows and problems by position."""
    block = Block(records=records, offsets=range(len(records)), lines=range(len(records)))
    chunk = ENGINE.read(block, Place(file="f", first_row=1), Observations())
    rows = {}
    for row in chunk.rows.to_pylist():
        assert row.pop("byte_offset") == row["row_number"] - 1
        rows[row.pop("row_number") - 1] = row
    return rows, {error.row_number - 1: error.problems for error in chunk.errors}


def find_differences(records: list[bytes]) -> list[str]:
    """Where the engine's verdict, problems or values are not those of the reference."""
    rows, problems = read_fast(records)
    if sorted([*rows, *problems]) != list(range(len(records))):
        return [f"{len(records)} records became {len(rows)} rows and {len(problems)} errors"]
    differences = []
    for position, record in enumerate(records):
        verdict = REFERENCE.judge(record)
        if verdict.record is None:
            # In no order: `jsonschema` has none for the values of a map.
            expected, found = _in_order(verdict.problems), _in_order(problems.get(position, ()))
        else:
            expected, found = repr(ENGINE.restore([verdict.record]).to_pylist()[0]), repr(rows.get(position))
        if expected != found:
            differences.append(f"{record!r}:\nexpected {expected}\nfound    {found}")
    return differences


def _in_order(problems: tuple[Problem, ...]) -> str:
    return str(sorted(map(repr, problems)))


def main() -> None:
    """Compare until enough records were compared, or one is judged differently."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=100_000)
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + -(-arguments.rows // ROWS))
    for seed in seeds:
        differences = find_differences(make_records(seed))
        if differences:
            sys.exit(f"seed {seed}: {len(differences)} records are judged differently, the first:\n{differences[0]}")
    sys.stdout.write(f"{len(seeds) * ROWS:,} records, seeds {seeds[0]} to {seeds[-1]}: no difference\n")


if __name__ == "__main__":
    main()
