import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import RemoteFile
from headwater.errors import DocumentError
from headwater.flows.selection import (
    MAX_GROUPS,
    Window,
    file_matcher,
    files_beside,
    into_groups,
    marker_of,
    orphaned_manifests,
    orphaned_markers,
    seconds_to_wait,
    version_of,
)
from headwater.model.documents import Readiness, Source

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("files", "path", "taken"),
    [
        ("*.json", "/out/a.json", True),
        ("*.json", "/out/deep/a.json", True),
        ("*.json", "/out/a.json.part", False),
        ("*.json*", "/out/.a.json", False),
        ("a?.csv", "/out/a1.csv", True),
        ("a[12].csv", "/out/a3.csv", False),
        ("a[!12].csv", "/out/a3.csv", True),
        ("2026/*.csv", "/out/2026/a.csv", True),
        ("2026/*.csv", "/out/2026/11/a.csv", False),
        ("**/*.csv", "/out/a.csv", True),
        ("2026/**/*.csv", "/out/2026/11/22/a.csv", True),
        (r"regex:\d{4}/.*\.csv", "/out/2026/a.csv", True),
        (r"regex:\d{4}/.*\.csv", "/out/x/2026/a.csv", False),
        ("a+(b).csv", "/out/a+(b).csv", True),
        ("*", "/out/x.tmp", False),
    ],
)
def test_a_pattern_takes_the_files_it_names(files: str, path: str, taken: bool) -> None:
    assert file_matcher(Source(account="a", path="/out", files=files))(path) is taken


def test_a_pattern_is_relative_to_the_folder_even_at_the_root() -> None:
    assert file_matcher(Source(account="a", path="/", files="in/*.csv"))("/in/a.csv")


def test_a_pattern_holds_for_paths_without_a_leading_slash() -> None:
    source = Source(account="a", path="/outbox", files="sub/*.json")
    assert file_matcher(source)("outbox/sub/x.json")


@pytest.mark.parametrize("folder", ["/outbox/.", "/./outbox", "outbox//", "./outbox/"])
def test_a_folder_may_be_written_in_other_ways(folder: str) -> None:
    assert file_matcher(Source(account="a", path=folder, files="sub/*.json"))("/outbox/sub/x.json")


@pytest.mark.parametrize("glob", ["[z-a]", "[]"])
def test_a_wrong_glob_is_named(glob: str) -> None:
    with pytest.raises(DocumentError, match=rf"'{re.escape(glob)}' is no glob"):
        file_matcher(Source(account="a", files=glob))


@pytest.mark.parametrize(("size", "kept"), [(2**63 - 1, 2**63 - 1), (2**63, None), (2**64 - 1, None), (None, None)])
def test_a_size_that_no_file_has_is_none(size: int | None, kept: int | None) -> None:
    assert version_of(RemoteFile(path="a", size_bytes=size, modified_at=None)).size_bytes == kept


def test_a_time_to_the_minute_may_be_the_end_of_the_minute() -> None:
    listed = version_of(RemoteFile(path="a", size_bytes=1, modified_at=NOW, precision_seconds=60))
    assert (listed.modified_at, listed.modified_by) == (NOW, NOW + timedelta(seconds=59))
    exact = version_of(RemoteFile(path="a", size_bytes=1, modified_at=NOW))
    assert (exact.modified_by, exact.signature) == (NOW, listed.signature)


def test_a_wrong_regular_expression_is_named() -> None:
    with pytest.raises(DocumentError, match=r"'regex:\(' is no regular expression"):
        file_matcher(Source(account="a", files="regex:("))


def test_a_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    window = Window(start=NOW - timedelta(hours=1), end=NOW)
    assert not window.holds(NOW - timedelta(hours=1))
    assert window.holds(NOW)
    assert not window.holds(NOW + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("modified_at", "since", "seconds"),
    [
        (NOW - timedelta(seconds=61), None, 0),
        (NOW - timedelta(seconds=20), None, 40),
        (None, None, 60),
        (None, NOW - timedelta(seconds=60), 0),
        (NOW + timedelta(hours=1), NOW - timedelta(seconds=30), 30),
        (NOW + timedelta(hours=1), None, 60),
    ],
)
def test_a_file_settles_by_its_time_or_by_what_we_saw(
    modified_at: datetime | None, since: datetime | None, seconds: float
) -> None:
    assert seconds_to_wait(modified_at, since, now=NOW, readiness=Readiness(settle_seconds=60)) == seconds


def test_without_a_settle_time_every_file_is_settled() -> None:
    assert seconds_to_wait(None, None, now=NOW, readiness=Readiness(settle_seconds=0)) == 0


def test_a_marker_stands_beside_its_file_or_serves_its_folder() -> None:
    assert marker_of("/out/a.csv", "{file}.ok") == "/out/a.csv.ok"
    assert marker_of("/out/a.csv", "_SUCCESS") == "/out/_SUCCESS"


