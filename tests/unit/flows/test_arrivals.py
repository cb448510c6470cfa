from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import RemoteFile
from headwater.catalog.ledger import FileVersion
from headwater.catalog.observations import Observation
from headwater.flows.arrivals import ASK_AGAIN, FIRST_PAUSE, LONGEST_PAUSE, ArrivalWatch, Standing
from headwater.model.documents import Readiness, Source

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
SOURCE = Source(account="a", path="/out", files="*.csv", ready=Readiness(settle_seconds=60))
FILE = RemoteFile(path="/out/a.csv", size_bytes=10, modified_at=NOW - timedelta(hours=1))
OTHER = replace(FILE, path="/out/b.csv")
MINUTE = timedelta(minutes=1)


def observation(seen_at: datetime) -> Observation:
    """What a run remembers of a file that it left alone then."""
    return Observation(signature="", first_seen_at=seen_at, waiting_since=seen_at, cut=None)


@dataclass(slots=True, kw_only=True)
class Watched:
    """A watch, and a ledger that says what it is told to say."""

    watch: ArrivalWatch = field(default_factory=lambda: ArrivalWatch(SOURCE))
    known: Standing = field(default_factory=Standing)
    asked: list[int] = field(default_factory=list)

    def look(self, *files: RemoteFile, now: datetime = NOW) -> int:
        return self.watch.look(files, now=now, ask=self.ask)

    def ask(self, versions: Sequence[FileVersion]) -> Standing:
        self.asked.append(len(versions))
        return self.known

    def load(self, *files: RemoteFile) -> None:
        self.known = replace(self.known, loaded=frozenset(file.path for file in files))


def test_each_version_is_told_once() -> None:
    watched = Watched()
    assert watched.look(FILE) == 1
    assert watched.look(FILE) == 0
    watched.load(FILE)
    assert watched.look(FILE, now=NOW + MINUTE) == 0
    assert watched.look(FILE, OTHER, now=NOW + MINUTE) == 1


def test_what_is_loaded_is_not_told_to_a_watch_that_begins() -> None:
    watched = Watched()
    watched.load(FILE)
    assert watched.look(FILE) == 0
    assert watched.look(FILE, OTHER) == 1


def test_a_changed_version_is_told() -> None:
    watched = Watched()
    watched.look(FILE)
    assert watched.look(replace(FILE, size_bytes=11)) == 1


def test_files_of_other_names_and_ignored_ones_are_not_told() -> None:
    others = [replace(FILE, path=path) for path in ("/out/a.json", "/out/a.csv.part", "/out/.a.csv")]
    assert Watched().look(*others) == 0


def test_files_from_before_the_start_are_not_told() -> None:
    watched = Watched(watch=ArrivalWatch(SOURCE, since=NOW - timedelta(hours=1)))
    assert watched.look(FILE, replace(FILE, path="/out/untimed.csv", modified_at=None)) == 0
    later = replace(FILE, path="/out/later.csv", modified_at=NOW - timedelta(minutes=59))
    assert watched.look(FILE, later) == 1


def test_a_file_is_told_when_it_has_settled() -> None:
    watched = Watched()
    growing = replace(FILE, modified_at=NOW)
    assert watched.look(growing) == 0
    assert watched.look(replace(growing, size_bytes=20), now=NOW + timedelta(seconds=61)) == 1


def test_without_times_a_file_settles_by_what_was_seen() -> None:
    watched = Watched()
    untimed = replace(FILE, modified_at=None)
    assert watched.look(untimed) == 0
    assert watched.look(untimed, now=NOW + timedelta(seconds=30)) == 0
    assert watched.look(untimed, now=NOW + timedelta(seconds=60)) == 1


def test_what_is_gone_is_told_again_when_it_comes_back_and_is_not_loaded() -> None:
    watched = Watched()
    watched.look(FILE)
    assert watched.look() == 0
    assert watched.look(FILE) == 1


def test_what_no_run_takes_is_told_again_after_growing_pauses() -> None:
    watched = Watched()
    told = [minute for minute in range(24 * 60) if watched.look(FILE, now=NOW + minute * MINUTE)]
    assert told == [0, 10, 30, 70, 150, 310, 630, 990, 1350]
    assert (FIRST_PAUSE, LONGEST_PAUSE) == (10 * MINUTE, 360 * MINUTE)


def test_what_a_run_holds_is_not_told_until_the_run_gives_it_back() -> None:
    watched = Watched()
    watched.look(FILE)
    watched.known = Standing(held=frozenset({FILE.path}))
    assert watched.look(FILE, now=NOW + 5 * FIRST_PAUSE) == 0
    watched.known = Standing()
    assert watched.look(FILE, now=NOW + 6 * FIRST_PAUSE) == 1


