"""What limit and linking rules leave of components, against the rules as they are stated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.identity.crowding import NO_GRAPH, DisjointSets, Members, arrange, choose_removals
from headwater.identity.graph import Link
from headwater.identity.namespaces import Namespace, canonical_code
from headwater.identity.rules import IdentityRules
from headwater.model.documents import IdentityType

KEYS = list(range(24))
links_of_keys = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).map(lambda pair: (min(pair), max(pair))), max_size=60
).map(lambda links: sorted({link for link in links if link[0] != link[1]}))


@dataclass(frozen=True)
class Person:
    """An identity to arrange."""

    namespace: str
    type: IdentityType = IdentityType.COOKIE


def members(people: Sequence[Person], links: dict[Link, tuple[int, str]], *, first_key: int = 0) -> Members:
    """People whose values are their places."""
    kinds = sorted({(each.namespace, each.type) for each in people})
    newest = sorted(set(links.values()))
    left, right = np.array(list(links), np.int64).reshape(-1, 2).T
    return Members(
        keys=np.arange(first_key, first_key + len(people)),
        kinds=np.array([kinds.index((each.namespace, each.type)) for each in people], np.int64),
        namespaces=tuple(Namespace(code=code, type=type_) for code, type_ in kinds),
        values=pa.array([f"{place:04}" for place in range(len(people))], pa.string()),
        left=left,
        right=right,
        seen=np.array([time for time, _ in links.values()], np.int64),
        shown=np.array([newest.index(each) for each in links.values()], np.int64),
    )


def components(links: Iterable[Link], keys: Iterable[int]) -> dict[int, int]:
    sets = DisjointSets(max(keys, default=-1) + 1)
    for link in links:
        left, right = map(sets.find, link)
        if left != right:
            sets.join(left, right)
    return {key: sets.find(key) for key in keys}


def remove_one_by_one(count: int, links: Iterable[Link], limit: int) -> set[int]:
    """The rule as it is stated: while a component is too large, its first vertex goes."""
    removed: set[int] = set()
    while True:
        left = [each for each in range(count) if each not in removed]
        found = components([link for link in links if not removed & set(link)], left)
        sizes = list(found.values())
        large = [each for each in left if sizes.count(found[each]) > limit]
        if not large:
            return removed
        removed.add(min(large))


def removals(count: int, links: Sequence[Link], limit: int) -> set[int]:
    left, right = np.array(links, np.int64).reshape(-1, 2).T
    return set(np.flatnonzero(choose_removals(count, left, right, limit)).tolist())


@settings(deadline=None)
@given(links_of_keys)
def test_a_root_is_the_smallest_key_of_its_component(links: list[Link]) -> None:
    found = components(links, KEYS)
    for root in set(found.values()):
        assert root == min(key for key in KEYS if found[key] == root)


@settings(deadline=None, max_examples=300)
@given(links_of_keys, st.integers(1, 8))
def test_removals_are_those_of_removing_one_by_one(links: list[Link], limit: int) -> None:
    turned = [(right, left) if (left + right) % 3 else (left, right) for left, right in links]
    assert removals(len(KEYS), turned, limit) == remove_one_by_one(len(KEYS), links, limit)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 2)), max_size=60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=12),
    st.integers(2, 9),
)
def test_removals_around_hubs_are_those_of_removing_one_by_one(
    hubs: list[int], spokes: list[tuple[int, int]], others: list[Link], limit: int
) -> None:
    """Hubs have turns among, before and after those of their neighbours; some neighbours have others."""
    ends = [(spoke, hubs[hub % len(hubs)]) for spoke, hub in spokes] + others
    links = sorted({(min(each), max(each)) for each in ends if each[0] != each[1]})
    assert removals(60, links, limit) == remove_one_by_one(60, links, limit)


def test_a_long_chain_and_a_hub_of_thousands_keep_to_the_limit() -> None:
    chain = [(number, number + 1) for number in range(4_999)]
    assert removals(5_000, chain, 50) == set(range(4_950))
    last = [(number, 4_999) for number in range(4_999)]
    assert removals(5_000, last, 50) == set(range(4_950))
    first = [(0, number) for number in range(1, 5_000)]
    assert removals(5_000, first, 50) == {0}


def test_cookies_go_first_then_devices_then_the_longest_unseen() -> None:
    phone, email, old_cookie, new_cookie, device = range(5)
    people = [
        Person("n", IdentityType.PHONE),
        Person("n", IdentityType.EMAIL),
        Person("n", IdentityType.COOKIE),
        Person("n", IdentityType.COOKIE),
        Person("n", IdentityType.DEVICE),
    ]
    links = {(phone, email): (1, "B"), (phone, old_cookie): (3, "B"), (phone, new_cookie): (4, "B")}
    links[phone, device] = (0, "B")
    order = [old_cookie, new_cookie, device, email]
    for limit in (4, 3, 2, 1):
        graphs = arrange(members(people, links), IdentityRules(), limit)
        assert set(np.flatnonzero(graphs == NO_GRAPH).tolist()) == set(order[: 5 - limit])


def test_of_those_unseen_for_as_long_the_first_by_namespace_and_value_goes() -> None:
    people = [Person("b"), Person("a"), Person("a"), Person("B")]
    links = {(0, 1): (1, "B"), (0, 2): (1, "B"), (0, 3): (1, "B")}
    order = [3, 1, 2]
    for limit in (3, 2, 1):
        graphs = arrange(members(people, links, first_key=7), IdentityRules(), limit)
        assert set(np.flatnonzero(graphs == NO_GRAPH).tolist()) == set(order[: 4 - limit])
        assert set(graphs[graphs != NO_GRAPH].tolist()) == {7}


@settings(deadline=None)
@given(
    links_of_keys.flatmap(lambda links: st.tuples(st.just(links), st.permutations(links))),
    st.lists(st.tuples(st.sampled_from(["crm", "CRM", "mail", "web"]), st.integers(0, 5)), min_size=24, max_size=24),
    st.integers(2, 8),
)
def test_a_graph_keeps_to_the_rules_whatever_the_order(
    both: tuple[list[Link], list[Link]], kinds: list[tuple[str, int]], limit: int
) -> None:
    rules = IdentityRules(unique=frozenset({"crm"}), priority=("crm", "web"))
    people = [Person(code) for code, _ in kinds]
    one, other = (
        arrange(members(people, {link: (sum(link) % 4, f"B{link[0] % 3}") for link in links}), rules, limit)
        for links in both
    )
    assert one.tolist() == other.tolist()
    for graph in set(one.tolist()) - {NO_GRAPH}:
        together = [person for person, its in zip(people, one.tolist(), strict=True) if its == graph]
        assert len(together) <= limit
        assert sum(canonical_code(person.namespace) == "crm" for person in together) <= 1


def test_the_newest_link_wins_and_then_the_more_important_namespace() -> None:
    people = [Person(code, IdentityType.DEVICE) for code in ("crm", "CRM", "mail", "device")]
    rules = IdentityRules(unique=frozenset({"crm"}), priority=("crm", "mail", "device"))
    links = {(0, 2): (1, "B1"), (0, 3): (1, "B1"), (1, 2): (1, "B1"), (1, 3): (2, "B2")}
    assert arrange(members(people, links), rules).tolist() == [0, 1, 0, 1]
    assert arrange(members(people, links | {(1, 2): (2, "B3")}), rules).tolist() == [0, 1, 1, 1]
