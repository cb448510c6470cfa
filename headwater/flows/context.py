"""What one flow run works on, looked up from its id, and where its failures are remembered."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from connectors.errors import ConnectorError
from headwater.errors import FileError, HeadwaterError
from headwater.flows.heartbeat import beating
from headwater.flows.schemas import resolve_schema
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, Dataset, MappingSet, RunRequest, Source
from headwater.model.runs import ErrorSummary, FlowRun
from headwater.xdm import ResolvedSchema

log = logging.getLogger(__name__)

COPY_FAILED = "CONNECTOR-1001-500"
"""AEP: copying from the source failed."""
PROCESSING_FAILED = "CONNECTOR-2001-500"
"""AEP: processing the copied data failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """A flow run with its dataflow, request and the resources that these name."""

    run: FlowRun
    flow: Dataflow
    request: RunRequest
    dataset: Dataset
    schema: ResolvedSchema
    mapping_set: MappingSet | None

    @property
    def source(self) -> Source:
        """The dataflow's source with the request's overrides."""
        return effective_source(self.flow, self.request)

    @property
    def looks_at_everything(self) -> bool:
        """Whether the run looks at all of the dataflow's files, and not at a part that was asked for."""
        request = self.request
        return all(
            value is None
            for value in (request.account, request.path, request.files, request.window_start, request.window_end)
        )

    @property
    def batch_id(self) -> str:
        """The run's batch; only runs that found files have one."""
        if self.run.batch_id is None:
            raise HeadwaterError(f"flow run {self.run.id} found no files and so has no batch")
        return self.run.batch_id


def effective_source(flow: Dataflow, request: RunRequest) -> Source:
    """The dataflow's source with what the request overrides."""
    overrides = {"account": request.account, "path": request.path, "files": request.files}
    return flow.source.model_copy(update={key: value for key, value in overrides.items() if value is not None})


def open_context(workspace: Workspace, flow_run_id: str) -> RunContext:
    """Look up everything a step needs.

    Raises:
        NotFoundError: the run, or a resource that its dataflow names, does not exist.
        SchemaError: the dataset's schema does not compose.
    """
    catalog = workspace.catalog
    run = catalog.flow_runs.get(flow_run_id)
    flow, request = catalog.flow_runs.document(flow_run_id)
    dataset = catalog.resources.typed(Dataset, flow.target.dataset)
    return RunContext(
        run=run,
        flow=flow,
        request=request,
        dataset=dataset,
        schema=resolve_schema(catalog.resources, dataset.xdm_schema, tenant=workspace.settings.tenant),
        mapping_set=catalog.resources.typed(MappingSet, flow.mapping_set) if flow.mapping_set else None,
    )


@contextmanager
def recorded(workspace: Workspace, flow_run_id: str, step: str) -> Iterator[None]:
    """Keep the run's lease renewed meanwhile, and the step's failure with the run until the step succeeds.

    After a task of a Dag run the lease is long: the next task may wait in a queue, where nothing renews it.
    """
    flow_runs = workspace.catalog.flow_runs
    try:
        with beating(workspace, flow_run_id):
            yield
    except (HeadwaterError, ConnectorError) as error:
        failure = ErrorSummary(code=_code(error), message=str(error), step=step)
        flow_runs.set_step_error(flow_run_id, step, failure)
        raise
    except Exception as error:
        flow_runs.set_step_error(flow_run_id, step, unexpected(step, error))
        raise
    else:
        flow_runs.set_step_error(flow_run_id, step, None)
    finally:
        if flow_runs.get(flow_run_id).dag_run_id is not None:
            flow_runs.renew(flow_run_id, timedelta(hours=workspace.settings.recovery_hours))


def unexpected(step: str, error: Exception) -> ErrorSummary:
    """How a run remembers an error that nobody foresaw: its text may hold anything, so that it stays in the log."""
    message = f"unexpected {type(error).__name__} in step {step!r}; the task's log has the details"
    return ErrorSummary(code=PROCESSING_FAILED, message=message, step=step)


def _code(error: HeadwaterError | ConnectorError) -> str:
    if isinstance(error, ConnectorError):
        return COPY_FAILED
    return error.code if isinstance(error, FileError) else PROCESSING_FAILED
