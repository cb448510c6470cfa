import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.identity.crowding import DisjointSets
from headwater.identity.graph import Link
from headwater.identity.joining import JoinedVertices

vertices = st.integers(1, 30)


def joined(links: list[Link]) -> JoinedVertices:
    left, right = np.array(links, np.int64).reshape(-1, 2).T
    return JoinedVertices(left, right)


@settings(deadline=None)
@given(st.lists(st.tuples(vertices, vertices), max_size=40))
def test_columns_are_joined_as_links_are_one_by_one(links: list[Link]) -> None:
    sets = DisjointSets(35)
    for left, right in links:
        sets.join(sets.find(left), sets.find(right))
    every = list(range(35))
    assert joined(links).roots(np.array(every)).tolist() == [sets.find(each) for each in every]


@pytest.mark.parametrize("step", [1, -1])
def test_a_long_chain_is_one_component(step: int) -> None:
    chain = [(number, number + 1) for number in range(1, 50_000)][::step]
    assert set(joined(chain).roots(np.arange(1, 50_001)).tolist()) == {1}
