"""The demo from beginning to end."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from rich.console import Console

from demo.airflow_api import AirflowApi, DagRun
from demo.checks import find_problems
from demo.console import step
from demo.data import sample_data
from demo.environment import headwater_settings
from demo.errors import Stopped
from demo.lessons import LESSONS, run_lesson
from demo.options import Options
from demo.processes import ProcessTree
from demo.receiver import Receiver
from demo.report import show_addresses, show_problems, show_results
from demo.results import collect_results
from demo.sources import kind_of
from demo.stack import Stack, choose_port, start_component, start_stack, wait_until_ready
from demo.state import State
from demo.task_logs import readable_lines, task_log
from headwater.settings import Settings

_CHECK_SECONDS = 1.0


def run_tour(options: Options, console: Console) -> bool:
    """Start everything, let the dataflows run, show what came of it, and stay up unless it is to end by itself.

    Returns whether all was as the worked example says. Ends everything that it started, however it ends.

    Raises:
        DemoError: Something did not start, or ended by itself.
        Stopped: Somebody asked it to end before all was shown.
    """
    port = choose_port(options.port)
    state = State.prepare(options.state, fresh=options.fresh)
    with ExitStack() as opened:
        tree = opened.enter_context(ProcessTree(state.logs))
        receiver = opened.enter_context(Receiver(state.secrets.webhook_secret))
        stack = start_stack(state, tree, port, receiver.url, console)
        api = opened.enter_context(AirflowApi(stack.url))
        wait_until_ready(api, state, tree, console)
        dag_runs = [_run(api, tree, state, console, number) for number in range(len(LESSONS))]
        all_right = _show(state, stack, dag_runs, receiver, console)
        if not options.once:
            _stay_up(state, stack, tree, console)
    return all_right


def _run(api: AirflowApi, tree: ProcessTree, state: State, console: Console, number: int) -> DagRun:
    lesson = LESSONS[number]
    with step(console, f"Dataflow {lesson.flow}, from {kind_of(lesson.flow)}") as progress:
        run = run_lesson(api, tree, lesson, progress)
        if run.state != "success":
            progress.fail()
    if run.state != "success":
        _explain(run, api.tasks(run).failed, state, console)
    return run


def _explain(run: DagRun, failed: Sequence[str], state: State, console: Console) -> None:
    """Show the end of the log of the first task that failed."""
    for task in failed[:1]:
        log = task_log(state.airflow_home, run.dag_id, run.run_id, task)
        lines = readable_lines(log) if log is not None else []
        text = "\n    ".join([f"Task {task} failed. The end of {log}:", *lines])
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _show(state: State, stack: Stack, dag_runs: list[DagRun], receiver: Receiver, console: Console) -> bool:
    with step(console, "Looking at what landed"):
        results = collect_results(Settings.load(**headwater_settings(state, stack.url)), dag_runs)
    sample = sample_data()
    notifications = receiver.notifications
    problems = find_problems(results, notifications, people=sample.people, products=len(sample.products))
    show_results(console, results, notifications)
    show_problems(console, problems)
    return not problems


def _stay_up(state: State, stack: Stack, tree: ProcessTree, console: Console) -> None:
    """Stay until somebody asks for the end."""
    start_component(tree, stack, "triggerer", "--skip-serve-logs")
    show_addresses(console, stack, state)
    with suppress(Stopped):
        while True:
            tree.check()
            time.sleep(_CHECK_SECONDS)
