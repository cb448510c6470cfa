from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from headwater.model.nested import flatten, value_at
from headwater.ui.records import flat_table
from headwater.ui.rendering import show_bytes, show_number, show_time, show_value

LEAVES = st.one_of(st.integers(), st.text(max_size=5), st.none(), st.booleans())
RECORDS = st.dictionaries(
    st.text(st.characters(exclude_characters="."), min_size=1, max_size=4),
    st.recursive(
        LEAVES, lambda inner: st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), inner, max_size=3)
    ),
    max_size=4,
)


def test_nested_objects_become_columns_and_lists_one_cell() -> None:
    table = flat_table(
        [
            {"person": {"name": {"first": "Ada"}}, "tags": ["a", "b"]},
            {"person": {"age": 3}},
        ]
    )

    assert table.columns == ("person.name.first", "tags", "person.age")
    assert table.rows == (("Ada", '["a", "b"]', None), (None, None, 3))


@given(RECORDS)
def test_flattening_keeps_every_leaf(record: dict[str, object]) -> None:
    def leaves(value: object) -> int:
        return sum(map(leaves, value.values())) if isinstance(value, dict) else 1

    assert len(flatten(record)) == sum(map(leaves, record.values()))


def test_a_json_pointer_finds_its_value() -> None:
    document = {"a/b": {"~": [{"x": 1}]}}

    assert value_at(document, "/a~1b/~0/0/x") == 1
    assert value_at(document, "/a~1b/~0/7") is None
    assert value_at(document, "/nothing/here") is None


def test_values_are_shown_for_people() -> None:
    assert show_number(1234567) == "1,234,567"
    assert show_number(None) == "–"
    assert show_bytes(500) == "500 B"
    assert show_bytes(269 * 1024) == "269.0 KiB"
    assert show_time(datetime(2026, 11, 1, 2, 3, 4, tzinfo=UTC)) == "2026-11-01 02:03:04 UTC"
    assert [show_value(value) for value in (None, True, 596518.0, 2.5, "x")] == ["", "true", "596518", "2.5", "x"]
    assert show_value(datetime(2026, 11, 1, tzinfo=UTC)) == "2026-11-01T00:00:00Z"
