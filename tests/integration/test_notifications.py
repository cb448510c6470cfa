"""Events on their way to real receivers: order, repeats, states, journal and replay, with nothing else running."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.catalog.outbox import Selection
from headwater.catalog.tables import resource
from headwater.errors import ConflictError, DeliveryError, HeadwaterError, NotFoundError
from headwater.flows import Workspace, open_workspace
from headwater.flows.journal import parse_seek, read_journal, replay_events, replay_range
from headwater.flows.notifications import DeliveryReport, deliver_due, enqueue
from headwater.flows.receivers import enable, webhook_reports
from headwater.model.documents import Dataflow, Webhook
from headwater.model.runs import Delivery, Event, WebhookState
from headwater.notify.signing import rotate_signing_keys
from headwater.settings import Settings
from tests.servers.webhook import Answer, WebhookReceiver, webhook_receiver

CHALLENGE = Answer(headers={"Content-Type": "text/plain"}, echo="CHALLENGE")
CODES = ("ing_load_success", "ig_load_success", "ps_load_success")
FLOW = Dataflow.from_json(
    {
        "name": "f",
        "source": {"account": "a"},
        "target": {"dataset": "d"},
        "schedule": {"frequency": "once"},
        "notify": ["one", "two"],
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An installation without dataflows, whose events go to one receiver."""

    workspace: Workspace
    receiver: WebhookReceiver

    def put(self, name: str = "one", *, path: str = "", **changes: object) -> None:
        """Apply a webhook that points to the receiver."""
        document = {"name": name, "url": self.receiver.url() + path, "events": list(CODES)}
        self.workspace.catalog.resources.put(Webhook.from_json(document | changes))

    def tell(self, subject: str, *codes: str) -> list[str]:
        """Write events, as a flow run does; returns their ids."""
        ids = []
        for code in codes or CODES:
            event_id = f"{subject}-{code}"
            event = Event(
                id=event_id, code=code, subject=subject, dataset="d", flow="f", created_at=datetime.now(UTC),
                body={"event_id": event_id, "event": {}},
            )  # fmt: skip
            with self.workspace.catalog.transaction() as stores:
                assert enqueue(stores, event, FLOW)
            ids.append(event_id)
        return ids

    def again(self) -> DeliveryReport:
        """Deliver as if whatever waits were due."""
        for waiting in self.workspace.catalog.outbox.waiting():
            self.workspace.catalog.outbox.take(waiting, until=datetime.now(UTC))
        return deliver_due(self.workspace)

    @property
    def posted(self) -> list[str]:
        """The ids of the events that came, repeats included."""
        return [json.loads(request.body)["event_id"] for request in self.receiver.requests if request.method == "POST"]

    @property
    def waiting(self) -> list[Delivery]:
        return self.workspace.catalog.outbox.waiting()


def spoil_webhook(workspace: Workspace, body: dict[str, object]) -> None:
    """What no code of Headwater does: change the document of webhook `one` behind the catalog's back."""
    engine = sa.create_engine(workspace.settings.catalog_database)
    with engine.begin() as connection:
        connection.execute(sa.update(resource).where(resource.c.name == "one").values(body=body))
    engine.dispose()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    settings = Settings.load(home=tmp_path, allow_private_webhooks=True)
    with webhook_receiver() as receiver, open_workspace(settings) as workspace:
        receiver.answers.append(CHALLENGE)
        yield Told(workspace=workspace, receiver=receiver)


