"""The certificate notices when a safeguard is out: a certificate that cannot fail certifies nothing."""

import importlib
from operator import attrgetter
from pathlib import Path
from random import Random

import pytest

from tests.crash.dag_run import DagRun
from tests.crash.model import Model
from tests.crash.mutations import MUTATIONS
from tests.crash.plans import Plan
from tests.crash.process import Processes
from tests.crash.scenario import Story
from tests.crash.shop import TILL, set_up
from tests.crash.verdict import find_differences
from tests.servers.webhook import webhook_receiver


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_the_product_still_has_the_function_that_a_mutation_changes(name: str) -> None:
    module, function = MUTATIONS[name].place.split(":")

    assert callable(attrgetter(function)(importlib.import_module(module)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "mutation"),
    [
        (Plan(step="load_lake", after="_commit_once", haunted=False), "no-search"),
        (Plan(step="load_lake", after="data_files", haunted=True), "unmarked-end"),
        (Plan(step="ingest", after="BatchStore.put_group", haunted=False), "kept-staging"),
    ],
    ids=["no-search", "unmarked-end", "kept-staging"],
)
def test_what_comes_twice_or_too_late_is_noticed(plan: Plan, mutation: str, tmp_path: Path) -> None:
    assert not _play_scene(tmp_path / "with", plan, None)

    problems = _play_scene(tmp_path / "without", plan, mutation)

    assert any("too many" in problem or "cannot be read" in problem for problem in problems)


def _play_scene(folder: Path, plan: Plan, mutation: str | None) -> list[str]:
    """One Dag run, struck at the very return of the plan's function, and then quiet; what is wrong in the end."""
    settings = {"home": folder / "home", "tenant": "crash", "allow_private_webhooks": True}
    with webhook_receiver() as receiver:
        set_up(settings, folder / "inbox", receiver.url())
        processes = Processes(settings, mutation)
        model = Model(folder / "inbox", Random("scene"))
        story = Story(seed=0, processes=processes, settings=settings, model=model)
        model.next_round(may_be_fatal=False)
        DagRun(processes=processes, flow=TILL, id="scene", random=_Steady(), plan=plan).play()
        assert processes.struck
        story.settle()
        return [*story.problems, *find_differences(settings, model, receiver)]


class _Steady(Random):
    """Every fault strikes at once."""

    def expovariate(self, _rate: float = 1.0) -> float:
        """See `Random.expovariate`."""
        return 0.0
