"""Two seeds of the crash certificate under Airflow's own scheduler: workers and scheduler are killed."""

import pytest

from tests.crash.campaign import how_to_repeat, play_under_airflow


@pytest.mark.slow
@pytest.mark.airflow
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_lost_doubled_or_stuck_under_airflow(seed: int) -> None:
    result = play_under_airflow(seed, None)

    assert not result.problems, how_to_repeat(result)
    assert result.struck