class TestOrder:
    def test_a_repeated_event_keeps_its_id_and_the_later_ones_wait_for_it(self, told: Told) -> None:
        told.put()
        ids = told.tell("b")
        told.receiver.answers += [Answer(status=503), Answer(status=429), Answer(status=200)]

        first = deliver_due(told.workspace)
        assert (first.delivered, first.pending) == (0, 3)
        assert told.again().delivered == 0
        assert told.again().delivered == 3

        assert told.posted == [ids[0], ids[0], *ids]
        counts = [request.headers.get("x-adobe-retry-count") for request in told.receiver.requests[1:]]
        assert counts == [None, "1", "2", None, None]

    def test_one_event_that_is_refused_holds_up_no_other_batch(self, told: Told) -> None:
        told.put()
        told.tell("b1", *CODES[:1]), told.tell("b2", *CODES[:1]), told.tell("b3", *CODES[:1])
        told.receiver.answers += [Answer(status=503), Answer(status=400)]

        report = deliver_due(told.workspace)

        assert (report.delivered, report.pending) == (1, 1)
        assert [delivery.event.subject for delivery in told.waiting] == ["b1"]

    def test_a_receiver_that_asks_to_come_again_is_left_alone_after_five_times(self, told: Told) -> None:
        told.put()
        for number in range(20):
            told.tell(f"b{number}", CODES[0])
        told.receiver.default = Answer(status=503)

        assert deliver_due(told.workspace).pending == 20
        assert len(told.posted) == 5

    def test_a_report_names_fifty_of_the_deliveries_that_failed_and_counts_the_others(self, told: Told) -> None:
        told.put()
        for number in range(62):
            told.tell(f"b{number:02d}", CODES[0])
        later = datetime.now(UTC) + timedelta(hours=1)
        for waiting in told.waiting[:60]:
            told.workspace.catalog.outbox.retry(waiting, reason="it was asleep", next_attempt_at=later)
        told.receiver.default = Answer(status=400)

        report = deliver_due(told.workspace)

        assert report.pending == 60
        assert len(report.notes) == 51
        assert report.notes[0].startswith("ing_load_success of b00 has not reached 'one' (it was asleep); next attempt")
        assert report.notes[-1] == "10 more were tried and have not reached their receivers"
        assert webhook_reports(told.workspace)[0].waiting == 60

    def test_two_deliverers_at_once_keep_each_batch_in_order_and_repeat_nothing(self, told: Told) -> None:
        told.put()
        before = told.tell("b")
        deliver_due(told.workspace)
        expected = [told.tell(f"b{number}") for number in range(15)]
        with ThreadPoolExecutor(2) as pool:
            delivered = sum(report.delivered for report in pool.map(deliver_due, [told.workspace] * 2))

        assert delivered == 45
        assert sorted(told.posted) == sorted(before + [event for batch in expected for event in batch])
        for batch in expected:
            assert [event for event in told.posted if event in batch] == batch


class TestKilled:
    def test_an_event_of_a_deliverer_that_was_killed_is_sent_again_with_its_id(self, told: Told) -> None:
        told.put()
        ids = told.tell("b")
        told.receiver.answers.append(Answer(hang=True))
        home = {"HEADWATER_HOME": str(told.workspace.settings.home), "HEADWATER_ALLOW_PRIVATE_WEBHOOKS": "true"}
        command = [str(Path(sys.executable).with_name("headwater")), "deliver"]
        with subprocess.Popen(command, env=os.environ | home) as deliverer:  # noqa: S603 - our own command
            deadline = time.monotonic() + 60
            while not told.posted:
                assert time.monotonic() < deadline, "the deliverer sent nothing"
                time.sleep(0.05)
            deliverer.kill()

        assert deliver_due(told.workspace).delivered == 0, "it may still be on its way"
        assert told.again().delivered == 3
        assert told.posted == [ids[0], *ids]


class TestSlowReceivers:
    def test_a_silent_receiver_delays_no_other_webhook(self, told: Told, tmp_path: Path) -> None:
        with webhook_receiver() as silent:
            silent.default = Answer(hang=True)
            told.put("one", url=silent.url())
            told.put("two")
            told.tell("b")
            with ThreadPoolExecutor(1) as pool:
                report = pool.submit(deliver_due, told.workspace)
                deadline = time.monotonic() + 9
                while len(told.posted) < 3:
                    assert time.monotonic() < deadline, "the other webhook had to wait for the silent one"
                assert not report.done()
                assert report.result(timeout=30).delivered == 3
        [first, *others] = told.workspace.catalog.outbox.waiting(Selection(webhook="one"))
        assert (first.attempts, [other.attempts for other in others]) == (1, [0, 0])
        assert first.last_error == "the receiver took longer than 10 s"

    def test_a_broken_signing_key_holds_deliveries_up_and_fails_nothing(
        self, told: Told, caplog: pytest.LogCaptureFixture
    ) -> None:
        told.put()
        told.tell("b")
        folder = told.workspace.settings.signing_keys
        rotate_signing_keys(folder)
        (folder / "1.pem").write_text("broken")

        report = deliver_due(told.workspace)

        assert (report.delivered, report.pending, told.receiver.requests) == (0, 3, [])
        assert f"no notification is delivered until this is mended: signing key {folder}/1.pem" in caplog.text
        (folder / "1.pem").unlink()
        assert deliver_due(told.workspace).delivered == 3
        assert {"x-adobe-digital-signature-1"} == {
            name for request in told.receiver.requests for name in request.headers if "digital" in name
        }

    def test_no_attempt_begins_after_the_time_is_over(self, told: Told) -> None:
        told.put()
        told.tell("b")

        report = deliver_due(told.workspace, within=timedelta(0))

        assert (report.delivered, report.pending, told.receiver.requests) == (0, 3, [])


