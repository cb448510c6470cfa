import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import AccessDeniedError, ConnectorError
from connectors.paths import checked_name, checked_path, decode_path, encode_path, join_path


@given(st.binary())
def test_bytes_survive_as_text(path: bytes) -> None:
    assert encode_path(decode_path(path)) == path


@given(st.lists(st.sampled_from(["", ".", "a", "..a", "b c", "...", "é"]), max_size=6), st.booleans())
def test_a_checked_path_stays_as_it_is(parts: list[str], absolute: bool) -> None:
    path = ("/" if absolute else "") + "/".join(parts)
    checked = checked_path(path, source="s")
    assert checked_path(checked, source="s") == checked
    assert checked.startswith("/") == path.startswith("/")
    assert [part for part in checked.split("/") if part] == [part for part in parts if part not in ("", ".")]


@pytest.mark.parametrize("path", ["..", "/..", "a/../b", "a/..", "nul\0", "lone \ud800 surrogate"])
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(AccessDeniedError, match=r"^server: path .* was refused"):
        checked_path(path, source="server")


@pytest.mark.parametrize(
    ("folder", "path"), [("", "a.csv"), ("/", "/a.csv"), ("in", "in/a.csv"), ("/in/out", "/in/out/a.csv")]
)
def test_joining(folder: str, path: str) -> None:
    assert join_path(folder, "a.csv") == path


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/passwd", "nul\0"])
def test_names_that_no_listing_may_have(name: str) -> None:
    with pytest.raises(ConnectorError, match=r"^server listed an entry named .* in folder 'in', which is no file name"):
        checked_name(name, folder="in", source="server")