@pytest.mark.parametrize(
    ("files", "ready", "paths", "beside"),
    [
        ("*", {"marker": "{file}.ok"}, ["/out/b.csv", "/out/b.csv.ok", "/out/c.ok"], {"/out/b.csv.ok"}),
        ("*", {"marker": "_SUCCESS"}, ["/out/b.csv", "/out/_SUCCESS"], {"/out/_SUCCESS"}),
        ("*", {"manifest": "{file}.json"}, ["/out/a.json", "/out/a.json.json"], {"/out/a.json.json"}),
        ("*.json", {"manifest": "{file}.json"}, ["/out/a", "/out/a.json"], set()),
        ("*", {}, ["/out/b.csv", "/out/b.csv.ok"], set()),
    ],
    ids=["of-a-file", "of-a-folder", "data-that-looks-like-one", "of-a-file-that-is-not-taken", "none"],
)
def test_a_marker_is_what_belongs_to_a_listed_file(
    files: str, ready: dict[str, str], paths: list[str], beside: set[str]
) -> None:
    source = Source(account="a", path="/out", files=files, ready=Readiness.from_json(ready))
    assert files_beside(paths, source) == beside


@pytest.mark.parametrize(
    ("files", "marker", "paths", "orphans"),
    [
        ("*", "{file}.ok", ["/out/b.csv", "/out/b.csv.ok", "/out/c.ok"], {"/out/c.ok": "/out/c"}),
        ("*", "{file}.ok", ["/out/c.ok", "/out/c.ok.ok"], {}),
        ("*", "ready-{file}-{file}", ["/out/ready-a-a", "/out/ready-a-b"], {"/out/ready-a-a": "/out/a"}),
        ("*", "{file}.ok", ["/out/.ok", "/in/b.csv.ok", "/out/b.csv"], {"/in/b.csv.ok": "/in/b.csv"}),
        ("*.csv", "{file}.ok", ["/out/c.csv.ok"], {}),
        ("*", "_SUCCESS", ["/out/_SUCCESS"], {}),
        ("*", None, ["/out/c.ok"], {}),
    ],
    ids=["alone", "data-that-looks-like-one", "twice-in-it", "another-folder", "not-taken", "of-a-folder", "none"],
)
def test_a_marker_without_its_file_is_no_data(
    files: str, marker: str | None, paths: list[str], orphans: dict[str, str]
) -> None:
    source = Source(account="a", path="/", files=files, ready=Readiness(marker=marker))
    assert orphaned_markers(paths, source) == orphans


@pytest.mark.parametrize(
    ("files", "manifest", "paths", "orphans"),
    [
        ("*.csv", "{file}.sums", ["/a.csv", "/a.csv.sums", "/b.csv.sums"], {"/b.csv.sums": "/b.csv"}),
        ("*.csv", "{file}.sums", ["/b.json.sums", "/in/a.csv.sums", "/a.csv"], {"/in/a.csv.sums": "/in/a.csv"}),
        ("*", "{file}.json", ["/b.csv.json"], {}),
        ("*.csv", "{file}.tmp", ["/b.csv.tmp"], {}),
        ("*.csv", "SUMS", ["/old/SUMS", "/new/SUMS", "/old/a.csv"], {"/new/SUMS": None}),
        ("*", "SUMS", ["/new/SUMS"], {}),
        ("*.csv", None, ["/b.csv.sums"], {}),
    ],
    ids=["alone", "others", "taken-for-data", "ignored", "of-a-folder", "of-a-folder-as-data", "none"],
)
def test_a_manifest_of_what_is_not_there(
    files: str, manifest: str | None, paths: list[str], orphans: dict[str, str | None]
) -> None:
    source = Source(account="a", path="/", files=files, ready=Readiness(manifest=manifest))
    assert orphaned_manifests(paths, source) == orphans


@pytest.mark.parametrize("key", ["marker", "manifest"])
def test_a_marker_in_another_folder_is_refused(key: str) -> None:
    with pytest.raises(
        ValidationError, match=f"`{key}` 'done/{{file}}.ok' is no name of a file beside the data, such as"
    ):
        Readiness.from_json({key: "done/{file}.ok"})
    with pytest.raises(ValidationError, match=f"`{key}` '{{file}}' is the data file itself"):
        Readiness.from_json({key: "{file}"})


@given(st.lists(st.one_of(st.none(), st.integers(0, 5_000))), st.integers(1, 10_000))
def test_groups_are_consecutive_and_no_larger_than_asked_unless_by_one_file(
    sizes: list[int | None], group_bytes: int
) -> None:
    groups = into_groups(sizes, group_bytes=group_bytes)
    assert groups == sorted(groups)
    assert set(groups) == set(range(len(set(groups))))
    limit = max(group_bytes, sum(size or 0 for size in sizes) // MAX_GROUPS + 1)
    for number in set(groups):
        members = [size or 0 for size, group in zip(sizes, groups, strict=True) if group == number]
        assert sum(members) <= limit or sum(1 for size in members if size) == 1


def test_many_large_files_stay_below_the_limit_of_mapped_tasks() -> None:
    assert max(into_groups([100] * 5_000, group_bytes=1)) < MAX_GROUPS