class TestStates:
    def test_a_receiver_that_does_not_want_events_gets_none(self, told: Told) -> None:
        told.receiver.answers.clear()
        told.put()
        told.tell("b")

        report = deliver_due(told.workspace)

        assert (report.delivered, report.pending, told.posted) == (0, 0, [])
        [webhook] = webhook_reports(told.workspace)
        assert (webhook.state, webhook.waiting) == ("disabled", 0)
        assert webhook.reason is not None
        assert webhook.reason.startswith("webhook 'one' did not repeat the challenge")
        told.tell("b2")
        assert told.waiting == []
        assert len(read_journal(told.workspace, "one").entries) == 6
        with pytest.raises(ConflictError, match=r"webhook 'one' is disabled.*headwater notifications enable one"):
            replay_events(told.workspace, "one", ["b2-ing_load_success"])
        with pytest.raises(DeliveryError, match="did not repeat the challenge"):
            enable(told.workspace, "one")

        told.receiver.answers.append(CHALLENGE)
        enable(told.workspace, "one")

        assert [webhook.state for webhook in webhook_reports(told.workspace)] == ["active"]
        assert deliver_due(told.workspace).delivered == 0, "what it missed is not sent by itself"
        ids = told.tell("b3")
        assert deliver_due(told.workspace).delivered == 3
        assert told.posted == ids

    def test_a_changed_document_is_challenged_again_even_if_it_was_disabled(self, told: Told) -> None:
        told.receiver.answers.clear()
        told.put()
        told.tell("b")
        deliver_due(told.workspace)
        told.receiver.answers.append(CHALLENGE)
        told.put(path="/mended")
        told.tell("b2")

        assert deliver_due(told.workspace).delivered == 3
        assert [request.method for request in told.receiver.requests] == ["GET", "GET", "POST", "POST", "POST"]

    def test_an_unanswered_challenge_is_repeated_with_the_delivery(self, told: Told) -> None:
        told.receiver.answers.appendleft(Answer(status=502))
        told.put()
        told.tell("b")

        report = deliver_due(told.workspace)
        assert report.pending == 3
        assert "webhook 'one' was not challenged: localhost answered 502; it is tried again" in report.notes[0]
        assert [webhook.state for webhook in webhook_reports(told.workspace)] == ["unstable"]
        assert told.again().delivered == 3
        assert [webhook.state for webhook in webhook_reports(told.workspace)] == ["active"]

    def test_a_receiver_that_has_not_answered_its_challenge_for_a_day_is_disabled(self, told: Told) -> None:
        told.receiver.answers.clear()
        told.receiver.default = Answer(status=502)
        told.put()
        told.tell("b")
        deliver_due(told.workspace)
        receivers = told.workspace.catalog.receivers
        status = receivers.status("one")
        assert status is not None
        receivers.set_status(replace(status, since=status.since - timedelta(hours=23)))
        assert told.again().pending == 3

        receivers.set_status(replace(status, since=status.since - timedelta(hours=24)))

        assert told.again().pending == 0
        [webhook] = webhook_reports(told.workspace)
        assert (webhook.state, webhook.waiting) == ("disabled", 0)
        assert str(webhook.reason).startswith("it has not answered its challenge for 24 hours: webhook 'one' was not")

    def test_a_webhook_whose_document_disables_it_gets_journal_entries_only(self, told: Told) -> None:
        told.put(enabled=False)
        told.tell("b")

        assert deliver_due(told.workspace).pending == 0
        assert told.receiver.requests == []
        assert len(read_journal(told.workspace, "one").entries) == 3
        with pytest.raises(ConflictError, match="set `enabled: true` there and apply it"):
            enable(told.workspace, "one")

    def test_a_receiver_that_fails_most_of_the_time_becomes_unstable(self, told: Told) -> None:
        told.put()
        told.receiver.default = Answer(status=400)
        for number in range(4):
            told.tell(f"b{number}")
        deliver_due(told.workspace)

        status = told.workspace.catalog.receivers.status("one")
        assert status is not None
        assert (status.state, status.reason) == (WebhookState.UNSTABLE, "10 of 10 attempts within a day failed")
        told.receiver.default = Answer()
        told.tell("b9")
        assert deliver_due(told.workspace).delivered == 3, "it is still served"

    def test_a_missing_secret_is_waited_for(self, told: Told, tmp_path: Path) -> None:
        told.put(secret={"file": str(tmp_path / "secret")})
        told.tell("b")

        report = deliver_due(told.workspace)
        assert (report.delivered, report.pending) == (0, 3)
        assert "webhook 'one', `secret`: the secret's file" in report.notes[0]
        (tmp_path / "secret").write_text("key\n")
        assert told.again().delivered == 3

    def test_a_secret_that_is_no_text_is_waited_for_and_holds_up_no_other_webhook(
        self, told: Told, tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(b"\xff\x00\x80" * 8)
        told.put(secret={"file": str(secret)})
        told.put("two")
        told.tell("b")

        report = deliver_due(told.workspace)
        assert (report.delivered, report.pending) == (3, 3)
        assert f"webhook 'one', `secret`: the secret's file '{secret}' is not UTF-8 text" in report.notes[0]
        secret.write_text("key\n")
        told.receiver.answers.append(CHALLENGE)
        assert told.again().delivered == 3

    def test_what_nobody_foresaw_is_tried_again_and_holds_up_no_other_webhook(self, told: Told) -> None:
        told.put()
        told.put("two")
        told.tell("b")
        spoilt = told.workspace.catalog.resources.typed(Webhook, "one")
        spoil_webhook(told.workspace, spoilt.to_json() | {"spoilt": True})

        report = deliver_due(told.workspace)
        assert (report.delivered, report.pending) == (3, 3)
        assert "unexpected ValidationError; the log has the details" in report.notes[0]
        spoil_webhook(told.workspace, spoilt.to_json())
        told.receiver.answers.append(CHALLENGE)
        assert told.again().delivered == 3


class TestJournal:
    def test_it_is_read_page_by_page_with_positions(self, told: Told) -> None:
        told.put()
        ids = told.tell("b1") + told.tell("b2")

        first = read_journal(told.workspace, "one", limit=4)
        second = read_journal(told.workspace, "one", since=first.last, limit=4)
        end = read_journal(told.workspace, "one", since=second.last)

        assert [entry.event.id for entry in first.entries + second.entries] == ids
        assert first.to_json()["_page"] == {"last": str(first.entries[-1].position), "count": 4}
        assert first.to_json()["events"][0] == {
            "position": str(first.entries[0].position),
            "event": {"event_id": ids[0], "event": {}},
        }
        assert (end.entries, end.last) == ((), second.last)
        assert len(read_journal(told.workspace, "one", seek=parse_seek("-PT1H")).entries) == 6
        assert read_journal(told.workspace, "one", seek=parse_seek("PT0S")).entries == ()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"since": "x"}, "`since` 'x' is no position of a journal"),
            ({"since": "-1"}, "`since` '-1' is no position of a journal"),
            ({"since": "9" * 30}, "is no position of a journal"),
            ({"since": "1", "seek": timedelta(hours=-1)}, "give `since` or `seek`, not both"),
            ({"seek": timedelta(hours=1)}, "`seek` leads into the future"),
        ],
        ids=["word", "negative", "huge", "both", "future"],
    )
    def test_a_wrong_place_is_refused(self, told: Told, arguments: dict[str, object], message: str) -> None:
        told.put()

        with pytest.raises(HeadwaterError, match=message):
            read_journal(told.workspace, "one", **arguments)  # type: ignore[arg-type]

    def test_a_replay_sends_again_with_the_same_ids_and_changes_no_record(self, told: Told) -> None:
        told.put()
        ids = told.tell("b1") + told.tell("b2")
        deliver_due(told.workspace)
        journal = read_journal(told.workspace, "one")

        assert replay_events(told.workspace, "one", [ids[4], ids[0]]) == 2
        assert deliver_due(told.workspace).delivered == 2
        assert told.posted[6:] == [ids[0], ids[4]]
        now = datetime.now(UTC)
        assert replay_range(told.workspace, "one", since=now - timedelta(hours=1), until=now) == 6
        assert replay_range(told.workspace, "one", since=now, until=now + timedelta(hours=1)) == 0
        assert deliver_due(told.workspace).delivered == 6

        for batch in (ids[:3], ids[3:]):
            assert [event for event in told.posted[8:] if event in batch] == batch
        assert read_journal(told.workspace, "one") == journal

    def test_an_event_that_is_not_in_the_journal_cannot_be_replayed(self, told: Told) -> None:
        told.put()

        with pytest.raises(
            NotFoundError, match="the journal of webhook 'one' has no event x; it holds the last 7 days"
        ):
            replay_events(told.workspace, "one", ["x"])
        with pytest.raises(NotFoundError, match="no webhook 'three' in the catalog; there are one"):
            read_journal(told.workspace, "three")
