import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors import AccessDeniedError, FileGoneError
from connectors.objects.keys import KeySpace

SOURCE = "S3 bucket 'exchange'"
KEYS = st.lists(st.sampled_from(["", "a", "b.csv", "...", "ä", " ", "\\", "\n"]), min_size=1, max_size=6).map("/".join)


@given(KEYS, st.sampled_from([None, "", "out", "/out/", "a//b", "//a"]))
def test_a_key_has_one_path_which_leads_back_to_it(key: str, folder_path: str | None) -> None:
    keys = KeySpace(folder_path, source=SOURCE)
    full = keys.prefix_of("") + key
    path = keys.file_path(full)
    assume(key and path is not None)
    assert path is not None
    assert keys.key_of(path) == full
    assert keys.same_path(path) == path


@given(KEYS, st.sampled_from([None, "out", "a//b"]))
def test_what_keys_begin_with_has_one_path_which_leads_back_to_it(start: str, folder_path: str | None) -> None:
    keys = KeySpace(folder_path, source=SOURCE)
    prefix = f"{keys.prefix_of('')}{start}/"
    path = keys.folder_path(prefix)
    assert path is not None
    assert keys.prefix_of(path) == prefix


@pytest.mark.parametrize("path", ["", "/", "in/", "caf\udce9.csv"])
def test_what_no_file_can_be(path: str) -> None:
    with pytest.raises(FileGoneError, match="has no file"):
        KeySpace(None, source=SOURCE).key_of(path)


def test_what_no_folder_can_be() -> None:
    with pytest.raises(FileGoneError, match="has no folder"):
        KeySpace(None, source=SOURCE).prefix_of("caf\udce9")


@pytest.mark.parametrize("path", ["..", "../a", "a/../b", "nul\0"])
def test_no_way_upwards(path: str) -> None:
    keys = KeySpace("out", source=SOURCE)
    for ask in (keys.key_of, keys.prefix_of):
        with pytest.raises(AccessDeniedError, match="was refused"):
            ask(path)
