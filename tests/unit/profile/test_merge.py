from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.identity import Identity
from headwater.model.documents import AttributeMerge, IdentityType
from headwater.profile import Fragment, Layer, absorb, merge_attributes
from tests.unit.profile.strategies import MAPS, START, fragment_lists, fragments, layer_lists, rules

PRECEDENCE = AttributeMerge(type="dataSetPrecedence", order=("loyalty", "crm"))
NEWEST = AttributeMerge()


def fragment(dataset: str, minutes: int, attributes: dict[str, Any], *, changed: int | None = None) -> Fragment:
    layer = Layer(
        attributes=attributes,
        batch_id=f"{dataset}-{minutes}",
        ingested_at=START + timedelta(minutes=minutes),
        changed_at=START + timedelta(minutes=minutes if changed is None else changed),
        row_number=1,
    )
    identity = Identity(namespace="crmId", value=dataset, type=IdentityType.CROSS_DEVICE)
    return Fragment(identity=identity, dataset=dataset, layers=(layer,), map_paths=MAPS)


@settings(deadline=None)
@given(st.data(), fragment_lists, rules)
def test_merging_ignores_the_order_of_fragments(
    data: st.DataObject, some: list[Fragment], rule: AttributeMerge
) -> None:
    assert merge_attributes(data.draw(st.permutations(some)), rule) == merge_attributes(some, rule)


@settings(deadline=None)
@given(fragments())
def test_merging_one_fragment_changes_nothing(only: Fragment) -> None:
    merged = merge_attributes([only], NEWEST)
    assert merged.attributes == only.layers[0].attributes
    assert {origin.batch_id for origin in merged.provenance.values()} <= {only.layers[0].batch_id}


@settings(deadline=None)
@given(fragment_lists, rules)
def test_provenance_names_the_fragment_that_has_the_value(some: list[Fragment], rule: AttributeMerge) -> None:
    merged = merge_attributes(some, rule)
    sources = {(each.dataset, each.identity, each.layers[0].batch_id): each.layers[0].attributes for each in some}
    for pointer, origin in merged.provenance.items():
        if not pointer.startswith("/identityMap"):
            attributes = sources[origin.dataset, origin.identity, origin.batch_id]
            assert _at(attributes, pointer) == _at(merged.attributes, pointer)


@settings(deadline=None)
@given(layer_lists, st.data(), fragment_lists, rules)
def test_absorbing_loses_nothing_that_a_merge_would_show(
    layers: tuple[Layer, ...], data: st.DataObject, others: list[Fragment], rule: AttributeMerge
) -> None:
    layers = tuple(replace(layer, changed_at=layer.ingested_at) for layer in layers)
    absorbed = absorb(data.draw(st.permutations(layers)), MAPS)
    identity = Identity(namespace="crmId", value="0", type=IdentityType.CROSS_DEVICE)
    stacked, compact = (
        Fragment(identity=identity, dataset="loyalty", layers=each, map_paths=MAPS) for each in (layers, absorbed)
    )
    assert merge_attributes([compact, *others], rule) == merge_attributes([stacked, *others], rule)


@settings(deadline=None)
@given(layer_lists)
def test_within_a_dataset_it_does_not_matter_when_the_source_changed_a_record(layers: tuple[Layer, ...]) -> None:
    level = tuple(replace(layer, changed_at=layer.ingested_at) for layer in layers)
    absorbed = tuple(replace(layer, changed_at=layer.ingested_at) for layer in absorb(layers, MAPS))
    assert absorbed == absorb(level, MAPS)


def test_of_an_upsert_dataset_the_record_that_came_last_counts() -> None:
    silver, gold = (fragment("crm", minutes, {"tier": tier}) for minutes, tier in ((1, "silver"), (2, "gold")))
    older = replace(gold.layers[0], changed_at=silver.layers[0].ingested_at - timedelta(days=1))
    both = replace(gold, layers=absorb((silver.layers[0], older), MAPS))
    assert merge_attributes([both], NEWEST).attributes == {"tier": "gold"}


