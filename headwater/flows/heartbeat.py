"""A run that works for long says so, or others would take it for dead."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Final

from headwater.errors import HeadwaterError
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
    _beat(workspace, flow_run_id)
    over = Event()
    thread = Thread(target=_beat_until, args=(over, workspace, flow_run_id), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat_until(over: Event, workspace: Workspace, flow_run_id: str) -> None:
    interval_seconds = lease(workspace).total_seconds() / _BEATS_PER_LEASE
    while not over.wait(interval_seconds):
        try:
            _beat(workspace, flow_run_id)
        except HeadwaterError as error:
            log.warning("flow run %s: the lease was not renewed, and will be tried again: %s", flow_run_id, error)


def _beat(workspace: Workspace, flow_run_id: str) -> None:
    workspace.catalog.flow_runs.renew(flow_run_id, lease(workspace))
