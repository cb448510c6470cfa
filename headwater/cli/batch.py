"""`headwater batch`: what became visible together, and what was rejected."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.output import JsonOption, LimitOption, print_fields, print_json, print_table, say
from headwater.cli.workspace import workspace

if TYPE_CHECKING:
    from headwater.model.runs import Batch, ErrorSummary

app = typer.Typer(no_args_is_help=True, help="Batches, and the records that were rejected.")

_SHOWN_CHARACTERS = 300

BatchId = Annotated[str, typer.Argument(metavar="ID", help="A batch's id.")]


@app.command("list")
def list_batches(
    dataset: Annotated[str | None, typer.Option(help="Only batches of this dataset.")] = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List the newest batches."""
    with workspace() as opened:
        found = opened.catalog.batches.latest(dataset=dataset, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (b.id, b.dataset, b.status, b.counts.read, b.counts.loaded, b.counts.failed, b.created_at, b.completed_at)
        for b in found
    ]
    columns = ("id", "dataset", "status", "read", "loaded", "failed", "created", "completed")
    print_table(columns, rows, empty="no batches yet")


@app.command()
def show(batch_id: BatchId, as_json: JsonOption = False) -> None:
    """Show a batch: status, counts, errors."""
    with workspace() as opened:
        found = opened.catalog.batches.get(batch_id)
    if as_json:
        print_json(found)
        return
    print_fields(_fields(found))
    print_errors(found.errors)


@app.command()
def errors(
    batch_id: BatchId,
    start: Annotated[int, typer.Option(min=0, help="How many records to skip.")] = 0,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """Show the records of a batch that were rejected: where each is, and what is wrong with it."""
    from headwater.flows.rejected import why_not_kept

    with workspace() as opened:
        batch = opened.catalog.batches.get(batch_id)
        records = opened.diagnostics.read(batch_id, start=start, limit=limit)
        absent = why_not_kept(opened, batch) if not records else None
    if as_json:
        print_json(records)
        return
    if absent is not None:
        say(absent)
    elif not records:
        say("no rejected records" if start == 0 else f"no rejected records after the first {start:,}")
    for record in records:
        _print_record(record)


def print_errors(summaries: "tuple[ErrorSummary, ...]") -> None:
    """The errors of a batch or flow run, one a line."""
    for summary in summaries:
        records = f" ({summary.record_count:,} records)" if summary.record_count is not None else ""
        say(f"{summary.code}: {summary.message}{records}", style="red")


def _print_record(record: dict[str, Any]) -> None:
    if "_filename" in record:
        line = f", line {record['_line']:,}" if record.get("_line") is not None else ""
        offset = f", byte {record['_offset']:,}" if record.get("_offset") is not None else ""
        say(f"{record['_filename']}: record {record['_row']:,}{line}{offset}", style="bold")
    for problem in record["_errors"]:
        place = f"{problem['column']}: " if problem["column"] else ""
        say(f"    {problem['code']} {place}{problem['message']}")
    if raw := str(record.get("_raw", "")):
        say(f"    {raw if len(raw) <= _SHOWN_CHARACTERS else raw[: _SHOWN_CHARACTERS - 1] + '…'}", style="dim")


def _fields(batch: "Batch") -> dict[str, object]:
    return {
        "id": batch.id,
        "dataset": batch.dataset,
        "status": batch.status,
        "flow run": batch.flow_run_id,
        "created": batch.created_at,
        "completed": batch.completed_at,
        "replaces": ", ".join(batch.replaces),
        "replay of": batch.replay_of,
        "snapshot": str(batch.snapshot_id) if batch.snapshot_id is not None else None,
        "files": batch.files,
        "input bytes": batch.input_bytes,
        "output bytes": batch.output_bytes,
        "records read": batch.counts.read,
        "records loaded": batch.counts.loaded,
        "records failed": batch.counts.failed,
    }
