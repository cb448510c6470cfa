from datetime import UTC, datetime

import pytest

from headwater.catalog.ledger import FileVersion
from headwater.flows.candidates import Candidate, Listing, most_files
from headwater.flows.discover import LONGEST_WAIT_SECONDS, patience_seconds
from headwater.flows.readiness import WaitingFiles
from headwater.flows.selection import MAX_FILES
from headwater.model.documents import Dataflow, Readiness, RunRequest, Schedule, Source, Target

ONCE, DAILY, ON_ARRIVAL = Schedule(frequency="once"), Schedule(frequency="day"), Schedule(on_arrival=True)


def dataflow(schedule: Schedule) -> Dataflow:
    return Dataflow(name="f", source=Source(account="a"), target=Target(dataset="d"), schedule=schedule)


def candidate(number: int) -> Candidate:
    return Candidate(file=FileVersion(path=f"{number:05}", size_bytes=1, modified_at=None, version=None), supersedes=())


def empty_listing(schedule: Schedule) -> Listing:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return Listing(looked_at=now, waiting=WaitingFiles(Readiness(), now), most=most_files(schedule))


@pytest.mark.parametrize("schedule", [DAILY, ON_ARRIVAL], ids=["daily", "on-arrival"])
def test_a_batch_leaves_what_is_too_much_to_the_next_run(schedule: Schedule) -> None:
    listing = empty_listing(schedule)
    for number in range(3 * MAX_FILES, 0, -1):
        listing.take([candidate(number)])
        assert len(listing.ready) <= 2 * MAX_FILES, "no more are held than two batches"
    taken = listing.first()
    assert (len(taken), taken[0], taken[-1]) == (MAX_FILES, candidate(1), candidate(MAX_FILES))
    assert listing.notes() == [f"{2 * MAX_FILES} files are left for the next run; a batch takes 10000"]


def test_a_run_that_none_follows_takes_all() -> None:
    listing = empty_listing(ONCE)
    listing.take(candidate(number) for number in range(MAX_FILES + 2))
    assert (len(listing.first()), listing.notes()) == (MAX_FILES + 2, [])


@pytest.mark.parametrize(
    ("schedule", "trigger", "seconds"),
    [
        (ONCE, "scheduled", 7200.0),
        (ONCE, "manual", 7200.0),
        (DAILY, "manual", LONGEST_WAIT_SECONDS),
        (ON_ARRIVAL, "asset", LONGEST_WAIT_SECONDS),
        (DAILY, "scheduled", 0.0),
    ],
    ids=["once", "once-by-hand", "by-hand", "on-arrival", "scheduled"],
)
def test_a_run_that_none_follows_waits_for_files_to_settle(schedule: Schedule, trigger: str, seconds: float) -> None:
    request = RunRequest.from_json({"trigger": trigger})
    assert patience_seconds(dataflow(schedule), request, Readiness(settle_seconds=3600)) == seconds
