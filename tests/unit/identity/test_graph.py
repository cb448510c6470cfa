from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.identity.graph import Components, Link, Vertex, admit_links, choose_removals, record_links
from headwater.model.documents import IdentityType

KEYS = [bytes([number]) for number in range(24)]
links_of_keys = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).map(lambda pair: (min(pair), max(pair))), max_size=60
).map(lambda links: sorted({link for link in links if link[0] != link[1]}))


def components(links: Iterable[Link], keys: Iterable[bytes] = KEYS) -> dict[bytes, bytes]:
    joined = Components()
    for left, right in links:
        joined.join(left, right)
    return {key: joined.find(key) for key in keys}


def vertex(key: bytes, type_: IdentityType = IdentityType.COOKIE, last_seen: int = 0) -> Vertex:
    return Vertex(key=key, namespace="n", value=key.hex(), type=type_, last_seen=last_seen)


def test_each_two_identities_of_a_record_are_linked() -> None:
    assert list(record_links([b"c", b"a", b"b"])) == [(b"a", b"b"), (b"a", b"c"), (b"b", b"c")]
    assert list(record_links([b"a"])) == []


@settings(deadline=None)
@given(links_of_keys.flatmap(lambda links: st.tuples(st.just(links), st.permutations(links))))
def test_the_order_of_links_does_not_change_the_components(both: tuple[list[Link], list[Link]]) -> None:
    assert components(both[0]) == components(both[1])


@settings(deadline=None)
@given(links_of_keys, st.integers(0, 60))
def test_joining_in_two_steps_is_joining_in_one(links: list[Link], cut: int) -> None:
    stored = components(links[:cut])
    continued = Components(stored)
    for left, right in links[cut:]:
        continued.join(left, right)
    assert {key: continued.find(key) for key in KEYS} == components(links)


@settings(deadline=None)
@given(links_of_keys)
def test_a_root_is_the_smallest_key_of_its_component(links: list[Link]) -> None:
    found = components(links)
    for root in set(found.values()):
        assert root == min(key for key in KEYS if found[key] == root)


def test_a_batch_makes_so_many_links_of_one_identity_and_no_more() -> None:
    hub = b"\0"
    links = [(hub, key) for key in KEYS[1:]]
    made = {hub: 2}
    admitted, refused = admit_links(reversed(links), made, limit=5)
    assert admitted == links[:3]
    assert (refused, made[hub], made[KEYS[1]]) == (len(links) - 3, 5, 1)


@settings(deadline=None)
@given(
    links_of_keys,
    st.lists(st.tuples(st.sampled_from(list(IdentityType)), st.integers(0, 5)), min_size=24, max_size=24),
    st.integers(1, 8),
)
def test_removals_are_those_of_removing_one_by_one(
    links: list[Link], kinds: list[tuple[IdentityType, int]], limit: int
) -> None:
    vertices = [vertex(key, type_, seen) for key, (type_, seen) in zip(KEYS, kinds, strict=True)]
    assert choose_removals(vertices, links, limit) == _one_by_one(vertices, links, limit)


def _one_by_one(vertices: list[Vertex], links: list[Link], limit: int) -> set[bytes]:
    """The rule as it is stated: while a component is too large, its first vertex goes."""
    removed: set[bytes] = set()
    while True:
        left = [each for each in vertices if each.key not in removed]
        found = components((link for link in links if not removed & set(link)), [each.key for each in left])
        sizes = list(found.values())
        large = [each for each in left if sizes.count(found[each.key]) > limit]
        if not large:
            return removed
        removed.add(min(large, key=lambda each: each.removal_order).key)


def test_cookies_go_first_then_devices_then_the_longest_unseen() -> None:
    vertices = [
        vertex(b"phone", IdentityType.PHONE, 1),
        vertex(b"email", IdentityType.EMAIL, 0),
        vertex(b"old cookie", IdentityType.COOKIE, 3),
        vertex(b"new cookie", IdentityType.COOKIE, 4),
        vertex(b"device", IdentityType.DEVICE, 0),
    ]
    links = [(min(each.key, b"phone"), max(each.key, b"phone")) for each in vertices[1:]]
    order = [b"old cookie", b"new cookie", b"device", b"email"]
    for limit in (4, 3, 2, 1):
        assert choose_removals(vertices, links, limit) == set(order[: 5 - limit])
