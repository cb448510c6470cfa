"""`make crash`: play seeds and say which went wrong."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

import pytest

from tests.crash.campaign import how_to_repeat, on_postgres, play_all, play_mutations, play_under_airflow
from tests.crash.mutations import MUTATIONS
from tests.crash.scenario import Result
from tests.servers.postgres import PostgresServer, postgres_server

_MUTATION_HELP: Final = "take these safeguards (without names: each in turn) out, and say when that is noticed"


def main() -> int:
    """Play the seeds that the command line names; 1 if any went wrong, or with `--mutation` if one was not noticed."""
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--number", type=int, default=30, help="how many seeds (default 30)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--seed", type=int, help="play this seed alone")
    parser.add_argument("--workers", type=int, default=2, help="how many seeds at once (default 2)")
    parser.add_argument("--mutation", nargs="*", choices=sorted(MUTATIONS), metavar="NAME", help=_MUTATION_HELP)
    parser.add_argument("--airflow", action="store_true", help="one by one, each under an Airflow of its own")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.number)
    if arguments.seed is not None:
        seeds = range(arguments.seed, arguments.seed + 1)
    with ExitStack() as stack:
        server = _postgres(stack)
        playable = [seed for seed in seeds if server is not None or not on_postgres(seed)]
        if arguments.mutation is not None:
            return _play_mutations(arguments.mutation or sorted(MUTATIONS), playable, server, arguments.workers)
        if arguments.airflow:
            return _report((play_under_airflow(seed, server) for seed in playable), "ARGS=--airflow")
        return _report(play_all(playable, server, arguments.workers))


def _postgres(stack: ExitStack) -> PostgresServer | None:
    try:
        return stack.enter_context(postgres_server())
    except pytest.skip.Exception as reason:
        _say(f"every third seed is left out: {reason}")
        return None


def _report(results: Iterable[Result], options: str = "") -> int:
    struck: Counter[str] = Counter()
    played = wrong = 0
    for result in results:
        struck.update(result.struck)
        played += 1
        wrong += bool(result.problems)
        state = "WRONG" if result.problems else "ok"
        _say(f"{result.seed:6} {state:5} {sum(result.struck.values()):3} faults {result.seconds:6.1f} s")
        if result.problems:
            _say(how_to_repeat(result, options))
    _say(f"{played} seeds, {wrong} wrong; {struck.total()} faults struck:")
    for kind, count in sorted(struck.items()):
        _say(f"{count:8} {kind}")
    return 1 if wrong else 0


def _play_mutations(names: list[str], seeds: list[int], server: PostgresServer | None, workers: int) -> int:
    missed = 0
    for notice in play_mutations(names, seeds, server, workers):
        missed += notice.result is None
        if notice.result is None:
            _say(f"{notice.mutation:18} NOT NOTICED in {notice.seeds} seeds: {MUTATIONS[notice.mutation].removed}")
        else:
            _say(f"{notice.mutation:18} noticed after {notice.seeds} seeds, by seed {notice.result.seed}:")
            _say("".join(f"  - {problem}\n" for problem in notice.result.problems[:3]).rstrip())
    return 1 if missed else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
