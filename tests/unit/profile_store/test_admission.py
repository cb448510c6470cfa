import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headwater.identity.graph import BATCH_LINK_LIMIT, Link, admit_links
from headwater.profile_store.admission import LinksMade

HUB = 7
links = st.tuples(st.integers(0, HUB), st.integers(HUB + 1, 400))


@given(st.lists(st.lists(links, min_size=30, unique=True), min_size=1, max_size=4))
def test_slices_admit_what_all_links_one_by_one_would(slices: list[list[Link]]) -> None:
    made, one_by_one = LinksMade(), bytearray(401)
    for each in slices:
        assert admitted(made, each) == admit_links(each, one_by_one)


def test_the_limit_holds_across_slices() -> None:
    made = LinksMade()
    many = [(HUB, number) for number in range(100, 100 + BATCH_LINK_LIMIT - 1)]
    assert admitted(made, many) == many
    assert admitted(made, [(1, 2)]) == [(1, 2)]
    assert admitted(made, [(HUB, 1), (HUB, 2), (1, 2)]) == [(HUB, 1), (1, 2)]


def admitted(made: LinksMade, slice_links: list[Link]) -> list[Link]:
    """Those links that are admitted, whose vertices come in any order."""
    ids, places = np.unique(np.array(slice_links, np.int64), return_inverse=True)
    left, right = (len(ids) - 1 - places.reshape(-1, 2)).T
    return [link for link, yes in zip(slice_links, made.admit(ids[::-1], left, right), strict=True) if yes]
