"""`headwater run`: one flow run in this process, without Airflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from headwater.cli.flow_run import show_outcome
from headwater.cli.output import JsonOption
from headwater.cli.workspace import workspace
from headwater.errors import DocumentError
from headwater.model.documents import Dataflow, Dataset, RunRequest
from headwater.model.explain import explain

if TYPE_CHECKING:
    from headwater.flows.ingest import Progress
    from headwater.flows.workspace import Workspace

_OPTIONS = {"window_start": "--from", "window_end": "--to", "row_limit": "--row-limit"}


def run(
    flow: Annotated[
        str, typer.Argument(metavar="FLOW", help="A dataflow's file (*.yaml), or its name in the catalog.")
    ],
    account: Annotated[str | None, typer.Option(help="Read from this account instead.")] = None,
    path: Annotated[str | None, typer.Option(help="Read this folder instead.")] = None,
    files: Annotated[str | None, typer.Option(help="Take files of this pattern instead.")] = None,
    window_start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only files modified after this time, with its zone.")
    ] = None,
    window_end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Only files modified up to this time, with its zone.")
    ] = None,
    reprocess: Annotated[
        bool, typer.Option("--reprocess", help="Take files that are loaded already, and supersede their rows.")
    ] = False,
    replaces: Annotated[
        list[str] | None,
        typer.Option("--replace-batch", metavar="ID", help="Remove this batch's rows when the run's own are loaded."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every record and load nothing.")] = False,
    row_limit: Annotated[
        int | None, typer.Option(help="Check only so many records of each file; implies --dry-run.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a dataflow once, and show what it did. Exits with status 1 if the run failed."""
    from headwater.flows.run import run_dataflow

    request = _request(
        account=account,
        path=path,
        files=files,
        window_start=window_start,
        window_end=window_end,
        reprocess=reprocess,
        replaces=replaces or (),
        dry_run=dry_run,
        row_limit=row_limit,
    )
    with workspace() as opened:
        dataflow = _dataflow(opened, flow)
        opened.catalog.resources.typed(Dataset, dataflow.target.dataset)
        with _progress(dataflow.name) as progress:
            flow_run = run_dataflow(opened, dataflow, request, progress=progress)
    show_outcome(flow_run, as_json=as_json)


def _request(**options: Any) -> RunRequest:  # noqa: ANN401 - the command's options, each of its own type
    try:
        return RunRequest(**options)
    except ValidationError as error:
        found = explain(error, RunRequest)
        raise DocumentError(
            "\n".join(f"{_OPTIONS.get(str(e.location[-1]), e.location[-1])}: {e.message}" for e in found)
        ) from None


def _dataflow(opened: "Workspace", flow: str) -> Dataflow:
    """The dataflow in a file, or the one of that name in the catalog."""
    from headwater.flows.resources.read import SUFFIXES, read_document

    if not flow.endswith(SUFFIXES):
        return opened.catalog.resources.typed(Dataflow, flow)
    document = read_document(Path(flow))
    if not isinstance(document.resource, Dataflow):
        raise DocumentError(f"{flow}: kind is {document.kind!r}; only a dataflow can be run", file=flow, key="kind")
    return document.resource


@contextmanager
def _progress(name: str) -> "Iterator[Progress]":
    """A progress bar on standard error; none where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(name, total=None, records=0)
        records = 0

        def hear(what: str, count: int) -> None:
            nonlocal records
            if what == "total":
                bar.update(task, total=count)
            elif what == "bytes":
                bar.advance(task, count)
            else:
                records += count
                bar.update(task, records=records)

        yield hear