def test_what_a_run_left_for_the_next_one_is_told_once_the_run_has_ended() -> None:
    watched = Watched()
    assert watched.look(FILE, OTHER) == 2
    watched.known = Standing(held=frozenset({FILE.path}))
    assert watched.look(FILE, OTHER, now=NOW + ASK_AGAIN) == 0
    watched.load(FILE)
    assert watched.look(FILE, OTHER, now=NOW + 2 * ASK_AGAIN) == 1
    assert watched.look(FILE, OTHER, now=NOW + 3 * ASK_AGAIN) == 0, "a run took nothing more"


def test_what_a_run_found_incomplete_waits_for_its_pause() -> None:
    watched = Watched()
    watched.look(FILE, OTHER)
    seen = observation(NOW - timedelta(hours=1))
    watched.known = Standing(loaded=frozenset({FILE.path}), waiting={OTHER.path: seen})
    assert watched.look(FILE, OTHER, now=NOW + ASK_AGAIN) == 0
    assert watched.look(FILE, OTHER, now=NOW + FIRST_PAUSE) == 1


def test_what_has_settled_for_the_runs_is_told_at_the_next_look() -> None:
    watched = Watched()
    untimed = replace(FILE, modified_at=None)
    watched.look(untimed, now=NOW - MINUTE)
    assert watched.look(untimed) == 1
    watched.known = Standing(waiting={FILE.path: observation(NOW + MINUTE)})  # the run saw it for the first time then
    told = [second for second in range(1, 600) if watched.look(untimed, now=NOW + timedelta(seconds=second))]
    assert told == [60 + 60 + 30], "a minute to start, a minute to settle, and some time for the run itself"


def test_what_is_overdue_is_told_at_the_next_look() -> None:
    source = SOURCE.model_copy(update={"ready": SOURCE.ready.model_copy(update={"deadline_seconds": 3600 * 5})})
    watched = Watched(watch=ArrivalWatch(source))
    watched.look(FILE)
    watched.known = Standing(waiting={FILE.path: observation(NOW)})
    told = [minute for minute in range(1, 24 * 60) if watched.look(FILE, now=NOW + minute * MINUTE)]
    assert 5 * 60 in told
    assert told == [10, 30, 70, 150, 300, 310, 330, 370, 450, 610, 930, 1290]


def test_what_is_due_while_a_run_holds_other_files_is_told_once_it_has_ended() -> None:
    source = SOURCE.model_copy(update={"ready": SOURCE.ready.model_copy(update={"deadline_seconds": 120})})
    watched = Watched(watch=ArrivalWatch(source))
    watched.look(FILE, OTHER)
    waiting = {FILE.path: observation(NOW)}
    watched.known = Standing(waiting=waiting)
    assert watched.look(FILE, OTHER, now=NOW + MINUTE) == 0
    watched.known = Standing(waiting=waiting, held=frozenset({OTHER.path}))
    assert watched.look(FILE, OTHER, now=NOW + 3 * MINUTE) == 0
    watched.known = Standing(waiting=waiting)
    assert watched.look(FILE, OTHER, now=NOW + 4 * MINUTE) == 2


def test_the_ledger_is_asked_at_a_bounded_rate_and_not_about_what_is_loaded() -> None:
    watched = Watched()
    for second in range(121):
        watched.look(FILE, OTHER, now=NOW + timedelta(seconds=second))
    assert watched.asked == [2, 2, 2]
    watched.load(FILE, OTHER)
    for minute in range(3, 60):
        watched.look(FILE, OTHER, now=NOW + minute * MINUTE)
    assert watched.asked == [2, 2, 2, 2]
    watched.known = Standing()
    assert watched.look(FILE, OTHER, now=NOW + 61 * MINUTE) == 2, "a reverted batch gave them back"


def test_a_ledger_that_cannot_be_asked_is_asked_at_the_next_look() -> None:
    watched = Watched()

    def fail(_versions: Sequence[FileVersion]) -> Standing:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        watched.watch.look([FILE], now=NOW, ask=fail)
    assert watched.look(FILE) == 1


@pytest.mark.parametrize(
    ("ready", "name"),
    [({"marker": "{file}.ok"}, "a.csv.ok"), ({"marker": "_SUCCESS"}, "_SUCCESS"), ({"manifest": "SUMS"}, "SUMS")],
    ids=["marker", "marker-of-the-folder", "manifest"],
)
def test_a_marker_or_manifest_that_comes_or_changes_tells_its_file_again(ready: dict[str, str], name: str) -> None:
    source = SOURCE.model_copy(update={"ready": Readiness.from_json(ready)})
    watched = Watched(watch=ArrivalWatch(source))
    beside = replace(FILE, path=f"/out/{name}")
    changed = replace(beside, size_bytes=11)
    assert watched.look(FILE) == 1
    assert watched.look(FILE, beside) == 1
    assert watched.look(beside, FILE) == 0
    assert watched.look(FILE, changed) == 1
    assert watched.look(FILE, changed, replace(beside, path="/out/b.csv.ok")) == 0
