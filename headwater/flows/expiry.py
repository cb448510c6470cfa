"""What leaves the profiles with time: old events, and records that newer ones replaced. The lake keeps both."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from headwater.catalog.base import utc_now
from headwater.errors import HeadwaterError
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataset

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredEvents:
    """How many events of a dataset have left the profiles because they happened before a time, aware UTC."""

    dataset: str
    before: datetime
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenHistory:
    """How many records of a dataset are gone that batches ingested before a time, aware UTC, had replaced."""

    dataset: str
    before: datetime
    records: int


def expire_events(workspace: Workspace, *, now: datetime | None = None) -> list[ExpiredEvents]:
    """Remove the events that are older than their dataset's `event_expiration_days`. Repeating changes nothing.

    Args:
        workspace: The installation.
        now: The time, aware UTC; None for the clock's.

    Returns:
        What was done for each dataset that has the setting. Without one the profile store is not opened.

    Raises:
        HeadwaterError: it failed for some datasets, which the message names, and was done for all others; `retryable`
            if each failure is.
    """
    done: list[ExpiredEvents] = []
    failures: dict[str, Exception] = {}
    for dataset in workspace.catalog.resources.list("dataset"):
        try:
            if isinstance(dataset, Dataset) and (before := oldest_event(dataset, now or utc_now())) is not None:
                done.append(_expire(workspace, dataset.name, before))
        except Exception as error:  # one dataset must not keep the events of the others
            log.warning("dataset %s: events could not be expired", dataset.name, exc_info=True)
            failures[dataset.name] = error
    if failures:
        reasons = (f"{name}: {type(error).__name__}: {error}" for name, error in failures.items())
        raise HeadwaterError(
            f"events could not be expired for {len(failures)} datasets; for {len(done)} others they were.\n"
            + "\n".join(reasons),
            retryable=all(isinstance(error, HeadwaterError) and error.retryable for error in failures.values()),
        )
    return done


def _expire(workspace: Workspace, dataset: str, before: datetime) -> ExpiredEvents:
    events = workspace.profile_store.expire_events(dataset, before=before).events
    log.info("dataset %s: %d events that happened before %s left the profiles", dataset, events, before)
    return ExpiredEvents(dataset=dataset, before=before, events=events)


def oldest_event(dataset: Dataset, now: datetime) -> datetime | None:
    """Events that happened before this are too old for the profiles; None if none is."""
    days = dataset.event_expiration_days
    return now - timedelta(days=days) if days is not None else None


def forget_history(workspace: Workspace, *, now: datetime | None = None) -> list[ForgottenHistory]:
    """Remove records that were replaced more than `history_days` ago. No profile changes; repeating changes nothing.

    Args:
        workspace: The installation.
        now: The time, aware UTC; None for the clock's.

    Returns:
        What was done for each dataset that the profile store has batches of; nothing where the setting is 0.

    Raises:
        HeadwaterError: the profile store refused or could not be reached; what was begun can be repeated.
    """
    days = workspace.settings.history_days
    if not days or not workspace.catalog.flow_runs.with_profiles():
        return []
    before = (now or utc_now()) - timedelta(days=days)
    done = []
    for dataset in sorted({each.dataset for each in workspace.profile_store.batches()}):
        removed = workspace.profile_store.forget_history(dataset, before=before)
        records = removed.fragments + removed.lookup_entities
        log.info("dataset %s: %d records that were replaced before %s are forgotten", dataset, records, before)
        done.append(ForgottenHistory(dataset=dataset, before=before, records=records))
    return done
