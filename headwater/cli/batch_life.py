"""`headwater batch revert`, `delete` and `replay`: what becomes of a batch after its load."""

from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.batch import BatchId
from headwater.cli.flow_run import show_outcome
from headwater.cli.output import JsonOption, print_json, say
from headwater.cli.workspace import workspace

if TYPE_CHECKING:
    from headwater.model.runs import Batch

ReleaseOption = Annotated[
    bool, typer.Option("--release-files", help="Give its files back, so that the next run loads them again.")
]


def revert(batch_id: BatchId, release_files: ReleaseOption = False, as_json: JsonOption = False) -> None:
    """Take a loaded batch out of lake, identity graph and profiles."""
    from headwater.flows.removal import revert_batch

    with workspace() as opened:
        batch = revert_batch(opened, batch_id, release_files=release_files)
    _print_removed(batch, as_json=as_json)


def delete(batch_id: BatchId, release_files: ReleaseOption = False, as_json: JsonOption = False) -> None:
    """Revert a batch, and delete what was kept of its rejected records."""
    from headwater.flows.removal import delete_batch

    with workspace() as opened:
        batch = delete_batch(opened, batch_id, release_files=release_files)
    _print_removed(batch, as_json=as_json)


def replay(batch_id: BatchId, as_json: JsonOption = False) -> None:
    """Take a batch's rejected records again, as a new batch. Exits with status 1 if the run failed."""
    from headwater.flows.replay import replay_batch

    with workspace() as opened:
        flow_run = replay_batch(opened, batch_id)
    show_outcome(flow_run, as_json=as_json)


def _print_removed(batch: "Batch", *, as_json: bool) -> None:
    if as_json:
        print_json(batch)
    else:
        say(f"batch {batch.id} is {batch.status.value}; dataset {batch.dataset} no longer has its rows")
