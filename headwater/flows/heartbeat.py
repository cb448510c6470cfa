"""Who works for long says so, or others would take it for dead: runs, and removals of batches."""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import Final

from headwater.catalog.base import utc_now
from headwater.catalog.batch_rows import Remover
from headwater.errors import HeadwaterError
from headwater.flows.processes import this_process
from headwater.flows.workspace import Workspace

log = logging.getLogger(__name__)

_BEATS_PER_LEASE: Final = 10
"""So many beats in a row have to fail before others take the run for dead."""


def lease(workspace: Workspace) -> timedelta:
    """How long a run may be silent before others take it for dead."""
    return timedelta(seconds=workspace.settings.claim_lease_seconds)


@contextmanager
def beating(workspace: Workspace, flow_run_id: str) -> Iterator[None]:
    """Renew the run's lease at once, and from a thread for as long as the block takes, whatever it waits for."""
    renew = partial(_beat, workspace, flow_run_id)
    with _renewed(renew, lease(workspace), f"flow run {flow_run_id}"):
        yield


@contextmanager
def removing(workspace: Workspace, batch_ids: Collection[str]) -> Iterator[None]:
    """Hold the removals of batches for as long as the block takes; others see that somebody works on them."""
    renew = partial(_hold_removals, workspace, batch_ids)
    try:
        with _renewed(renew, lease(workspace), f"the removal of {', '.join(batch_ids)}"):
            yield
    except BaseException:  # whatever ended it, and only once nothing renews the lease any more
        with suppress(HeadwaterError):  # then the lease runs out
            workspace.catalog.batches.give_up_removals(batch_ids, this_process())
        raise


def this_remover(workspace: Workspace) -> Remover:
    """This process, which removes batches, until its lease runs out."""
    return Remover(holder=this_process(), lease_until=utc_now() + lease(workspace))


@contextmanager
def _renewed(renew: Callable[[], None], length: timedelta, what: str) -> Iterator[None]:
    renew()
    over = Event()
    interval_seconds = length.total_seconds() / _BEATS_PER_LEASE
    thread = Thread(target=_renew_until, args=(over, renew, interval_seconds, what), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew_until(over: Event, renew: Callable[[], None], interval_seconds: float, what: str) -> None:
    while not over.wait(interval_seconds):
        try:
            renew()
        except HeadwaterError as error:
            log.warning("%s: the lease was not renewed, and will be tried again: %s", what, error)


def _beat(workspace: Workspace, flow_run_id: str) -> None:
    workspace.catalog.flow_runs.renew(flow_run_id, lease(workspace))


def _hold_removals(workspace: Workspace, batch_ids: Collection[str]) -> None:
    workspace.catalog.batches.hold_removals(batch_ids, this_remover(workspace))
