"""Airflow: Headwater's pages, timetable and listeners."""

from headwater.orchestration.plugin import HeadwaterPlugin

__all__ = ["HeadwaterPlugin"]
