"""The outbox, the journals and the states of webhooks."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from headwater.catalog.catalog import Catalog
from headwater.catalog.journal import FORGOTTEN_AFTER, KEPT_FOR
from headwater.catalog.outbox import Selection, queued
from headwater.catalog.tables import delivery, event
from headwater.model.runs import Delivery, Event, WebhookState, WebhookStatus

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def an_event(code: str, event_id: str, *, subject: str = "b", at: datetime = START) -> Event:
    return Event(id=event_id, code=code, subject=subject, dataset="d", flow="f", created_at=at, body={"n": code})


def only_due(catalog: Catalog, webhook: str, now: datetime = START) -> Delivery:
    [found] = catalog.outbox.due(Selection(webhook=webhook), now=now)
    return found


def due(catalog: Catalog, now: datetime = START) -> list[tuple[str, str]]:
    return [(delivery.event.id, delivery.webhook) for delivery in catalog.outbox.due(now=now)]


def test_an_event_is_written_once_per_subject_and_code(catalog: Catalog) -> None:
    assert catalog.outbox.add(an_event("ing_load_success", "1"), ["hook"])
    assert not catalog.outbox.add(an_event("ing_load_success", "2"), ["hook"])
    assert [event.id for event in catalog.outbox.events(subject="b")] == ["1"]
    assert len(catalog.outbox.due(now=START)) == 1


def test_a_later_event_waits_for_the_earlier_one_of_its_batch(catalog: Catalog) -> None:
    catalog.outbox.add(an_event("ing_load_success", "1"), ["hook", "other"])
    catalog.outbox.add(an_event("ig_load_success", "2"), ["hook"])

    assert due(catalog) == [("1", "hook"), ("1", "other")]
    catalog.outbox.retry(only_due(catalog, "hook"), reason="503", next_attempt_at=START + MINUTE)
    assert due(catalog) == [("1", "other")]
    assert catalog.outbox.webhooks_due(now=START) == ["other"]
    assert due(catalog, START + MINUTE) == [("1", "other"), ("1", "hook")]
    assert catalog.outbox.webhooks_due(now=START + MINUTE) == ["other", "hook"]
    catalog.outbox.delivered(only_due(catalog, "hook", START + MINUTE))
    now = max(datetime.now(UTC), START + MINUTE)
    assert due(catalog, now) == [("1", "other"), ("2", "hook")]
    catalog.outbox.give_up(only_due(catalog, "hook", now), reason="404")
    assert due(catalog) == [("1", "other")]
    assert [delivery.webhook for delivery in catalog.outbox.waiting(Selection(subjects=["b"]))] == ["other"]
    assert catalog.outbox.due(Selection(code_prefix="ig_"), now=START) == []
    assert catalog.outbox.due(Selection(flow="another"), now=START) == []


def test_what_waits_for_another_is_due_when_that_is_and_at_once_when_that_is_over(catalog: Catalog) -> None:
    def due_at() -> dict[str, datetime]:
        return {each.event.id: each.next_attempt_at for each in catalog.outbox.waiting(Selection(webhook="hook"))}

    began = datetime.now(UTC)
    later = began + 10 * MINUTE
    catalog.outbox.add(an_event("ing_load_success", "1", at=began), ["hook", "other"])
    catalog.outbox.add(an_event("ig_load_success", "2", at=began), ["hook", "other"])
    catalog.outbox.add(an_event("ing_load_success", "3", subject="c", at=began), ["hook"])
    first = next(each for each in catalog.outbox.due(Selection(webhook="hook"), now=began) if each.event.id == "1")
    catalog.outbox.retry(first, reason="503", next_attempt_at=later)
    catalog.outbox.add(an_event("ps_load_success", "4", at=began), ["hook"])

    assert due_at() == {"1": later, "2": later, "3": began, "4": later}
    assert {each.next_attempt_at for each in catalog.outbox.waiting(Selection(webhook="other"))} == {began}
    assert sorted(due(catalog, later - MINUTE)) == [("1", "other"), ("3", "hook")]
    taken = next(each for each in catalog.outbox.due(now=later) if each.event.id == "1" and each.webhook == "hook")
    assert catalog.outbox.take(taken, until=later + MINUTE)
    catalog.outbox.add(an_event("zz", "5", at=began), ["hook"])
    catalog.outbox.delivered(taken)
    after = datetime.now(UTC)
    assert all(due_at()[each] <= after for each in ("2", "4", "5"))
    assert {each.event.id for each in catalog.outbox.due(Selection(webhook="hook"), now=after)} == {"2", "3"}


@pytest.mark.parametrize("of", ["webhook", "batch"])
def test_a_page_of_what_is_due_is_read_in_turn_however_much_is_open(catalog: Catalog, of: str) -> None:
    fill(catalog, batches=2_000)
    wanted = Selection(webhook="hook") if of == "webhook" else Selection(webhook="hook", subjects=["b7", "r"])
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    sa.event.listen(catalog._engine, "before_cursor_execute", note)
    found = catalog.outbox.due(wanted, now=START, limit=10)
    sa.event.remove(catalog._engine, "before_cursor_execute", note)

    assert [each.event.subject for each in found] == (["b7"] if of == "batch" else [f"b{n}" for n in range(10)])
    [select] = [each for each in asked if each[0].startswith("SELECT")]
    explain = "EXPLAIN (ANALYZE)" if catalog._engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with catalog._engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{explain} {select[0]}", select[1]).all()
    plan = "\n".join(str(row[-1]) for row in rows)
    assert ("ix_delivery_due" in plan) == (of == "webhook"), plan
    assert not re.search(r"Seq Scan on delivery|SCAN delivery|before USING INDEX ix_delivery_due", plan), plan
    assert max(map(int, re.findall(r"actual .*loops=(\d+)", plan)), default=0) < 50, plan


def fill(catalog: Catalog, *, batches: int) -> None:
    """Write two events about each of so many batches, none of which was sent; one by one takes too long."""
    events, deliveries = [], []
    for number, code in product(range(batches), ("ing_load_success", "ig_load_success")):
        at = START - timedelta(seconds=batches - number)
        new = an_event(code, f"{number}-{code}", subject=f"b{number}", at=at)
        events.append({name: getattr(new, name) for name in ("id", "code", "subject", "dataset", "flow", "body")})
        events[-1]["created_at"] = at
        deliveries.append(queued(new.id, "hook", at))
    with catalog._begin() as connection:
        connection.execute(sa.insert(event), events)
        connection.execute(sa.insert(delivery), deliveries)
        connection.execute(sa.text("ANALYZE"))  # as autovacuum does on PostgreSQL


def test_a_delivery_is_tried_by_one_at_a_time_and_expires(catalog: Catalog) -> None:
    catalog.outbox.add(an_event("ing_load_success", "1"), ["hook", "other"])
    mine = only_due(catalog, "hook")

    assert catalog.outbox.take(mine, until=START + MINUTE)
    assert not catalog.outbox.take(mine, until=START + MINUTE)
    assert catalog.outbox.give_up_all("other", reason="dead", queued_before=START) == 0
    assert catalog.outbox.give_up_all("other", reason="dead", queued_before=START + MINUTE) == 1
    assert [delivery.webhook for delivery in catalog.outbox.waiting()] == ["hook"]


def test_what_was_not_tried_in_time_is_counted_by_webhook(catalog: Catalog) -> None:
    catalog.outbox.add(an_event("ing_load_success", "1"), ["hook", "other"])
    catalog.outbox.add(an_event("ig_load_success", "2"), ["hook"])
    catalog.outbox.delivered(only_due(catalog, "other"))

    assert catalog.outbox.overdue(START) == {}
    assert catalog.outbox.overdue(START + MINUTE) == {"hook": 2}
    assert catalog.outbox.overdue(START + MINUTE, Selection(webhook="other")) == {}


def test_what_a_slow_deliverer_enters_late_changes_no_end(catalog: Catalog) -> None:
    catalog.outbox.add(an_event("ing_load_success", "1"), ["hook"])
    slow = only_due(catalog, "hook")
    assert catalog.outbox.take(slow, until=START + MINUTE)
    fast = only_due(catalog, "hook", START + MINUTE)
    assert catalog.outbox.take(fast, until=START + 2 * MINUTE)
    catalog.outbox.delivered(fast)

    catalog.outbox.retry(slow, reason="no answer", next_attempt_at=START)
    catalog.outbox.give_up(slow, reason="no answer")

    assert (catalog.outbox.waiting(), due(catalog, START + timedelta(days=2))) == ([], [])


class TestJournal:
    def test_it_is_read_in_pieces_and_has_what_was_not_sent(self, catalog: Catalog) -> None:
        for number in range(5):
            event = an_event("ing_load_success", str(number), subject=f"b{number}", at=START + number * MINUTE)
            catalog.outbox.add(event, ["hook"] if number % 2 else [], journal_only=["hook"] if number % 2 == 0 else [])
        catalog.outbox.add(an_event("ing_load_success", "9", subject="b9"), ["other"])
        now = START + timedelta(hours=1)

        first = catalog.journal.read("hook", now=now, limit=2)
        rest = catalog.journal.read("hook", now=now, after=first[-1].position)

        assert [entry.event.id for entry in first] == ["0", "1"]
        assert [entry.event.id for entry in rest] == ["2", "3", "4"]
        assert [entry.position for entry in first + rest] == sorted({entry.position for entry in first + rest})
        window = catalog.journal.read("hook", now=now, since=START + MINUTE, until=START + 3 * MINUTE)
        assert [entry.event.id for entry in window] == ["1", "2"]
        assert [delivery.event.id for delivery in catalog.outbox.waiting(Selection(webhook="hook"))] == ["1", "3"]

    def test_it_keeps_a_week_and_the_catalog_a_month(self, catalog: Catalog) -> None:
        catalog.outbox.add(an_event("ing_load_success", "1"), ["hook"])
        catalog.outbox.add(an_event("ing_load_success", "2", subject="c", at=START + timedelta(days=1)), ["hook"])

        assert len(catalog.journal.read("hook", now=START + KEPT_FOR)) == 2
        late = START + KEPT_FOR + MINUTE
        assert [entry.event.id for entry in catalog.journal.read("hook", now=late)] == ["2"]
        assert [entry.event.id for entry in catalog.journal.find("hook", ["1", "2"], now=late)] == ["2"]
        assert catalog.journal.forget(now=START + FORGOTTEN_AFTER) == 0
        assert catalog.journal.forget(now=START + FORGOTTEN_AFTER + MINUTE) == 1
        assert [event.id for event in catalog.outbox.events()] == ["2"]
        assert [delivery.event.id for delivery in catalog.outbox.waiting()] == ["2"]

    def test_a_replay_stands_beside_the_first_record(self, catalog: Catalog) -> None:
        catalog.outbox.add(an_event("ing_load_success", "1"), ["hook", "other"])
        catalog.outbox.add(an_event("ig_load_success", "2"), ["hook"])
        catalog.outbox.give_up(only_due(catalog, "hook"), reason="404")
        catalog.outbox.delivered(only_due(catalog, "hook"))
        later = START + timedelta(days=3)

        numbers = [catalog.journal.replay("hook", ["1", "2"], now=later) for _ in range(2)]

        assert numbers == [1, 2]
        replayed = catalog.outbox.due(Selection(webhook="hook"), now=later)
        assert [(again.event.id, again.replay, again.attempts, again.queued_at) for again in replayed] == [
            ("1", 1, 0, later),
            ("1", 2, 0, later),
        ], "in order, each replay for itself"
        catalog.outbox.delivered(replayed[0])
        again = catalog.outbox.due(Selection(webhook="hook"), now=later)
        assert sorted((delivery.event.id, delivery.replay) for delivery in again) == [("1", 2), ("2", 1)]
        assert len(catalog.journal.read("hook", now=later)) == 2

    @pytest.mark.parametrize("url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
    def test_no_reader_passes_over_an_event_that_is_committed_later(self, url: str, catalog: Catalog) -> None:
        with ThreadPoolExecutor(1) as pool:
            with catalog.transaction() as stores:
                stores.outbox.add(an_event("ing_load_success", "1", subject="slow"), ["hook"])
                fast = pool.submit(catalog.outbox.add, an_event("ing_load_success", "2", subject="fast"), ["hook"])
                waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
                with engine.connect() as looker:
                    deadline = datetime.now(UTC) + timedelta(seconds=20)
                    while looker.execute(waiting).scalar_one() == 0:
                        looker.rollback()
                        assert datetime.now(UTC) < deadline, "the second writer did not wait"
                engine.dispose()
                assert catalog.journal.read("hook", now=START) == []
            assert fast.result(timeout=20)

        assert [entry.event.id for entry in catalog.journal.read("hook", now=START)] == ["1", "2"]


class TestReceivers:
    def test_a_status_is_about_one_version(self, catalog: Catalog) -> None:
        assert catalog.receivers.status("hook") is None
        first = WebhookStatus(webhook="hook", etag="1", state=WebhookState.ACTIVE, since=START)
        catalog.receivers.set_status(first)
        assert catalog.receivers.status("hook") == first
        assert catalog.receivers.disabled() == {}
        second = replace(first, etag="2", state=WebhookState.DISABLED, verified=False, reason="no challenge")
        catalog.receivers.set_status(second)
        assert catalog.receivers.status("hook") == second
        assert catalog.receivers.disabled() == {"hook": second}

    def test_attempts_are_counted_for_a_day(self, catalog: Catalog) -> None:
        receivers = catalog.receivers
        assert receivers.count_attempt("hook", ok=True, now=START) == (1, 0)
        assert receivers.count_attempt("hook", ok=False, now=START + timedelta(hours=1)) == (2, 1)
        assert receivers.count_attempt("other", ok=True, now=START) == (1, 0)
        assert receivers.count_attempt("hook", ok=False, now=START + timedelta(hours=24)) == (2, 2)
        receivers.forget_attempts("hook")
        assert receivers.count_attempt("hook", ok=True, now=START) == (1, 0)


def test_a_position_is_never_given_twice(catalog: Catalog) -> None:
    for number in range(3):
        catalog.outbox.add(an_event("ing_load_success", str(number), subject=str(number)), ["hook"])
    last = catalog.journal.last_position("hook", now=START)
    later = START + FORGOTTEN_AFTER + MINUTE
    assert catalog.journal.forget(now=later) == 3

    catalog.outbox.add(an_event("ing_load_success", "new", subject="new", at=later), ["hook"])

    assert last is not None
    assert [entry.event.id for entry in catalog.journal.read("hook", now=later, after=last)] == ["new"]
