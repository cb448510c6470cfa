"""The harness's own parts: a fault that cannot strike would make the certificate worth nothing."""

import ast
from pathlib import Path
from random import Random

import pytest

from tests.crash.conditions import Conditions
from tests.crash.faults import TURNING_POINTS, draw_fault
from tests.crash.plans import plan_of
from tests.crash.process import Processes
from tests.crash.shop import set_up, spool_folder

REPOSITORY = Path(__file__).parents[2]
POINTS = sorted({point for points in TURNING_POINTS.values() for point in points})


@pytest.fixture(scope="module")
def functions() -> set[str]:
    """The qualified names of Headwater's functions."""
    trees = [ast.parse(path.read_text()) for path in (REPOSITORY / "headwater").rglob("*.py")]
    return {name for tree in trees for name in _functions(tree, "")}


@pytest.mark.parametrize("point", POINTS)
def test_a_turning_point_is_a_function_of_the_product(point: str, functions: set[str]) -> None:
    assert point in functions


def test_the_seeds_take_all_turning_points_in_turn() -> None:
    plans = {plan_of(number) for number in range(200)}

    assert {plan.after for plan in plans} == {
        point for step, points in TURNING_POINTS.items() if step != "revert" for point in points
    }
    assert {plan.haunted for plan in plans} == {True, False}


def test_a_seed_draws_the_same_faults_again() -> None:
    first, second = ([draw_fault(random, "run") for _ in range(50)] for random in (Random(7), Random(7)))

    assert first == second


@pytest.mark.slow
def test_a_folder_without_the_right_to_write_stops_a_step_also_for_root(tmp_path: Path) -> None:
    settings = {"home": tmp_path / "home", "tenant": "crash", "allow_private_webhooks": True}
    set_up(settings, tmp_path / "inbox", "http://127.0.0.1:1/")
    (tmp_path / "inbox" / "till" / "a.json").write_text('{"_id": "a", "timestamp": "2026-10-01T12:00:00Z"}\n')
    processes = Processes(settings)
    run_id, [group] = processes.run("discover", "till", "one").value
    spool_folder(settings).chmod(0o555)
    try:
        failure = processes.run("ingest", run_id, group).failure
    finally:
        spool_folder(settings).chmod(0o755)

    assert failure is not None
    assert processes.run("ingest", run_id, group).failure is None


@pytest.mark.slow
def test_a_process_with_a_wrong_clock_enters_wrong_times(tmp_path: Path) -> None:
    settings = {"home": tmp_path / "home", "tenant": "crash", "allow_private_webhooks": True}
    set_up(settings, tmp_path / "inbox", "http://127.0.0.1:1/")
    processes = Processes(settings)
    early = processes.run("discover", "till", "one", conditions=Conditions(clock_seconds=-7200)).value
    late = processes.run("discover", "web", "two").value

    assert processes.struck == {"wrong clock": 1}
    assert late[0] > early[0]
    assert _milliseconds(late[0]) - _milliseconds(early[0]) >= 7200 * 1000


def _milliseconds(ulid: str) -> int:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return sum(alphabet.index(letter) * 32**place for place, letter in enumerate(reversed(ulid[:10])))


def _functions(tree: ast.AST, prefix: str) -> set[str]:
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            found |= _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            found.add(prefix + node.name)
    return found
