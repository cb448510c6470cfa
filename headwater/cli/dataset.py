"""`headwater dataset`: what is in the lake."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.output import JsonOption, LimitOption, print_json, print_table
from headwater.cli.workspace import workspace
from headwater.model.documents import Dataset
from headwater.model.nested import flatten

if TYPE_CHECKING:
    from headwater.flows.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Datasets, and what is in them.")


@app.command("list")
def list_datasets(as_json: JsonOption = False) -> None:
    """List the datasets, with how many records each holds."""
    with workspace() as opened:
        found = [_summary(opened, d) for d in opened.catalog.resources.list("dataset") if isinstance(d, Dataset)]
    if as_json:
        print_json(found)
    else:
        columns = ("name", "schema", "records", "enabled for profile", "upsert")
        print_table(columns, [tuple(row.values()) for row in found], empty="no datasets yet")


@app.command()
def preview(
    name: Annotated[str, typer.Argument(help="A dataset's name.")],
    batch: Annotated[str | None, typer.Option(metavar="ID", help="Only records of this batch.")] = None,
    limit: LimitOption = 20,
    provenance: Annotated[
        bool, typer.Option("--provenance", help="Also show which batch, source file, member and row each came from.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show some of a dataset's records. Shows personal data, where the dataset holds any."""
    from headwater.lake import SYSTEM_COLUMN
    from headwater.profile.bodies import to_bodies

    with workspace() as opened:
        opened.catalog.resources.typed(Dataset, name)
        table = opened.lake.preview(name, limit=limit, batch_id=batch)
    records = [record for rows in table.to_batches() for record in to_bodies(rows)]
    origins = [_origin(system) if provenance else {} for system in table.column(SYSTEM_COLUMN).to_pylist()]
    found = list(zip(records, origins, strict=True))
    if as_json:
        print_json([record | {SYSTEM_COLUMN: origin} if provenance else record for record, origin in found])
        return
    flat = [origin | dict(flatten(record)) for record, origin in found]
    columns = list(dict.fromkeys(column for record in flat for column in record))
    print_table(columns, [[record.get(column) for column in columns] for record in flat], empty="no records")


def _origin(system: dict[str, Any]) -> dict[str, Any]:
    """Where a row came from, without what it does not have, as JSON has it."""
    values = {name: value for name, value in system.items() if value is not None}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _summary(opened: "Workspace", dataset: Dataset) -> dict[str, object]:
    return {
        "name": dataset.name,
        "schema": dataset.xdm_schema,
        "records": opened.lake.count(dataset.name),
        "enabledForProfile": dataset.enabled_for_profile,
        "upsert": dataset.upsert,
    }
