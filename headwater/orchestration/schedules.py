"""From a dataflow's schedule to Airflow's."""

from datetime import timedelta

from airflow.sdk import CronDataIntervalTimetable
from airflow.sdk.definitions.dag import ScheduleArg
from airflow.sdk.exceptions import AirflowTimetableInvalid

from headwater.model.documents import Dataflow, Schedule
from headwater.orchestration.timetable import MONDAY, AnchoredTimetable

_PERIODS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_MAX_PERIOD = timedelta(days=3653)


class ScheduleError(ValueError):
    """A schedule that no timetable can follow. `key` is the key of the schedule at fault."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message, key)
        self.key = key

    def __str__(self) -> str:
        return str(self.args[0])


def check_schedule(schedule: Schedule) -> None:
    """Refuse what the document's own rules let pass and Airflow does not.

    Raises:
        ScheduleError: the cron expression has no meaning, or the interval is beyond the calendar.
    """
    if schedule.cron is not None:
        try:
            CronDataIntervalTimetable(schedule.cron, "UTC").validate()
        except AirflowTimetableInvalid:
            raise ScheduleError(
                f"{schedule.cron!r} is no cron expression; expected five fields such as '0 2 * * *' "
                "(minute, hour, day of the month, month, day of the week), or @daily",
                "cron",
            ) from None
    if schedule.frequency in _PERIODS and schedule.interval > _MAX_PERIOD // _PERIODS[schedule.frequency]:
        raise ScheduleError(f"{schedule.interval} {schedule.frequency}s are more than ten years", "interval")


def airflow_schedule(flow: Dataflow) -> ScheduleArg:
    """The schedule of a dataflow's Dag (spec: sources.md, section 7).

    `once` runs at `start`, or at once. A frequency ticks at `start` and every interval after it; `cron` is read in
    UTC. Whoever switches a dataflow on after `start` gets the latest tick at once, and later ticks at their times. With
    `on_arrival` an asset stands for the files, and Airflow's triggerer watches it.
    """
    schedule = flow.schedule
    if schedule.on_arrival:
        from headwater.orchestration.arrivals import arrival_asset

        return [arrival_asset(flow)]
    if schedule.frequency == "once":
        return "@once"
    if schedule.frequency is not None:
        return AnchoredTimetable(schedule.start or MONDAY, schedule.interval * _PERIODS[schedule.frequency])
    if schedule.cron is None:
        raise ValueError("a schedule has either `frequency` or `cron`")
    return CronDataIntervalTimetable(schedule.cron, "UTC")
