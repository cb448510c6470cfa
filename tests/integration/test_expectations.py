"""Files that are late, missing, short or empty are told to whoever is subscribed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from demo.data import ndjson
from headwater.flows.expectations import DueTime, check_expectations, due_time
from headwater.model.documents import Dataflow, Expectation, Webhook
from headwater.model.runs import FlowRunState
from tests.integration.installation import LOYALTY, Installation, luma_installation

CODES = ("sources_file_late", "sources_file_missing", "sources_file_short", "sources_file_empty")


@pytest.fixture
def luma(tmp_path: Path) -> Iterator[Installation]:
    with luma_installation(tmp_path) as installation:
        resources = installation.workspace.catalog.resources
        webhook = resources.typed(Webhook, "luma_webhook")
        resources.put(webhook.model_copy(update={"events": (*webhook.events, *CODES)}))
        yield installation


def flow(luma: Installation, **expect: object) -> Dataflow:
    document = luma.flow(LOYALTY).to_authored() | {"enabled": True, "expect": {"cron": "0 6 * * *", **expect}}
    return Dataflow.from_json(document)


def told(luma: Installation) -> list[dict[str, object]]:
    """The events about files that the receiver got, with their code."""
    found = []
    for request in luma.receiver.requests:
        code = request.headers.get("x-adobe-event-code")
        if code in CODES:
            found.append({"code": code, **json.loads(request.body)["event"]})
    return found


def test_due_times_follow_the_local_clock() -> None:
    expect = Expectation(cron="30 2 * * *", timezone="Europe/Berlin")
    saturday, sunday, monday_morning = (
        datetime(2026, 10, day, hour, 30, tzinfo=UTC) for day, hour in ((24, 0), (25, 0), (26, 1))
    )
    after_the_change = due_time(expect, datetime(2026, 10, 26, 12, tzinfo=UTC))
    assert (after_the_change.before, after_the_change.due) == (sunday, monday_morning), "02:30 is not due twice"
    in_the_repeated_hour = datetime(2026, 10, 25, 1, 45, tzinfo=UTC)
    assert due_time(expect, in_the_repeated_hour) == DueTime(before=saturday, due=sunday, after=monday_morning)
    left_out = due_time(expect, datetime(2026, 3, 29, 12, tzinfo=UTC)).due
    assert left_out == datetime(2026, 3, 29, 1, tzinfo=UTC)
    weekday = Expectation(cron="0 6 * * 1-5")
    monday = datetime(2026, 11, 23, 5, 59, tzinfo=UTC)
    assert due_time(weekday, monday).due == datetime(2026, 11, 20, 6, tzinfo=UTC)


def test_a_file_that_did_not_come_is_late_and_then_missing_each_told_once(luma: Installation) -> None:
    document = flow(luma, late_minutes=15, missing_minutes=60)
    luma.put("luma-loyalty.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)
    due = (datetime.now(UTC) + timedelta(days=2)).replace(hour=6, minute=0, second=0, microsecond=0)

    def check(minutes: int) -> list[str]:
        return check_expectations(luma.workspace, [document], now=due + timedelta(minutes=minutes))

    assert check(14) == []
    assert check(15) == [f"{LOYALTY}: sources_file_late, 0 of 1 files due at {due:%Y-%m-%d %H:%M} UTC"]
    assert check(16) == []
    assert check(60) == [f"{LOYALTY}: sources_file_missing, 0 of 1 files due at {due:%Y-%m-%d %H:%M} UTC"]
    events = luma.workspace.catalog.outbox.waiting()
    assert [delivery.event.code for delivery in events] == ["sources_file_late", "sources_file_missing"]
    body = events[1].event.body["event"]
    assert isinstance(body, dict)
    assert (body["flowId"], body["dueAt"], body["filesExpected"], body["filesCame"]) == (
        LOYALTY, due.isoformat(), 1, 0,
    )  # fmt: skip


def test_a_file_that_came_since_the_time_before_is_not_late(luma: Installation) -> None:
    document = flow(luma, cron="* * * * *", missing_minutes=0)
    luma.put("luma-loyalty.json", ndjson(luma.data.loyalty[:1]))
    soon = luma.run(LOYALTY, document).started_at + timedelta(minutes=1)
    assert check_expectations(luma.workspace, [document], now=soon) == []
    two = document.model_copy(update={"expect": Expectation(cron="* * * * *", files=2, missing_minutes=0)})
    assert len(check_expectations(luma.workspace, [two], now=soon)) == 2


@pytest.mark.parametrize("missing", [60, 150], ids=["as-long-as-the-period", "longer"])
def test_files_are_missing_also_where_the_next_ones_are_due_meanwhile(luma: Installation, missing: int) -> None:
    document = flow(luma, cron="0 * * * *", missing_minutes=missing)
    luma.put("luma-loyalty.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)
    due = (datetime.now(UTC) + timedelta(days=2)).replace(minute=0, second=7, microsecond=0)
    told: list[str] = []
    for minute in range(missing - 10, missing + 10):
        told += check_expectations(luma.workspace, [document], now=due + timedelta(minutes=minute))
    assert [line for line in told if "missing" in line] == [
        f"{LOYALTY}: sources_file_missing, 0 of 1 files due at {hour:%Y-%m-%d %H:%M} UTC"
        for hour in (due - timedelta(hours=1), due)
    ]


def test_a_file_whose_batch_failed_came_and_what_was_loaded_before_did_not(luma: Installation) -> None:
    document = flow(luma)
    luma.put("luma-loyalty-1.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)

    def came_since(moment: datetime) -> int:
        return luma.workspace.catalog.ledger.came(LOYALTY, after=moment, until=datetime.now(UTC))

    before = datetime.now(UTC)
    luma.put("luma-loyalty-2.json", b"no JSON\n" * 3)
    assert luma.run(LOYALTY, document).state is FlowRunState.FAILED
    assert came_since(before) == 1
    assert luma.run(LOYALTY, document).state is FlowRunState.FAILED
    assert came_since(before) == 1, "it was taken again"
    again = datetime.now(UTC)
    luma.run(LOYALTY, document)
    assert came_since(again) == 0, "it came before"
    (luma.outbox / "luma-loyalty-2.json").unlink()
    luma.put("luma-loyalty-3.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)
    assert came_since(again) == 0, "its bytes were loaded"
    luma.run(LOYALTY, document, reprocess=True)
    assert came_since(again) == 0, "it was loaded anew"
    luma.put("luma-loyalty-4.json", ndjson(luma.data.loyalty[1:2]))
    luma.run(LOYALTY, document)
    assert came_since(again) == 1


def test_a_calendar_that_cannot_be_followed_keeps_no_other_from_being_checked(
    luma: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    document = flow(luma)
    luma.put("luma-loyalty.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)
    assert document.expect is not None
    impossible = document.model_copy(update={"expect": document.expect.model_copy(update={"cron": "0 0 30 2 *"})})
    later = datetime.now(UTC) + timedelta(days=3)
    assert len(check_expectations(luma.workspace, [impossible, document], now=later)) == 2
    assert "its `expect.cron` '0 0 30 2 *' cannot be followed" in caplog.text


def test_a_copy_of_a_loaded_file_is_not_short(luma: Installation) -> None:
    document = flow(luma, min_records=1, min_bytes=1_000_000)
    luma.put("luma-loyalty-1.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)
    assert [event["code"] for event in told(luma)] == ["sources_file_short"]
    luma.put("luma-loyalty-2.json", ndjson(luma.data.loyalty[:1]))
    assert "has the same bytes as" in str(luma.run(LOYALTY, document).notes)
    assert len(told(luma)) == 1


def test_a_file_that_came_a_little_late_does_not_count_for_the_next_time(luma: Installation) -> None:
    taken = datetime.now(UTC)
    due = (taken - timedelta(minutes=5)).replace(second=0, microsecond=0)
    document = flow(luma, cron=f"{due.minute} {due.hour} * * *", missing_minutes=60)
    luma.put("luma-loyalty.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)
    tomorrow = due + timedelta(days=1, minutes=60)
    after_it_was_missing = flow(luma, cron=f"{due.minute} {due.hour} * * *", missing_minutes=1)
    assert check_expectations(luma.workspace, [after_it_was_missing], now=tomorrow) == []
    assert check_expectations(luma.workspace, [document], now=tomorrow) == [
        f"{LOYALTY}: {code}, 0 of 1 files due at {due + timedelta(days=1):%Y-%m-%d %H:%M} UTC"
        for code in ("sources_file_late", "sources_file_missing")
    ]


def test_before_the_first_run_and_when_switched_off_nothing_is_told(luma: Installation) -> None:
    document = flow(luma, missing_minutes=0)
    assert check_expectations(luma.workspace, [document]) == []
    luma.put("luma-loyalty.json", ndjson(luma.data.loyalty[:1]))
    luma.run(LOYALTY, document)
    later = datetime.now(UTC) + timedelta(days=3)
    assert check_expectations(luma.workspace, [document.model_copy(update={"enabled": False})], now=later) == []


def test_short_and_empty_files_are_told_with_the_run(luma: Installation) -> None:
    luma.put("luma-loyalty-1.json", b"")
    luma.run(LOYALTY, flow(luma))
    assert [(event["code"], event["paths"]) for event in told(luma)] == [
        ("sources_file_empty", ["/outbox/luma-loyalty-1.json"])
    ]
    (luma.outbox / "luma-loyalty-1.json").unlink()
    luma.put("luma-loyalty-2.json", ndjson(luma.data.loyalty[:2]))
    luma.run(LOYALTY, flow(luma, min_bytes=10_000, min_records=3))
    short = told(luma)[-1]
    assert (short["code"], short["paths"], short["records"]) == (
        "sources_file_short", ["/outbox/luma-loyalty-2.json"], 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ({"cron": "soon"}, "`cron` 'soon' is no cron expression, such as '0 6 * * 1-5'"),
        ({"cron": "0 0 30 2 *"}, "`cron` '0 0 30 2 *' names a day that no calendar has"),
        ({"cron": "0 6 * * *", "timezone": "Moon/Sea"}, "`timezone` 'Moon/Sea' is no time zone"),
        ({"cron": "0 6 * * *", "late_minutes": 61}, "`late_minutes` is not more than `missing_minutes`"),
    ],
)
def test_what_cannot_be_expected_is_refused(expect: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem.replace("*", r"\*")):
        Expectation.from_json(expect)
