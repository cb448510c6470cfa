"""Local folders, and what must not be read through them."""

import os
from pathlib import Path

import pytest

from connectors import AccessDeniedError, ConfigurationError, Connector, FileGoneError, create_connector
from tests.servers.privileges import closed_folder


@pytest.fixture
def root(open_folder: Path) -> Path:
    (open_folder / "root").mkdir()
    (open_folder / "secret.csv").write_bytes(b"secret")
    return open_folder / "root"


@pytest.fixture
def connector(root: Path) -> Connector:
    return create_connector("local", {"root_path": str(root)})


@pytest.mark.parametrize("path", ["here", "", "./here", "~/here"])
def test_the_root_is_an_absolute_path(path: str) -> None:
    with pytest.raises(ConfigurationError, match="`root_path`: give an absolute path, such as /srv/exchange"):
        create_connector("local", {"root_path": path})


def test_paths_with_and_without_a_leading_slash_are_the_same(connector: Connector, root: Path) -> None:
    (root / "in").mkdir()
    (root / "in/a.csv").write_bytes(b"1")
    assert list(connector.list_files("/in")) == list(connector.list_files("in/"))
    assert connector.stat_file("/in/a.csv") == connector.stat_file("in/a.csv")
    assert connector.stat_file("/in/a.csv").path == "in/a.csv"


def test_a_root_that_is_not_there(root: Path) -> None:
    connector = create_connector("local", {"root_path": str(root / "unmounted")})
    with pytest.raises(FileGoneError, match=r"unmounted' has no folder ''\. Check the path"):
        connector.check()


@pytest.mark.parametrize("target", ["../secret.csv", "/etc/passwd"])
def test_a_link_to_a_file_outside_is_refused(connector: Connector, root: Path, target: str) -> None:
    (root / "link.csv").symlink_to(target)
    expected = (
        f"Local folder '{root}': 'link.csv' is a link that leads out of the folder, and was not followed. Remove the "
        "link, or choose a `root_path` that contains its target."
    )
    with pytest.raises(AccessDeniedError) as listed:
        list(connector.list_files(""))
    with pytest.raises(AccessDeniedError) as seen:
        connector.stat_file("link.csv")
    with pytest.raises(AccessDeniedError) as opened, connector.open_file("link.csv"):
        pytest.fail("it was opened")
    assert str(listed.value) == str(seen.value) == str(opened.value) == expected


def test_a_linked_folder_outside_is_refused(connector: Connector, root: Path) -> None:
    (root / "up").symlink_to("..")
    with pytest.raises(AccessDeniedError, match="'up' is a link that leads out"):
        list(connector.browse(""))
    with pytest.raises(AccessDeniedError, match=r"'up/secret\.csv' is a link that leads out"):
        connector.stat_file("up/secret.csv")


def test_a_root_that_is_a_link_itself(root: Path, open_folder: Path) -> None:
    (open_folder / "alias").symlink_to("root")
    (root / "a.csv").write_bytes(b"1")
    connector = create_connector("local", {"root_path": str(open_folder / "alias")})
    assert [file.path for file in connector.list_files("")] == ["a.csv"]


def test_the_whole_file_system_as_root(root: Path) -> None:
    (root / "a.csv").write_bytes(b"1")
    connector = create_connector("local", {"root_path": "/"})
    assert connector.stat_file(str(root / "a.csv")).path == str(root / "a.csv").lstrip("/")


def test_what_is_neither_file_nor_folder_is_passed_over(connector: Connector, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    assert list(connector.browse("")) == []
    with pytest.raises(FileGoneError, match="'pipe' is not a file"), connector.open_file("pipe"):
        pytest.fail("it was opened")
    with pytest.raises(FileGoneError, match="has no file 'loop'"):
        connector.stat_file("loop")


def test_a_file_in_place_of_a_folder(connector: Connector, root: Path) -> None:
    (root / "a.csv").write_bytes(b"1")
    with pytest.raises(FileGoneError, match=r"has no folder 'a\.csv'"):
        list(connector.list_files("a.csv"))
    with pytest.raises(FileGoneError, match=r"has no file 'a\.csv/b'"):
        connector.stat_file("a.csv/b")


def test_a_denied_folder_says_what_to_do(connector: Connector, root: Path) -> None:
    (root / "private").mkdir()
    with closed_folder(root / "private", as_nobody=True), pytest.raises(AccessDeniedError) as caught:
        list(connector.list_files("", recursive=True))
    assert str(caught.value) == (
        f"Local folder '{root}' denies access to 'private'. Nothing was read from there. Ask its operator to let "
        "this account read it, or choose another path."
    )


@pytest.mark.parametrize("epoch_seconds", [0, -1, 1_700_000_000])
def test_times_are_those_of_the_file_in_utc(connector: Connector, root: Path, epoch_seconds: int) -> None:
    (root / "a.csv").touch()
    os.utime(root / "a.csv", (0, epoch_seconds))
    modified_at = connector.stat_file("a.csv").modified_at
    assert modified_at is not None
    assert modified_at.timestamp() == epoch_seconds


def test_check_tells_what_is_there(connector: Connector, root: Path) -> None:
    assert [step.detail for step in connector.check().steps] == [
        f"Local folder '{root}' is there",
        "the folder is empty",
    ]
    (root / "a.csv").touch()
    assert connector.check().steps[1].detail == "the folder has entries, such as 'a.csv'"


def test_a_file_that_is_replaced_while_it_is_read(connector: Connector, root: Path) -> None:
    (root / "a.csv").write_bytes(b"1" * 5_000_000)
    with connector.open_file("a.csv") as stream:
        first = stream.read(1)
        (root / "new").write_bytes(b"2")
        (root / "new").replace(root / "a.csv")
        assert first + stream.read() == b"1" * 5_000_000
