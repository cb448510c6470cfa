"""The rejected records of a batch, and what is said where there are none to show."""

from datetime import timedelta

from headwater.catalog.base import utc_now
from headwater.flows.workspace import Workspace
from headwater.model.runs import Batch


def why_not_kept(workspace: Workspace, batch: Batch) -> str | None:
    """Why nothing is kept of a batch's rejected records; None if none was rejected, or something is kept."""
    if not batch.counts.failed or workspace.diagnostics.files(batch.id):
        return None
    rejected = f"{batch.counts.failed:,} records were rejected"
    flow, _ = workspace.catalog.flow_runs.document(batch.flow_run_id)
    if not flow.keeps_diagnostics:
        return f"{rejected}, and none is kept: `error_diagnostics` of dataflow {flow.name} was off"
    days = workspace.settings.diagnostics_days
    if batch.created_at < utc_now() - timedelta(days=days):
        return f"{rejected}, and deleted after {days} days (HEADWATER_DIAGNOSTICS_DAYS)"
    return f"{rejected}, and deleted"
