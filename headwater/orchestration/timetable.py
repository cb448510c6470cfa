"""Ticks that stay anchored: start, start + interval, start + 2 intervals …, whatever was late or missed between."""

from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""The anchor of schedules without a start: midnights, and Mondays for weeks."""


class AnchoredTimetable(Timetable):
    """Runs at `anchor + n × every`, in UTC.

    Airflow's own delta timetables count from the run before (or from the epoch), so that a late run moves all later
    ones; a dataflow's ticks may not move (spec: sources.md, section 7). Without catchup, of several missed ticks the
    latest is made up for. The data interval reaches from the tick before to the tick.
    """

    def __init__(self, anchor: datetime, every: timedelta) -> None:
        if every <= timedelta(0):
            raise ValueError(f"the interval between ticks must be positive, not {every}")
        self._anchor = _plain(anchor)
        self._every = every
        self.description = f"Every {_in_words(every)}, counted from {anchor.isoformat()}"

    @property
    def summary(self) -> str:
        """The schedule in a word or two, for lists."""
        return f"every {_in_words(self._every)}"

    def serialize(self) -> dict[str, Any]:
        """See `Timetable.serialize`."""
        return {"anchor": self._anchor.isoformat(), "every_seconds": self._every.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """See `Timetable.deserialize`."""
        return cls(datetime.fromisoformat(data["anchor"]), timedelta(seconds=data["every_seconds"]))

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """A manual run's interval: one period that ends when the run was asked for."""
        return DataInterval(start=run_after - self._every, end=run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """See `Timetable.next_dagrun_info`."""
        earliest = [self._at_or_after(restriction.earliest or self._anchor)]
        if last_automated_data_interval is not None:
            earliest.append(self._after(last_automated_data_interval.end))
        if not restriction.catchup:
            earliest.append(self._at_or_before(datetime.now(UTC)))
        tick = max(earliest)
        if restriction.latest is not None and tick > restriction.latest:
            return None
        start = tick - self._every
        if last_automated_data_interval is not None:
            # A changed interval may put the tick before in the middle of what a run has covered; two runs of one
            # logical date cannot exist.
            start = max(start, last_automated_data_interval.end)
        return DagRunInfo.interval(start=pendulum.instance(start), end=pendulum.instance(tick))

    def _at_or_before(self, moment: datetime) -> datetime:
        return self._anchor + (_plain(moment) - self._anchor) // self._every * self._every

    def _at_or_after(self, moment: datetime) -> datetime:
        tick = self._at_or_before(moment)
        return tick if tick == moment else tick + self._every

    def _after(self, moment: datetime) -> datetime:
        return self._at_or_before(moment) + self._every


def _plain(moment: datetime) -> datetime:
    """A standard datetime in UTC: the difference of pendulum's cannot be divided."""
    utc = moment.astimezone(UTC)
    return datetime.combine(utc.date(), utc.time(), tzinfo=UTC)


def _in_words(every: timedelta) -> str:
    for unit, length in (
        ("week", timedelta(weeks=1)),
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
    ):
        count, rest = divmod(every, length)
        if not rest:
            return unit if count == 1 else f"{count} {unit}s"
    return str(every)
