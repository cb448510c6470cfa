from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import SchemaError
from headwater.identity import Namespaces
from headwater.identity.graph import Components, Link, Vertex, admit_links, arrange, choose_removals
from headwater.identity.rules import IdentityRules
from headwater.model.documents import IdentitySettings, IdentityType

KEYS = list(range(24))
links_of_keys = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).map(lambda pair: (min(pair), max(pair))), max_size=60
).map(lambda links: sorted({link for link in links if link[0] != link[1]}))


def components(links: Iterable[Link], keys: Iterable[int] = KEYS) -> dict[int, int]:
    joined = Components()
    for left, right in links:
        joined.join(left, right)
    return {key: joined.find(key) for key in keys}


def vertex(key: int, type_: IdentityType = IdentityType.COOKIE, last_seen: int = 0) -> Vertex:
    return Vertex(key=key, namespace="n", value=f"{key:02}", type=type_, last_seen=last_seen)


@settings(deadline=None)
@given(links_of_keys.flatmap(lambda links: st.tuples(st.just(links), st.permutations(links))))
def test_the_order_of_links_does_not_change_the_components(both: tuple[list[Link], list[Link]]) -> None:
    assert components(both[0]) == components(both[1])


@settings(deadline=None)
@given(links_of_keys)
def test_a_root_is_the_smallest_key_of_its_component(links: list[Link]) -> None:
    found = components(links)
    for root in set(found.values()):
        assert root == min(key for key in KEYS if found[key] == root)


def test_a_batch_makes_so_many_links_of_one_identity_and_no_more() -> None:
    hub = 0
    links = [(hub, key) for key in reversed(KEYS[1:])]
    made = bytearray(len(KEYS))
    made[hub] = 2
    assert admit_links(links, made, limit=5) == links[:3]
    assert (made[hub], made[KEYS[-1]], made[KEYS[1]]) == (5, 1, 0)
    assert admit_links([(1, 2)], made, limit=5) == [(1, 2)]


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


def _one_by_one(vertices: list[Vertex], links: list[Link], limit: int) -> set[int]:
    """The rule as it is stated: while a component is too large, its first vertex goes."""
    removed: set[int] = set()
    while True:
        left = [each for each in vertices if each.key not in removed]
        found = components((link for link in links if not removed & set(link)), [each.key for each in left])
        sizes = list(found.values())
        large = [each for each in left if sizes.count(found[each.key]) > limit]
        if not large:
            return removed
        removed.add(min(large, key=lambda each: each.removal_order).key)


def test_cookies_go_first_then_devices_then_the_longest_unseen() -> None:
    phone, email, old_cookie, new_cookie, device = range(5)
    vertices = [
        vertex(phone, IdentityType.PHONE, 1),
        vertex(email, IdentityType.EMAIL, 0),
        vertex(old_cookie, IdentityType.COOKIE, 3),
        vertex(new_cookie, IdentityType.COOKIE, 4),
        vertex(device, IdentityType.DEVICE, 0),
    ]
    links = [(phone, each.key) for each in vertices[1:]]
    order = [old_cookie, new_cookie, device, email]
    for limit in (4, 3, 2, 1):
        assert choose_removals(vertices, links, limit) == set(order[: 5 - limit])


@settings(deadline=None)
@given(
    links_of_keys.flatmap(lambda links: st.tuples(st.just(links), st.permutations(links))),
    st.lists(st.tuples(st.sampled_from(["crm", "mail", "web"]), st.integers(0, 5)), min_size=24, max_size=24),
    st.integers(2, 8),
)
def test_a_graph_keeps_to_the_rules_whatever_the_order(
    both: tuple[list[Link], list[Link]], kinds: list[tuple[str, int]], limit: int
) -> None:
    rules = IdentityRules(unique=frozenset({"crm"}), priority=("crm", "web"))
    vertices = [
        Vertex(key=key, namespace=code, value=f"{key:02}", type=IdentityType.COOKIE, last_seen=seen)
        for key, (code, seen) in zip(KEYS, kinds, strict=True)
    ]
    one, other = (
        arrange(vertices, {link: (sum(link) % 4, f"B{link[0] % 3}") for link in links}, rules, limit) for links in both
    )
    assert one == other
    for graph in set(one.values()) - {None}:
        members = [vertex for vertex in vertices if one[vertex.key] == graph]
        assert len(members) <= limit
        assert sum(vertex.namespace == "crm" for vertex in members) <= 1


def test_the_newest_link_wins_and_then_the_more_important_namespace() -> None:
    ann, bob, mail, tablet = (
        Vertex(key=key, namespace=code, value=str(key), type=IdentityType.DEVICE, last_seen=0)
        for key, code in enumerate(["crm", "CRM", "mail", "device"])
    )
    rules = IdentityRules(unique=frozenset({"crm"}), priority=("crm", "mail", "device"))
    vertices = [ann, bob, mail, tablet]
    links = {(0, 2): (1, "B1"), (0, 3): (1, "B1"), (1, 2): (1, "B1"), (1, 3): (2, "B2")}
    assert arrange(vertices, links, rules) == {0: 0, 2: 0, 1: 1, 3: 1}
    assert arrange(vertices, links | {(1, 2): (2, "B3")}, rules) == {0: 0, 1: 1, 2: 1, 3: 1}


def test_rules_must_fit_the_namespaces() -> None:
    namespaces = Namespaces({"crm": IdentityType.CROSS_DEVICE, "sku": IdentityType.NON_PEOPLE})
    for settings_, message in (
        (
            IdentitySettings(name="mine", unique_namespaces=("crn",)),
            "identity settings 'mine' name namespace 'crn', which does not exist. Name namespaces"
            " of people, their devices or cookies.",
        ),
        (
            IdentitySettings(name="mine", namespace_priority=("sku",)),
            "identity settings 'mine' name namespace 'sku', which joins no graph. Name namespaces"
            " of people, their devices or cookies.",
        ),
        (
            IdentitySettings(name="mine", namespace_priority=("ECID", "crm")),
            "identity settings 'mine' put 'ECID', a cookie or device, above 'crm', a person's namespace. List"
            " the namespaces of people first.",
        ),
    ):
        with pytest.raises(SchemaError) as caught:
            IdentityRules.from_settings(settings_, namespaces)
        assert str(caught.value) == message
