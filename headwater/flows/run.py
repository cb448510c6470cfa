"""All steps of a flow run in this process: what Airflow's tasks do one by one."""

from connectors.errors import ConnectorError
from headwater.errors import HeadwaterError
from headwater.flows.begin import begin_run
from headwater.flows.discover import discover_files
from headwater.flows.finish import finish
from headwater.flows.ingest import Progress, ingest_group
from headwater.flows.load import load_identities, load_lake, load_profiles
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.runs import FlowRun


def run_dataflow(
    workspace: Workspace, flow: Dataflow, request: RunRequest, progress: Progress | None = None
) -> FlowRun:
    """Run the dataflow once and return the closed flow run, also where it failed: its `state` and `errors` say so.

    Whatever else ends it, such as Ctrl-C, closes the run too before it goes on its way.
    """
    run_id = begin_run(workspace, flow, request)
    failure: str | None = "interrupted"
    try:
        _run_steps(workspace, run_id, progress)
        failure = None
    except (HeadwaterError, ConnectorError) as error:
        failure = str(error)
    finally:
        closed = finish(workspace, run_id, flow=flow.name, failure=failure)
    return closed


def _run_steps(workspace: Workspace, run_id: str, progress: Progress | None) -> None:
    discovery = discover_files(workspace, run_id)
    if progress is not None:
        progress("total", discovery.bytes)
    for group in discovery.groups:
        if ingest_group(workspace, run_id, group, progress=progress).stopped:
            break
    if discovery.groups:
        load_lake(workspace, run_id)
        load_identities(workspace, run_id)
        load_profiles(workspace, run_id)
