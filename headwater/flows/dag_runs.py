"""Who knows whether a Dag run goes on: what the flows need of it, without knowing how it is asked."""

from typing import Protocol


class DagRuns(Protocol):
    """What became of the Dag runs that work on flow runs."""

    def has_ended(self, flow: str, dag_run_id: str) -> bool | None:
        """Whether a dataflow's Dag run has ended, or is gone; None if that cannot be told now."""
        ...
