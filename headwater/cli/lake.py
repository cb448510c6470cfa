"""`headwater lake`: what the lake needs from time to time."""

from typing import Annotated

import typer

from headwater.cli.output import JsonOption, print_json, print_table
from headwater.cli.workspace import workspace

app = typer.Typer(no_args_is_help=True, help="The lake's tables.")


@app.callback()
def _lake() -> None:
    """With one command only, typer would leave its name out."""


@app.command()
def maintain(
    datasets: Annotated[
        list[str] | None, typer.Argument(metavar="[DATASET]...", help="Datasets; all if none is named.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compact small files, merge manifests, expire old snapshots, delete files that nothing refers to."""
    from headwater.flows.maintenance import maintain_lake

    with workspace() as opened:
        done = maintain_lake(opened, datasets or ())
    if as_json:
        print_json(done)
        return
    rows = [
        (
            each.dataset,
            each.files_compacted,
            each.files_written,
            each.manifests_merged,
            each.snapshots_expired,
            each.orphans_removed,
        )
        for each in done
    ]
    columns = ("dataset", "files compacted", "into", "manifests merged", "snapshots expired", "orphans deleted")
    print_table(columns, rows, empty="no tables yet")
