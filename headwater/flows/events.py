"""The notifications of a flow run, in this installation's name."""

from collections.abc import Mapping
from datetime import datetime

from headwater.model.documents import BatchEventCode, Dataflow, FileEventCode, FlowRunEventCode
from headwater.model.runs import Batch, Event, FlowRun, FlowRunState
from headwater.notify import Sender
from headwater.notify import batch_event as build_batch_event
from headwater.notify import file_event as build_file_event
from headwater.notify import flow_run_event as build_flow_run_event
from headwater.settings import Settings


def batch_event(settings: Settings, code: BatchEventCode, batch: Batch, flow: Dataflow, *, now: datetime) -> Event:
    """A batch passed, or failed to pass, the step that the code names."""
    errors = batch.errors if code.endswith("_failure") else ()
    return build_batch_event(code, batch=batch, sender=_sender(settings), now=now, flow=flow.name, errors=errors)


def flow_run_event(settings: Settings, run: FlowRun, batch: Batch | None, *, now: datetime) -> Event:
    """A flow run ended."""
    failed = run.state is FlowRunState.FAILED
    code: FlowRunEventCode = "sources_flow_run_failure" if failed else "sources_flow_run_success"
    return build_flow_run_event(code, run=run, batch=batch, sender=_sender(settings), now=now)


def file_event(
    settings: Settings, code: FileEventCode, flow: Dataflow, *, subject: str, now: datetime, facts: Mapping[str, object]
) -> Event:
    """Files did not come as the dataflow expects them."""
    return build_file_event(
        code,
        subject=subject,
        flow=flow.name,
        dataset=flow.target.dataset,
        sender=_sender(settings),
        now=now,
        facts=facts,
    )


def _sender(settings: Settings) -> Sender:
    return Sender(ims_org=settings.ims_org, sandbox=settings.sandbox, public_url=settings.public_url)
