"""Two seeds of the crash certificate under Airflow's own scheduler: workers and scheduler are killed."""

import pytest

from tests.crash.campaign import how_to_repeat, play_under_airflow
from tests.servers.postgres import PostgresServer

AIRFLOW = "ARGS=--airflow"


@pytest.mark.slow
@pytest.mark.airflow
def test_nothing_is_lost_doubled_or_stuck_under_airflow() -> None:
    result = play_under_airflow(0, None)

    assert not result.problems, how_to_repeat(result, AIRFLOW)
    assert result.struck


@pytest.mark.slow
@pytest.mark.airflow
@pytest.mark.postgres
def test_nothing_is_lost_doubled_or_stuck_under_airflow_on_postgresql(postgres: PostgresServer) -> None:
    result = play_under_airflow(2, postgres)

    assert not result.problems, how_to_repeat(result, AIRFLOW)
    assert result.struck
