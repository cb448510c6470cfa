from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from headwater.model.documents import BatchEventCode
from headwater.model.records import RecordCounts
from headwater.model.runs import Batch, BatchStatus, ErrorSummary, Event, FlowRun, FlowRunState
from headwater.notify import Sender, batch_event, flow_run_event

START = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
END = datetime(2026, 11, 1, 2, 0, 7, 250_000, tzinfo=UTC)
SENDER = Sender(ims_org="ACME@Org", sandbox="prod", public_url="https://hw.example.com/")
BATCH = Batch(
    id="01JBKD0000000000000000AAAA",
    dataset="luma_purchases",
    flow_run_id="01JBKD0000000000000000RRRR",
    status=BatchStatus.SUCCESS,
    created_at=START,
    completed_at=END,
    snapshot_id=7,
    files=2,
    input_bytes=2048,
    output_bytes=1024,
    counts=RecordCounts(read=100, loaded=98, failed=2),
)
ERRORS = (
    ErrorSummary(code="INGEST-1212-400", message="2 of 100 records were rejected"),
    ErrorSummary(code="INGEST-1555-400", message="required field missing", record_count=2),
)
RUN = FlowRun(
    id="01JBKD0000000000000000RRRR",
    flow="luma-purchases",
    dataset="luma_purchases",
    state=FlowRunState.SUCCESS,
    trigger="scheduled",
    dag_run_id="scheduled__2026-11-01",
    batch_id=BATCH.id,
    window_start=None,
    window_end=None,
    started_at=START,
    completed_at=END,
    files=2,
    input_bytes=2048,
    counts=BATCH.counts,
    errors=ERRORS,
)


def payload(event: Event) -> dict[str, Any]:
    return cast("dict[str, Any]", event.body["event"])


@pytest.mark.parametrize("code", ["ing_load_success", "ig_load_success", "ps_load_success"])
def test_a_batch_that_passed_a_step_has_the_fields_of_the_published_sample(code: BatchEventCode) -> None:
    event = batch_event(code, batch=BATCH, sender=SENDER, now=END, flow="luma-purchases")

    assert event.body["event_id"] == event.id == str(UUID(event.id))
    assert (event.code, event.subject, event.dataset, event.flow) == (
        code,
        BATCH.id,
        "luma_purchases",
        "luma-purchases",
    )
    assert payload(event) == {
        "xdm:ingestionId": BATCH.id,
        "xdm:customerIngestionId": BATCH.id,
        "xdm:imsOrg": "ACME@Org",
        "xdm:completed": 1793498407250,
        "xdm:datasetId": "luma_purchases",
        "xdm:eventCode": code,
        "xdm:sandboxName": "prod",
        "xdm:eventType": code,
        "xdm:status": "success",
        "xdm:startTime": 1793498400000,
        "xdm:completionTime": 1793498407250,
        "xdm:succesfulRecords": 98,
        "xdm:failedRecords": 2,
        "sentTime": "1793498407250",
        "processStartTime": 1793498407250,
        "transformedTime": 1793498407250,
        "header": {
            "_adobeio": {
                "imsOrgId": "ACME@Org",
                "providerMetadata": "aep_observability_catalog_events",
                "eventCode": "platform_event",
            }
        },
    }


def test_a_failed_batch_says_why_and_that_nothing_was_stored() -> None:
    event = payload(
        batch_event("ing_load_failure", batch=BATCH, sender=SENDER, now=END, input_format="json", errors=ERRORS)
    )

    assert (event["xdm:status"], event["xdm:succesfulRecords"], event["xdm:inputFormat"]) == ("failure", 0, "json")
    assert event["xdm:errors"] == [
        {"xdm:code": "INGEST-1212-400", "xdm:rows": 0, "xdm:description": "2 of 100 records were rejected"},
        {"xdm:code": "INGEST-1555-400", "xdm:rows": 2, "xdm:description": "required field missing"},
    ]


def test_each_event_has_an_id_of_its_own() -> None:
    events = [batch_event("ing_load_success", batch=BATCH, sender=SENDER, now=END) for _ in range(2)]

    assert events[0].id != events[1].id


def test_a_successful_flow_run_lists_its_errors_and_links_to_the_rejected_records() -> None:
    event = flow_run_event("sources_flow_run_success", run=RUN, batch=BATCH, sender=SENDER, now=END)
    run = payload(event)

    assert (event.subject, run["id"], run["flowId"], run["providerRefId"]) == (
        RUN.id,
        RUN.id,
        "luma-purchases",
        "scheduled__2026-11-01",
    )
    assert run["header"]["_adobeio"]["eventCode"] == "sources_flow_run_success"
    assert run["metrics"] == {
        "durationSummary": {"startedAtUTC": 1793498400000, "completedAtUTC": 1793498407250},
        "sizeSummary": {"inputBytes": 2048, "outputBytes": 1024},
        "recordSummary": {"inputRecordCount": 100, "outputRecordCount": 98, "failedRecordCount": 2},
        "fileSummary": {"inputFileCount": 2, "outputFileCount": 2},
        "statusSummary": {
            "status": "success",
            "errors": [
                {"code": "INGEST-1212-400", "message": "2 of 100 records were rejected"},
                {"code": "INGEST-1555-400", "message": "required field missing", "recordCount": 2},
            ],
        },
    }
    copy, promotion = run["activities"]
    assert (copy["id"], promotion["id"]) == ("copyActivity", "promotionActivity")
    meta = f"https://hw.example.com/data/foundation/export/batches/{BATCH.id}/meta?path="
    assert promotion["fileSummary"]["extensions"]["manifest"]["fileInfo"] == meta + "input_files"
    assert promotion["statusSummary"]["extensions"]["manifest"] == {
        "failedRecords": meta + "row_errors",
        "sampleErrors": meta + "row_error_samples.json",
    }
    assert promotion["targetInfo"][0]["reference"] == {"type": "batch", "ids": [BATCH.id]}


def test_a_run_that_failed_before_it_had_a_batch_blames_the_copying() -> None:
    lost = FlowRun(
        id="r", flow="f", dataset="d", state=FlowRunState.FAILED, trigger="manual", dag_run_id=None, batch_id=None,
        window_start=None, window_end=None, started_at=START, completed_at=END,
        errors=(ErrorSummary(code="CONNECTOR-1001-500", message="the server refused the login"),),
    )  # fmt: skip
    run = payload(flow_run_event("sources_flow_run_failure", run=lost, batch=None, sender=SENDER, now=END))

    assert run["metrics"]["sizeSummary"] == {"inputBytes": 0, "outputBytes": -1}
    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 0
    (copy,) = run["activities"]
    assert copy["statusSummary"] == {
        "status": "failed",
        "errors": [{"code": "CONNECTOR-1001-500", "message": "the server refused the login"}],
    }


def test_a_run_that_failed_on_its_records_blames_the_promotion() -> None:
    run = payload(flow_run_event("sources_flow_run_failure", run=RUN, batch=BATCH, sender=SENDER, now=END))

    copy, promotion = run["activities"]
    assert copy["statusSummary"] == {"status": "success"}
    assert promotion["statusSummary"]["status"] == "failed"
    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 0
