"""Thirty seeds of the crash certificate: nothing lost, nothing doubled, nothing stuck."""

import pytest

from tests.crash.campaign import how_to_repeat, on_postgres, play_one
from tests.servers.postgres import PostgresServer

SEEDS = range(30)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [seed for seed in SEEDS if not on_postgres(seed)])
def test_nothing_is_lost_doubled_or_stuck(seed: int) -> None:
    result = play_one(seed, None)
    assert not result.problems, how_to_repeat(result)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("seed", [seed for seed in SEEDS if on_postgres(seed)])
def test_nothing_is_lost_doubled_or_stuck_on_postgresql(seed: int, postgres: PostgresServer) -> None:
    result = play_one(seed, postgres)
    assert not result.problems, how_to_repeat(result)