def test_the_latest_value_of_each_leaf_wins() -> None:
    loyalty = fragment("loyalty", 1, {"person": {"first": "Daniel", "last": "Wright"}, "tier": "gold"})
    crm = fragment("crm", 2, {"person": {"first": "Danny"}, "email": "d@adobe.com"})
    merged = merge_attributes([loyalty, crm], NEWEST)
    assert merged.attributes == {
        "person": {"first": "Danny", "last": "Wright"},
        "tier": "gold",
        "email": "d@adobe.com",
    }
    assert merged.provenance["/person/first"].dataset == "crm"
    assert merged.provenance["/person/last"].dataset == "loyalty"


def test_the_first_listed_dataset_wins_and_others_stay_out() -> None:
    loyalty = fragment("loyalty", 1, {"first": "Daniel"})
    crm = fragment("crm", 2, {"first": "Danny", "email": "d@adobe.com"})
    other = fragment("other", 3, {"first": "Dan", "phone": "1"})
    merged = merge_attributes([other, crm, loyalty], PRECEDENCE)
    assert merged.attributes == {"first": "Daniel", "email": "d@adobe.com"}


def test_the_sources_own_time_of_change_counts_before_the_time_of_ingestion() -> None:
    late = fragment("loyalty", 5, {"city": "old"}, changed=0)
    early = fragment("crm", 1, {"city": "new"})
    assert merge_attributes([late, early], NEWEST).attributes == {"city": "new"}


@pytest.mark.parametrize(("older", "newer"), [(["a", "b"], ["c"]), (["a"], [])])
def test_arrays_are_taken_as_a_whole(older: list[str], newer: list[str]) -> None:
    some = [fragment("loyalty", 1, {"tags": older}), fragment("crm", 2, {"tags": newer})]
    assert merge_attributes(some, NEWEST).attributes == {"tags": newer}


def test_maps_are_taken_as_a_whole() -> None:
    some = [fragment("loyalty", 1, {"consents": {"mail": "y"}}), fragment("crm", 2, {"consents": {"phone": "n"}})]
    merged = merge_attributes(some, NEWEST)
    assert merged.attributes == {"consents": {"phone": "n"}}
    assert list(merged.provenance) == ["/consents"]


def test_identity_maps_are_united() -> None:
    some = [
        fragment("loyalty", 1, {"identityMap": {"Email": [{"id": "a", "state": "old"}], "ECID": [{"id": "1"}]}}),
        fragment("crm", 2, {"identityMap": {"Email": [{"id": "b"}, {"id": "a", "state": "new"}]}}),
    ]
    merged = merge_attributes(some, NEWEST)
    assert merged.attributes == {
        "identityMap": {"Email": [{"id": "b"}, {"id": "a", "state": "new"}], "ECID": [{"id": "1"}]}
    }
    assert merged.provenance["/identityMap/Email/1"].dataset == "crm"
    assert merged.provenance["/identityMap/ECID/0"].dataset == "loyalty"


def test_a_stronger_value_stands_in_the_way_of_a_weaker_object() -> None:
    some = [fragment("loyalty", 1, {"address": {"city": "x"}}), fragment("crm", 2, {"address": "y"})]
    assert merge_attributes(some, NEWEST).attributes == {"address": "y"}
    assert merge_attributes(some, PRECEDENCE).attributes == {"address": {"city": "x"}}


def test_pointers_are_escaped() -> None:
    merged = merge_attributes([fragment("crm", 1, {"a/b": {"c~d": 1}})], NEWEST)
    assert list(merged.provenance) == ["/a~1b/c~0d"]


def test_absorbing_keeps_each_value_with_its_batch() -> None:
    first, second = (
        fragment("crm", minutes, body).layers[0]
        for minutes, body in ((1, {"city": "Portland", "tier": "gold"}), (2, {"city": "Boston"}))
    )
    newest, older = absorb((first, second), MAPS)
    assert (newest.batch_id, newest.attributes) == ("crm-2", {"city": "Boston"})
    assert (older.batch_id, older.attributes) == ("crm-1", {"tier": "gold"})


def test_absorbing_drops_layers_that_say_nothing_any_more() -> None:
    first, second = (fragment("crm", minutes, {"city": "Portland"}).layers[0] for minutes in (1, 2))
    assert absorb((first, second), MAPS) == (second,)
    assert absorb((second, first), MAPS) == (second,)


def _at(value: Any, pointer: str) -> Any:  # noqa: ANN401 - JSON
    for name in pointer.split("/")[1:]:
        value = value[name.replace("~1", "/").replace("~0", "~")]
    return value
