"""E-mails and Slack messages by Airflow's own notifiers, against servers that speak SMTP and HTTP."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.definitions.context import Context

from headwater.flows import Workspace, open_workspace
from headwater.flows.journal import read_journal, replay_events
from headwater.flows.notifications import deliver_due, enqueue
from headwater.model.documents import Dataflow, Notifier
from headwater.model.runs import Batch, BatchStatus, ErrorSummary, Event
from headwater.notify import Sender, batch_event
from headwater.notify.messages import write_message
from headwater.orchestration.notifiers import AirflowNotifiers
from headwater.orchestration.operators import DeliverDueOperator
from headwater.settings import Settings
from tests.integration.installation import environment
from tests.servers.smtp import MailServer, mail_server
from tests.servers.webhook import Answer, webhook_receiver

NOW = datetime.now(UTC)
BATCH = Batch(
    id="01K0000000000000000000TEST", dataset="d", flow_run_id="r", status=BatchStatus.FAILED,
    created_at=NOW, completed_at=NOW, snapshot_id=None,
)  # fmt: skip
ERRORS = (ErrorSummary(code="X", message="a <b>bad</b> {{ 7 * 7 }} & file"),)
EVENT = batch_event(
    "ing_load_failure", batch=BATCH, sender=Sender(ims_org="o", sandbox="prod"), now=NOW, flow="f", errors=ERRORS
)
FLOW = Dataflow.from_json(
    {
        "name": "f",
        "source": {"account": "a"},
        "target": {"dataset": "d"},
        "schedule": {"frequency": "once"},
        "notify": ["people"],
    }
)
EMAIL = Notifier.from_json(
    {
        "name": "people",
        "type": "email",
        "connection": "j_mail",
        "to": ["ops@example.com", "data@example.com"],
        "events": ["ing_load_failure"],
    }
)
SLACK = Notifier.from_json({"name": "people", "type": "slack", "connection": "j_slack", "events": ["ing_load_failure"]})
MESSENGER = AirflowNotifiers(Context())
MESSAGE = write_message(EVENT, public_url="https://headwater.example.com/")


def mail_connection(port: int, **extra: object) -> dict[str, str]:
    usual = {"from_email": "headwater@example.com", "disable_ssl": True, "disable_tls": True, "timeout": 2}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": usual | {"retry_limit": 0} | extra}
    return {"AIRFLOW_CONN_J_MAIL": json.dumps(connection)}


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server, environment(mail_connection(server.port)):
        yield server


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(Settings.load(home=tmp_path)) as opened:
        opened.catalog.resources.put(EMAIL)
        yield opened


def tell(workspace: Workspace, event: Event) -> None:
    with workspace.catalog.transaction() as stores:
        assert enqueue(stores, event, FLOW)


def test_an_email_says_what_happened_and_renders_nothing(mail: MailServer) -> None:
    result = MESSENGER.send(EMAIL, MESSAGE)

    assert (result.ok, result.detail) == (True, "sent by people")
    assert mail.recipients == [["ops@example.com", "data@example.com"]]
    [message] = mail.messages
    assert (message["Subject"], message["From"]) == ("Batch failed: f", "headwater@example.com")
    assert message["X-Headwater-Event-Id"] == EVENT.id
    body = message.get_body()
    assert body is not None
    html = body.get_content()
    assert "a &lt;b&gt;bad&lt;/b&gt; {{ 7 * 7 }} &amp; file" in html
    assert f"https://headwater.example.com/headwater/batches/{BATCH.id}" in html


def test_a_slack_message_goes_to_the_connections_channel() -> None:
    with webhook_receiver() as slack:
        slack.default = Answer(body=b"ok")
        connection = {
            "conn_type": "slackwebhook", "schema": "http", "host": f"127.0.0.1:{slack.port}/services",
            "password": "T1/B1/token",
        }  # fmt: skip
        with environment({"AIRFLOW_CONN_J_SLACK": json.dumps(connection)}):
            result = MESSENGER.send(SLACK, MESSAGE)
            slack.default = Answer(status=500)
            failed = MESSENGER.send(SLACK, MESSAGE)

    assert result.ok, result.detail
    request = slack.requests[0]
    assert request.path == "/services/T1/B1/token"
    text = json.loads(request.body)["text"]
    assert text.startswith("*Batch failed: f*\ndataflow: f\ndataset: d\n")
    assert "a &lt;b&gt;bad&lt;/b&gt; {{ 7 * 7 }} &amp; file" in text
    assert (failed.ok, failed.retryable) == (False, True)
    assert "token" not in failed.detail


@pytest.mark.parametrize("case", ["nobody listens", "no connection", "refused"])
def test_a_server_that_does_not_take_it_is_asked_again(mail: MailServer, case: str) -> None:
    mail.answer = "554 no, and hunter2"
    variables = {"nobody listens": mail_connection(1), "no connection": {"AIRFLOW_CONN_J_MAIL": ""}, "refused": {}}
    with environment(variables[case]):
        result = MESSENGER.send(EMAIL, MESSAGE)

    assert (result.ok, result.retryable, mail.messages) == (False, True, [])
    assert result.detail.startswith("notifier 'people' could not send by Connection 'j_mail' (")
    assert "hunter2" not in result.detail


def test_flow_runs_leave_messages_to_the_deliveries_dag_which_sends_each_once(
    workspace: Workspace, mail: MailServer
) -> None:
    tell(workspace, EVENT)

    assert deliver_due(workspace).pending == 1
    assert mail.messages == []
    workspace.messenger = MESSENGER
    assert deliver_due(workspace).delivered == 1
    assert deliver_due(workspace).delivered == 0
    assert len(mail.messages) == 1
    assert replay_events(workspace, "people", [EVENT.id]) == 1
    assert deliver_due(workspace).delivered == 1
    assert [message["X-Headwater-Event-Id"] for message in mail.messages] == [EVENT.id] * 2
    assert len(read_journal(workspace, "people").entries) == 1


def test_the_deliveries_task_sends_messages(workspace: Workspace, mail: MailServer) -> None:
    tell(workspace, EVENT)
    with environment({"HEADWATER_HOME": str(workspace.settings.home)}):
        report = DeliverDueOperator(task_id="deliver_due").execute(Context())

    assert report == {"delivered": 1, "pending": 0, "notes": []}
    assert [message["X-Headwater-Event-Id"] for message in mail.messages] == [EVENT.id]


def test_a_failed_message_is_tried_again_a_minute_later(workspace: Workspace, mail: MailServer) -> None:
    mail.answer = "451 later"
    workspace.messenger = MESSENGER
    tell(workspace, replace(EVENT, created_at=datetime.now(UTC)))

    report = deliver_due(workspace)

    assert (report.delivered, report.pending) == (0, 1)
    [waiting] = workspace.catalog.outbox.waiting()
    assert waiting.attempts == 1
    assert timedelta(seconds=1) < waiting.next_attempt_at - datetime.now(UTC) <= timedelta(minutes=1)
    assert "has not reached 'people' (notifier 'people' could not send" in report.notes[0]


def test_a_message_about_files_has_no_link_and_names_the_files() -> None:
    event = replace(EVENT, code="sources_file_late", body={"event": {"paths": ["/a", "/b"]}})

    message = write_message(event, public_url="https://x")

    assert (message.title, message.link) == ("Files are late: f", None)
    assert message.facts["paths"] == "/a, /b"
