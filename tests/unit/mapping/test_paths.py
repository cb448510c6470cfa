import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import MappingError
from headwater.mapping.paths import EACH, find_field, format_path, parse_path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("person.name.firstName", ("person", "name", "firstName")),
        (r"first\.part.x", ("first.part", "x")),
        ("${First Name}", ("First Name",)),
        ("a.${full.name}", ("a", "full.name")),
        ("emails[0].address", ("emails", 0, "address")),
        ("emails[*].address", ("emails", EACH, "address")),
        ("a[0][*]", ("a", 0, EACH)),
        ("First Name", ("First Name",)),
        ("_id", ("_id",)),
    ],
)
def test_paths(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a[x]", "a[", "${}", "a[0]b", "${a"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(MappingError, match=re.escape(f"{text!r} is no path: at character ")):
        parse_path(text)


names = st.text(st.characters(blacklist_characters="}\n", blacklist_categories=["Cs"]), min_size=1, max_size=8)
paths = st.tuples(
    names.filter(lambda name: name != EACH), st.lists(names.filter(lambda n: n != EACH) | st.integers(0, 99))
)


@given(paths.map(lambda parts: (parts[0], *parts[1])))
def test_reading_what_was_written_gives_the_same_path(path: tuple[str | int, ...]) -> None:
    assert parse_path(format_path(path)) == path


SCHEMA = {
    "properties": {
        "a": {
            "type": "object",
            "properties": {"b": {"type": "array", "items": {"properties": {"c": {"type": "string"}}}}},
        },
        "m": {"type": "object", "additionalProperties": {"type": "integer"}},
    }
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[3].c", {"type": "string"}),
        ("a.b[*].c", {"type": "string"}),
        ("m.anything", {"type": "integer"}),
        ("a.b.c", None),
        ("a[0]", None),
        ("a.x", None),
        ("x", None),
    ],
)
def test_fields_are_found(path: str, found: object) -> None:
    assert find_field(SCHEMA, parse_path(path)) == found
