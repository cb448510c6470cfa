from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import RemoteFile
from headwater.flows.arrivals import ArrivalWatch
from headwater.model.documents import Readiness, Source

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
SOURCE = Source(account="a", path="/out", files="*.csv", ready=Readiness(settle_seconds=60))
FILE = RemoteFile(path="/out/a.csv", size_bytes=10, modified_at=NOW - timedelta(hours=1))


def test_each_version_is_told_once() -> None:
    watch = ArrivalWatch(SOURCE)
    assert watch.look([FILE], now=NOW) == 1
    assert watch.look([FILE], now=NOW) == 0
    changed = replace(FILE, size_bytes=11)
    assert watch.look([changed, replace(FILE, path="/out/b.csv")], now=NOW) == 2
    assert len(watch.told) == 2


def test_what_was_told_is_known_to_the_next_watch() -> None:
    watch = ArrivalWatch(SOURCE)
    watch.look([FILE], now=NOW)
    assert ArrivalWatch(SOURCE, watch.told).look([FILE], now=NOW) == 0


def test_files_of_other_names_and_ignored_ones_are_not_told() -> None:
    others = [replace(FILE, path=path) for path in ("/out/a.json", "/out/a.csv.part", "/out/.a.csv")]
    assert ArrivalWatch(SOURCE).look(others, now=NOW) == 0


def test_a_file_is_told_when_it_has_settled() -> None:
    watch = ArrivalWatch(SOURCE)
    growing = replace(FILE, modified_at=NOW)
    assert watch.look([growing], now=NOW) == 0
    assert watch.look([replace(growing, size_bytes=20)], now=NOW + timedelta(seconds=61)) == 1


def test_without_times_a_file_settles_by_what_was_seen() -> None:
    watch = ArrivalWatch(SOURCE)
    untimed = replace(FILE, modified_at=None)
    assert watch.look([untimed], now=NOW) == 0
    assert watch.look([untimed], now=NOW + timedelta(seconds=30)) == 0
    assert watch.look([untimed], now=NOW + timedelta(seconds=60)) == 1


def test_what_is_gone_is_forgotten_and_told_again_when_it_comes_back() -> None:
    watch = ArrivalWatch(SOURCE)
    watch.look([FILE], now=NOW)
    assert watch.look([], now=NOW) == 0
    assert watch.told == []
    assert watch.look([FILE], now=NOW) == 1


@pytest.mark.parametrize(
    ("ready", "name"),
    [({"marker": "{file}.ok"}, "a.csv.ok"), ({"marker": "_SUCCESS"}, "_SUCCESS"), ({"manifest": "SUMS"}, "SUMS")],
    ids=["marker", "marker-of-the-folder", "manifest"],
)
def test_a_marker_or_manifest_that_comes_or_changes_tells_its_file_again(ready: dict[str, str], name: str) -> None:
    watch = ArrivalWatch(SOURCE.model_copy(update={"ready": Readiness.from_json(ready)}))
    beside = replace(FILE, path=f"/out/{name}")
    assert watch.look([FILE], now=NOW) == 1
    assert watch.look([FILE, beside], now=NOW) == 1
    assert watch.look([beside, FILE], now=NOW) == 0
    assert watch.look([FILE, replace(beside, size_bytes=11)], now=NOW) == 1
    assert watch.look([FILE, replace(beside, size_bytes=11), replace(beside, path="/out/b.csv.ok")], now=NOW) == 0
