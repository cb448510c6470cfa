import os

from tests.forks import run_apart

VARIABLE = "HEADWATER_TEST_FORKS"


def complain() -> None:
    raise ValueError(os.environ[VARIABLE])


def leave(status: int) -> None:
    os._exit(status)


def test_what_a_process_raised_is_told_and_it_has_our_variables() -> None:
    end = run_apart(complain, variables={VARIABLE: "heard"})
    assert end.exitcode == 1
    assert end.raised.splitlines()[-1] == "ValueError: heard"


def test_a_process_that_says_nothing_leaves_its_status() -> None:
    end = run_apart(leave, 7)
    assert (end.exitcode, end.raised) == (7, "")
