"""What receivers get: AEP's notification payloads (spec: notifications.md, sections 3 and 4).

Where AEP's published sample and its published schema name a field differently, the sample's name is used and the
schema's fields stand beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from headwater.model.documents import BatchEventCode, EventCode, FileEventCode, FlowRunEventCode
from headwater.model.runs import Batch, ErrorSummary, Event, FlowRun

PROVIDER: Final = "aep_observability_catalog_events"
"""Our `x-adobe-provider`, and `providerMetadata` in the payload. AEP does not publish its provider's id."""
BATCH_TOPIC: Final = "platform_event"
"""The one topic of all batch events."""
_CLIENT: Final = "headwater"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who notifies: what is the same in every payload of an installation.

    Attributes:
        ims_org: Organisation id.
        sandbox: Sandbox name.
        public_url: Address of the API, without a slash at the end; links begin with it.
    """

    ims_org: str
    sandbox: str
    public_url: str = "http://localhost:8080"


def topic_of(code: EventCode) -> str:
    """The delivery topic of an event: one for all batch events, the code itself for flow runs."""
    return code if code.startswith("sources_") else BATCH_TOPIC


def batch_event(
    code: BatchEventCode,
    *,
    batch: Batch,
    sender: Sender,
    now: datetime,
    flow: str | None = None,
    input_format: str | None = None,
    errors: Sequence[ErrorSummary] = (),
) -> Event:
    """A notification that a batch passed, or failed to pass, one step: `ing` lake, `ig` identity graph, `ps` profiles.

    Args:
        code: Which step, and how it ended.
        batch: The batch.
        sender: Who notifies.
        now: The end of the step (aware).
        flow: Name of the dataflow, for the outbox; not part of the payload.
        input_format: `json`, `csv` or `parquet`, if known.
        errors: What went wrong; for failures.
    """
    failed = code.endswith("_failure")
    event: dict[str, object] = {
        "xdm:ingestionId": batch.id,
        "xdm:customerIngestionId": batch.id,
        "xdm:imsOrg": sender.ims_org,
        "xdm:completed": _milliseconds(now),
        "xdm:datasetId": batch.dataset,
        "xdm:eventCode": code,
        "xdm:sandboxName": sender.sandbox,
        "xdm:eventType": code,
        "xdm:status": "failure" if failed else "success",
        "xdm:startTime": _milliseconds(batch.created_at),
        "xdm:completionTime": _milliseconds(now),
        "xdm:succesfulRecords": 0 if failed and code.startswith("ing_") else batch.counts.loaded,
        "xdm:failedRecords": batch.counts.failed,
    }
    if input_format is not None:
        event["xdm:inputFormat"] = input_format
    if failed:
        event["xdm:errors"] = [_batch_error(error) for error in errors]
    event |= {"sentTime": str(_milliseconds(now)), **_envelope(sender, topic_of(code), now)}
    return _event(code, batch.id, batch.dataset, flow, event, now)


def flow_run_event(
    code: FlowRunEventCode, *, run: FlowRun, batch: Batch | None, sender: Sender, now: datetime
) -> Event:
    """A notification that a flow run ended. A run whose failed records stayed below the threshold is a success.

    Args:
        code: How it ended.
        run: The flow run.
        batch: Its batch, None if it made none.
        sender: Who notifies.
        now: The time of sending (aware).
    """
    created, updated = _milliseconds(run.started_at), _milliseconds(run.completed_at or now)
    event: dict[str, object] = {
        "id": run.id,
        "flowId": run.flow,
        "providerRefId": run.dag_run_id or run.id,
        "etag": f'"{run.id}"',
        "createdAt": created,
        "updatedAt": updated,
        "createdBy": _CLIENT,
        "updatedBy": _CLIENT,
        "createdClient": _CLIENT,
        "updatedClient": _CLIENT,
        "sandboxId": sender.sandbox,
        "sandboxName": sender.sandbox,
        "imsOrgId": sender.ims_org,
        "metrics": _run_metrics(run, batch, failed=code == "sources_flow_run_failure"),
        "activities": _activities(run, batch, sender, updated, failed=code == "sources_flow_run_failure"),
        "slaCreatedAt": created,
        **_envelope(sender, topic_of(code), now),
    }
    return _event(code, run.id, run.dataset, run.flow, event, now)


def file_event(
    code: FileEventCode,
    *,
    subject: str,
    flow: str,
    dataset: str,
    sender: Sender,
    now: datetime,
    facts: Mapping[str, object],
) -> Event:
    """A notification about files that did not come as they were expected. AEP has none; the envelope is the same.

    Args:
        code: What is wrong.
        subject: What it is about, so that it is told once: a flow run, or a due time of a dataflow.
        flow: Name of the dataflow.
        dataset: Name of its dataset.
        sender: Who notifies.
        now: The time of sending (aware).
        facts: What was expected and what there is; paths, numbers and times only.
    """
    event: dict[str, object] = {
        "flowId": flow,
        "datasetId": dataset,
        "sandboxName": sender.sandbox,
        "imsOrgId": sender.ims_org,
        **facts,
        **_envelope(sender, topic_of(code), now),
    }
    return _event(code, subject, dataset, flow, event, now)


def _event(
    code: EventCode, subject: str, dataset: str, flow: str | None, payload: dict[str, object], now: datetime
) -> Event:
    event_id = str(uuid4())
    return Event(
        id=event_id,
        code=code,
        subject=subject,
        dataset=dataset,
        flow=flow,
        created_at=now,
        body={"event_id": event_id, "event": payload},
    )


def _envelope(sender: Sender, topic: str, now: datetime) -> dict[str, object]:
    return {
        "processStartTime": _milliseconds(now),
        "transformedTime": _milliseconds(now),
        "header": {"_adobeio": {"imsOrgId": sender.ims_org, "providerMetadata": PROVIDER, "eventCode": topic}},
    }


def _batch_error(error: ErrorSummary) -> dict[str, object]:
    return {"xdm:code": error.code, "xdm:rows": error.record_count or 0, "xdm:description": error.message}


def _run_metrics(run: FlowRun, batch: Batch | None, *, failed: bool) -> dict[str, object]:
    return {
        "durationSummary": _duration(run.started_at, run.completed_at),
        "sizeSummary": {"inputBytes": run.input_bytes, "outputBytes": batch.output_bytes if batch else -1},
        "recordSummary": {
            "inputRecordCount": run.counts.read,
            "outputRecordCount": 0 if failed else run.counts.loaded,
            "failedRecordCount": run.counts.failed,
        },
        "fileSummary": {"inputFileCount": run.files, "outputFileCount": 0 if failed else run.files},
        "statusSummary": _status(run.errors, failed=failed),
    }


def _activities(
    run: FlowRun, batch: Batch | None, sender: Sender, updated: int, *, failed: bool
) -> list[dict[str, object]]:
    """Copying from the source and promotion into the lake. What fails after files came is the promotion."""
    copied = not failed or run.files > 0
    copy: dict[str, object] = {
        "id": "copyActivity",
        "updatedAtUTC": updated,
        "durationSummary": _duration(run.started_at, run.completed_at),
        "sizeSummary": {"inputBytes": run.input_bytes, "outputBytes": run.input_bytes},
        "recordSummary": {"inputRecordCount": run.counts.read, "outputRecordCount": run.counts.read},
        "fileSummary": {"inputFileCount": run.files, "outputFileCount": run.files},
        "statusSummary": _status(() if copied else run.errors, failed=not copied),
        "sourceInfo": [{"id": run.flow, "type": "SourceConnection", "reference": {"type": "flowRun", "ids": [run.id]}}],
    }
    return [copy] if batch is None else [copy, _promotion(run, batch, sender, updated, failed=failed)]


def _promotion(run: FlowRun, batch: Batch, sender: Sender, updated: int, *, failed: bool) -> dict[str, object]:
    summary = _run_metrics(run, batch, failed=failed)
    files = {"inputFileCount": run.files, "outputFileCount": 0 if failed else run.files}
    status = _status(run.errors, failed=failed) | {"extensions": _promotion_extensions(run, batch, sender)}
    return {
        **summary,
        "id": "promotionActivity",
        "updatedAtUTC": updated,
        "durationSummary": _duration(batch.created_at, batch.completed_at),
        "fileSummary": files | {"extensions": {"manifest": {"fileInfo": _meta_url(sender, batch, "input_files")}}},
        "statusSummary": status,
        "targetInfo": [
            {"id": batch.dataset, "type": "TargetConnection", "reference": {"type": "batch", "ids": [batch.id]}}
        ],
    }


def _promotion_extensions(run: FlowRun, batch: Batch, sender: Sender) -> dict[str, object]:
    extensions: dict[str, object] = {"batchId": batch.id}
    if run.counts.failed:
        extensions["manifest"] = {
            "failedRecords": _meta_url(sender, batch, "row_errors"),
            "sampleErrors": _meta_url(sender, batch, "row_error_samples.json"),
        }
    if run.errors:
        extensions["errors"] = [_run_error(error) for error in run.errors]
    return extensions


def _status(errors: Sequence[ErrorSummary], *, failed: bool) -> dict[str, object]:
    status: dict[str, object] = {"status": "failed" if failed else "success"}
    return status | {"errors": [_run_error(error) for error in errors]} if errors else status


def _run_error(error: ErrorSummary) -> dict[str, object]:
    summary: dict[str, object] = {"code": error.code, "message": error.message}
    return summary if error.record_count is None else summary | {"recordCount": error.record_count}


def _duration(started_at: datetime, completed_at: datetime | None) -> dict[str, object]:
    duration: dict[str, object] = {"startedAtUTC": _milliseconds(started_at)}
    return duration if completed_at is None else duration | {"completedAtUTC": _milliseconds(completed_at)}


def _meta_url(sender: Sender, batch: Batch, path: str) -> str:
    base = sender.public_url.rstrip("/")
    return f"{base}/data/foundation/export/batches/{batch.id}/meta?path={quote(path, safe='')}"


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
