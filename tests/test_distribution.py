"""What belongs together goes to one worker, and what takes longest begins first."""

from pathlib import Path

from tests.distribution import LONGEST, rank_of, scope_of

REPOSITORY = Path(__file__).parents[1]


def test_every_test_that_is_named_is_there() -> None:
    for start in LONGEST:
        file, _, test = start.partition("::")
        assert f"def {test.removesuffix('[')}" in (REPOSITORY / file).read_text(), start


def test_a_file_stays_whole_and_those_of_one_airflow_stay_together() -> None:
    scopes = {scope_of(f"tests/airflow/test_{name}.py::test_a") for name in ("stack", "browser", "arrivals")}
    assert len(scopes) == 1
    assert scope_of("tests/airflow/test_dag_run.py::test_a") not in scopes
    assert scope_of("tests/unit/test_a.py::test_a[x::y]") == scope_of("tests/unit/test_a.py::test_b")


def test_seeds_go_to_whoever_has_time() -> None:
    seeds = {scope_of(f"tests/crash/test_crash.py::test_a[{seed}]") for seed in range(30)}
    assert len(seeds) == 30


def test_what_takes_longest_begins_first_and_the_rest_keeps_its_order() -> None:
    tests = [
        "tests/docs/test_a.py::test_a",
        f"{LONGEST[1]}::test_b",
        "tests/unit/test_c.py::test_d",
        f"{LONGEST[0]}::e",
    ]
    assert sorted(tests, key=rank_of) == [tests[3], tests[1], tests[0], tests[2]]
