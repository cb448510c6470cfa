from datetime import UTC, datetime, timedelta

import pendulum
import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from hypothesis import given
from hypothesis import strategies as st

from headwater.orchestration.timetable import MONDAY, AnchoredTimetable

START = datetime(2026, 11, 1, 2, tzinfo=UTC)
CATCHUP = TimeRestriction(earliest=pendulum.instance(START), latest=None, catchup=True)


def interval(start: datetime, end: datetime) -> DataInterval:
    return DataInterval(start=pendulum.instance(start), end=pendulum.instance(end))


def ticks(timetable: AnchoredTimetable, count: int) -> list[datetime]:
    found: list[datetime] = []
    last = None
    for _ in range(count):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=CATCHUP)
        assert info is not None
        last = info.data_interval
        found.append(info.run_after)
    return found


@pytest.mark.parametrize(
    ("every", "words"),
    [
        (timedelta(minutes=45), "every 45 minutes"),
        (timedelta(hours=1), "every hour"),
        (timedelta(days=3), "every 3 days"),
        (timedelta(weeks=2), "every 2 weeks"),
    ],
)
def test_ticks_are_the_start_and_whole_intervals_after_it(every: timedelta, words: str) -> None:
    timetable = AnchoredTimetable(START, every)

    assert ticks(timetable, 3) == [START, START + every, START + 2 * every]
    assert timetable.summary == words


def test_the_interval_reaches_from_the_tick_before_to_the_tick() -> None:
    info = AnchoredTimetable(START, timedelta(days=1)).next_dagrun_info(
        last_automated_data_interval=interval(START - timedelta(days=1), START), restriction=CATCHUP
    )

    assert info is not None
    assert info.data_interval == interval(START, START + timedelta(days=1))


def test_a_late_run_moves_no_later_tick() -> None:
    late = interval(START, START + timedelta(hours=3, minutes=17))

    info = AnchoredTimetable(START, timedelta(hours=1)).next_dagrun_info(
        last_automated_data_interval=late, restriction=CATCHUP
    )

    assert info is not None
    assert info.run_after == START + timedelta(hours=4)


def test_of_missed_ticks_only_the_latest_is_made_up_for() -> None:
    now = datetime.now(UTC)
    anchor = now - timedelta(days=10, minutes=20)
    timetable = AnchoredTimetable(anchor, timedelta(days=1))
    restriction = TimeRestriction(earliest=pendulum.instance(anchor), latest=None, catchup=False)

    info = timetable.next_dagrun_info(
        last_automated_data_interval=interval(anchor, anchor + timedelta(days=1)), restriction=restriction
    )

    assert info is not None
    assert info.run_after == anchor + timedelta(days=10)


def test_a_start_in_the_future_is_the_first_tick() -> None:
    start = datetime.now(UTC) + timedelta(days=2)
    restriction = TimeRestriction(earliest=pendulum.instance(start), latest=None, catchup=False)

    info = AnchoredTimetable(start, timedelta(hours=1)).next_dagrun_info(
        last_automated_data_interval=None, restriction=restriction
    )

    assert info is not None
    assert info.run_after == start


def test_nothing_runs_after_the_end() -> None:
    restriction = TimeRestriction(
        earliest=pendulum.instance(START), latest=pendulum.instance(START + timedelta(hours=1)), catchup=True
    )
    timetable = AnchoredTimetable(START, timedelta(hours=2))

    assert (
        timetable.next_dagrun_info(
            last_automated_data_interval=interval(START - timedelta(hours=2), START), restriction=restriction
        )
        is None
    )


def test_weeks_without_a_start_tick_on_mondays() -> None:
    timetable = AnchoredTimetable(MONDAY, timedelta(weeks=1))
    restriction = TimeRestriction(earliest=pendulum.instance(START), latest=None, catchup=True)

    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)

    assert info is not None
    assert info.run_after == datetime(2026, 11, 2, tzinfo=UTC)
    assert info.run_after.isoweekday() == 1


@given(
    hours_before=st.integers(1, 200),
    hours_after=st.integers(1, 200),
    ran_until=st.integers(0, 5000),
    step=st.booleans(),
)
def test_two_runs_never_share_a_logical_date_when_the_interval_changes(
    hours_before: int, hours_after: int, ran_until: int, step: bool
) -> None:
    first = AnchoredTimetable(START, timedelta(hours=hours_before))
    done = START + timedelta(hours=hours_before) * (ran_until // hours_before + step)
    last = interval(done - timedelta(hours=hours_before), done)
    second = AnchoredTimetable(START, timedelta(hours=hours_after))

    info = second.next_dagrun_info(last_automated_data_interval=last, restriction=CATCHUP)

    assert info is not None
    assert info.logical_date is not None
    assert info.logical_date >= last.end > last.start
    assert info.run_after > last.end
    assert first.summary


def test_it_survives_serialisation() -> None:
    timetable = AnchoredTimetable(START, timedelta(minutes=45))

    again = AnchoredTimetable.deserialize(timetable.serialize())

    assert again.serialize() == timetable.serialize()
    assert ticks(again, 2) == ticks(timetable, 2)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive, not 0:00:00"):
        AnchoredTimetable(START, timedelta(0))
