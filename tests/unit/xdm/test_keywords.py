"""Rules whose time must not grow with the square of what a file brings."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.xdm.keywords import are_unique
from headwater.xdm.validation import make_validator

_MANY = 100_000
_values = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 0.0, -0.0, 1.0, 0.5, "", "1", "é", 2**64, 2.0**64, 2**64 + 1, 10**400]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


def are_equal(one: Any, other: Any) -> bool:  # noqa: ANN401  (JSON)
    """JSON Schema's equality: numbers by their value, booleans are none."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(are_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(are_equal(one[name], other[name]) for name in one)
    return bool(one == other)


@given(st.lists(_values, max_size=5))
def test_elements_are_unique_if_no_two_are_equal(elements: list[Any]) -> None:
    assert are_unique(elements) is not any(are_equal(one, other) for one, other in combinations(elements, 2))


@pytest.mark.parametrize(
    "elements",
    [
        [{"x": number} for number in range(_MANY)],
        [[number] for number in range(_MANY)],
        [number * (2**61 - 1) for number in range(_MANY)],
        [None, True, *map(str, range(_MANY))],
    ],
    ids=["objects", "arrays", "numbers of one hash", "of several types"],
)
def test_many_elements_are_looked_at_once(elements: list[Any]) -> None:
    validator = make_validator({"uniqueItems": True})
    assert validator.is_valid(elements)
    [error] = validator.iter_errors([*elements, elements[0]])
    assert error.validator == "uniqueItems"


def test_what_is_no_array_and_what_need_not_be_unique_pass() -> None:
    assert make_validator({"uniqueItems": True}).is_valid("aa")
    assert make_validator({"uniqueItems": False}).is_valid([1, 1])
