"""The tables that the demo ends with."""

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from demo.receiver import Notification
from demo.results import LessonResult, LookUp, Results
from demo.sources import SOURCES, RunningSource, kind_of
from demo.stack import Stack
from demo.state import SECRETS_FILE, State
from headwater.model.records import RecordCounts
from headwater.model.runs import FlowRun, FlowRunState


def show_results(console: Console, results: Results, notifications: Sequence[Notification]) -> None:
    """Show what landed, who Daniel Wright is, and what the webhook was told."""
    console.print()
    console.print(_landed(results.lessons))
    for result in results.lessons:
        if result.flow_run is not None and result.flow_run.state is FlowRunState.NO_NEW_DATA:
            console.print(f"{result.lesson.flow}: no new files; what is loaded is not loaded again.", style="dim")
    console.print()
    console.print(_merged(results.look_ups))
    console.print()
    console.print(_notified(notifications) if notifications else "The webhook was told nothing, since nothing landed.")
    console.print()


def show_addresses(console: Console, stack: Stack, state: State) -> None:
    """Show where to look."""
    table = Table(title="Where to look", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("Airflow", stack.url)
    table.add_row("Headwater's pages", f"{stack.url}/headwater/")
    table.add_row("Log in as", f"admin, password {state.secrets.admin_password}")
    for number, source in enumerate(source for source in SOURCES if source.has_times):
        table.add_row("" if number else "Drop files into", str(state.outbox(source.kind)))
    table.add_row("Buckets", "\n".join(_bucket(running) for running in stack.sources if not running.source.has_times))
    table.add_row("Logs", str(state.logs))
    console.print()
    console.print(table)
    console.print("Ctrl-C stops everything.", style="bold")


def show_problems(console: Console, problems: Sequence[str]) -> None:
    """Show what was wrong, or that nothing was."""
    if not problems:
        console.print("[green]✓[/green] Everything is as the worked example says.")
        return
    console.print(f"[red]✗[/red] Not everything is as the worked example says ({len(problems)}):")
    for problem in problems:
        console.print(f"  - {problem}", markup=False, highlight=False, soft_wrap=True)


def _landed(results: Sequence[LessonResult]) -> Table:
    table = _table("What landed", "dataset, batch, source", ">in", ">loaded", ">failed", "profiles", ">time")
    for result in results:
        run, seconds = result.flow_run, result.dag_run.seconds
        batch = run.batch_id if run is not None else None
        counts = run.counts if run is not None else RecordCounts()
        table.add_row(
            f"{result.lesson.dataset}\n{batch or 'no batch'} from {kind_of(result.lesson.flow)}",
            *(f"{count:,}" for count in (counts.read, counts.loaded, counts.failed)),
            _profiles(run) if run is not None else "",
            f"{seconds:.1f} s" if seconds is not None else "",
        )
    return table


def _bucket(running: RunningSource) -> str:
    url = running.params.get("service_url") or running.params["endpoint"]
    login = f", keys in {SECRETS_FILE}" if running.source.variable else ", no login"
    return f"{running.params['bucket_name']} at {url} ({running.source.kind.upper()}{login})"


def _profiles(run: FlowRun) -> str:
    words = {"created": "new", "updated": "updated", "events": "events", "lookups": "lookup"}
    return "\n".join(f"{run.profiles[key]:,} {word}" for key, word in words.items() if run.profiles.get(key))


def _merged(look_ups: Sequence[LookUp]) -> Table:
    headings = ("merge policy, asked", "first name", "city", "tier", "e-mail, phone", "bought")
    table = _table("Daniel Wright, by merge policy", *headings)
    for look_up in look_ups:
        asked, person = f"{look_up.title}\nby {look_up.identity[0]}", look_up.person
        if person is None:
            table.add_row(asked, "nothing found")
            continue
        contact = "\n".join(value for value in (person.email, person.phone) if value)
        bought = "\n".join(f"{price:g}" for price in person.spent)
        table.add_row(asked, person.first_name, person.city, person.tier, contact, bought)
    return table


def _notified(notifications: Sequence[Notification]) -> Table:
    table = _table("What the webhook was told, in this order", "dataset, batch", "event", "signature")
    for (dataset, batch), group in groupby(notifications, key=lambda each: (each.dataset, each.batch_id)):
        events = list(group)
        signatures = "\n".join("valid" if each.genuine else "wrong" for each in events)
        table.add_row(f"{dataset}\n{batch}", "\n".join(each.code for each in events), signatures)
    return table


def _table(title: str, *headings: str) -> Table:
    """A table that fits into 80 columns. Headings that begin with `>` are those of numbers."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=0, show_edge=False
    )
    for heading in headings:
        table.add_column(heading.lstrip(">"), justify="right" if heading.startswith(">") else "left", overflow="fold")
    return table
