"""`headwater flow-run`: executions of dataflows."""

from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.batch import print_errors
from headwater.cli.output import JsonOption, LimitOption, print_error, print_fields, print_json, print_table, say
from headwater.cli.workspace import workspace
from headwater.model.runs import FlowRunState

if TYPE_CHECKING:
    from headwater.model.runs import FlowRun

app = typer.Typer(no_args_is_help=True, help="Flow runs: executions of dataflows.")


@app.command("list")
def list_flow_runs(
    flow: Annotated[str | None, typer.Option(help="Only runs of this dataflow.")] = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List the newest flow runs."""
    with workspace() as opened:
        found = opened.catalog.flow_runs.latest(flow=flow, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (r.id, r.flow, r.state, r.files, r.counts.read, r.counts.loaded, r.counts.failed, r.started_at, r.completed_at)
        for r in found
    ]
    columns = ("id", "dataflow", "state", "files", "read", "loaded", "failed", "started", "completed")
    print_table(columns, rows, empty="no flow runs yet")


@app.command()
def show(
    flow_run_id: Annotated[str, typer.Argument(metavar="ID", help="A flow run's id.")], as_json: JsonOption = False
) -> None:
    """Show a flow run: state, counts, errors, notes."""
    with workspace() as opened:
        found = opened.catalog.flow_runs.get(flow_run_id)
    if as_json:
        print_json(found)
    else:
        print_flow_run(found)
        print_errors(found.errors)


def show_outcome(run: "FlowRun", *, as_json: bool) -> None:
    """What a run that was waited for did. Ends the command with status 1 if the run failed."""
    if as_json:
        print_json(run)
    else:
        print_flow_run(run)
    if run.state is FlowRunState.FAILED:
        print_error("\n".join(f"{failure.code}: {failure.message}" for failure in run.errors))
        raise typer.Exit(1)


def print_flow_run(run: "FlowRun") -> None:
    """A flow run's summary, without its errors."""
    print_fields(
        {
            "flow run": run.id,
            "dataflow": run.flow,
            "dataset": run.dataset,
            "state": run.state,
            "trigger": run.trigger,
            "Dag run": run.dag_run_id,
            "batch": run.batch_id,
            "started": run.started_at,
            "completed": run.completed_at,
            "files": run.files,
            "input bytes": run.input_bytes,
            "records read": run.counts.read,
            "records loaded": run.counts.loaded,
            "records failed": run.counts.failed,
        }
        | {f"profiles: {name.replace('_', ' ')}": count for name, count in run.profiles.items()}
    )
    for note in run.notes:
        say(f"note: {note}")
