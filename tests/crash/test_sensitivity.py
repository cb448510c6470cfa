"""The certificate notices when a safeguard is out: a certificate that cannot fail certifies nothing."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from headwater.flows import open_workspace
from headwater.model.runs import FlowRun
from headwater.settings import Settings
from tests.crash.dag_run import DagRun
from tests.crash.faults import Fault
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


@pytest.mark.slow
def test_files_that_are_given_back_before_their_rows_are_gone_are_noticed(tmp_path: Path) -> None:
    """Killed once it has given the files back, which has to be the end of it: a run takes them again."""

    def play(scene: Scene) -> None:
        run_id, groups = scene.discover("one")
        scene.go_on(run_id, groups)
        death = Fault(kind="kill after a turning point", at=12, after="Ledger.release_loaded", passes=1)
        scene.processes.run("revert", scene.batch_of(run_id), fault=death)
        assert scene.processes.struck

    assert not _problems(tmp_path / "with", play, None)
    problems = _problems(tmp_path / "without", play, "early-release")
    assert any(problem.startswith("row: ") and "too many" in problem for problem in problems)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "after", "calls", "mutation", "problem"),
    [
        ("load_lake", "settle_success", 4, "late-events", "and told ['ig_load_success', 'ps_load_success']"),
        ("load_profiles", "finish", 6, "early-answers", " lost, such as "),
    ],
    ids=["late-events", "early-answers"],
)
def test_what_belongs_together_and_is_entered_apart_is_noticed(
    step: str, after: str, calls: int, mutation: str, problem: str, tmp_path: Path
) -> None:
    """Killed between the one and the other, and then repeated with all the other steps."""

    def play(scene: Scene) -> None:
        run_id, groups = scene.discover("one")
        for group in groups:
            scene.processes.run("ingest", run_id, group)
        if step != "load_lake":
            scene.processes.run("load_lake", run_id)
        death = Fault(kind="kill after a turning point", at=calls, after=after, passes=1)
        scene.processes.run(step, run_id, fault=death)
        assert scene.processes.struck
        scene.go_on(run_id, groups)

    assert not _problems(tmp_path / "with", play, None)
    assert any(problem in each for each in _problems(tmp_path / "without", play, mutation))


@pytest.mark.slow
def test_a_run_that_is_closed_while_it_works_is_noticed(tmp_path: Path) -> None:
    """Nothing befalls it but another run beside it, which should leave it alone."""

    def play(scene: Scene) -> None:
        run_id, groups = scene.discover("one")
        scene.processes.run("run", TILL)
        scene.go_on(run_id, groups)

    assert not _problems(tmp_path / "with", play, None)
    problems = _problems(tmp_path / "without", play, "mortal-runs")
    assert any("was closed" in problem for problem in problems)


@pytest.mark.slow
def test_of_two_runs_that_took_the_same_files_one_loads_them(tmp_path: Path) -> None:
    """Both have listed them before either took them. Who holds a file is asked first, and what its bytes are next."""

    def play(scene: Scene) -> None:
        sleep = Fault(kind="stop after a turning point", at=0, after="look", passes=1)
        scene.processes.run("discover", TILL, "late", fault=sleep, asleep_seconds=60)
        run_id, groups = scene.discover("one")
        scene.processes.join()
        late = scene.run_of("late")
        for group in groups:
            scene.processes.run("ingest", run_id, group)
        if late.batch_id is not None:
            scene.go_on(late.id, groups)
        else:
            scene.processes.run("finish", TILL, "late", late.id, None)
        scene.go_on(run_id, groups)

    assert not _problems(tmp_path / "with", play, None)
    assert not _problems(tmp_path / "one", play, "shared-claims")
    problems = _problems(tmp_path / "neither", play, "shared-files")
    assert any(problem.startswith("row: ") and "too many" in problem for problem in problems)


def _play_scene(folder: Path, plan: Plan, mutation: str | None) -> list[str]:
    """One Dag run, struck at the very return of the plan's function, and then quiet; what is wrong in the end."""

    def play(scene: Scene) -> None:
        DagRun(processes=scene.processes, flow=TILL, id="scene", random=_Steady(), plan=plan).play()
        assert scene.processes.struck

    return _problems(folder, play, mutation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What befalls single runs of the till."""

    story: Story

    @property
    def processes(self) -> Processes:
        return self.story.processes

    def discover(self, dag_run_id: str) -> tuple[str, list[int]]:
        """Id and groups of a new run."""
        run_id, groups = self.processes.run("discover", TILL, dag_run_id).value
        return run_id, groups

    def go_on(self, run_id: str, groups: Sequence[int]) -> None:
        """The other steps, all of which have to go well."""
        steps: list[tuple[Any, ...]] = [("ingest", run_id, group) for group in groups]
        steps += [("load_lake", run_id), ("load_identities", run_id), ("load_profiles", run_id)]
        for step in (*steps, ("finish", TILL, "", run_id, None)):
            failure = self.processes.run(*step).failure
            if failure is not None:
                self.story.problems.append(f"undisturbed, {step[0]} failed: {failure}")

    def run_of(self, dag_run_id: str) -> FlowRun:
        with open_workspace(Settings.load(**self.story.settings)) as workspace:
            run = workspace.catalog.flow_runs.of_dag_run(TILL, dag_run_id)
        assert run is not None
        return run

    def batch_of(self, run_id: str) -> str | None:
        with open_workspace(Settings.load(**self.story.settings)) as workspace:
            return workspace.catalog.flow_runs.get(run_id).batch_id


def _problems(folder: Path, play: Callable[[Scene], None], mutation: str | None) -> list[str]:
    """What is wrong after a scene, and quiet runs after it."""
    settings = {"home": folder / "home", "tenant": "crash", "allow_private_webhooks": True}
    with webhook_receiver() as receiver:
        set_up(settings, folder / "inbox", receiver.url())
        model = Model(folder / "inbox", Random("scene"))
        story = Story(seed=0, processes=Processes(settings, mutation), settings=settings, model=model)
        model.next_round(may_be_fatal=False)
        play(Scene(story=story))
        story.settle()
        return [*story.problems, *find_differences(settings, model, receiver)]


class _Steady(Random):
    """Every fault strikes at once."""

    def expovariate(self, _rate: float = 1.0) -> float:
        """See `Random.expovariate`."""
        return 0.0
