"""The tutorial's Daniel, or Danny, Wright under its three merge policies (spec: luma-tutorial.md, section 6)."""

import pytest

from headwater.model.documents import MergePolicy
from headwater.profile_store import ProfileStore
from tests.contract.profile_store import samples

NEW_YORK, PORTLAND = "New York City", "Portland"
BY_LOYALTY_ID, BY_CRM_ID = ("lumaLoyaltyId", samples.LOYALTY_ID), ("lumaCrmId", samples.CRM_ID)


@pytest.fixture
def luma(store: ProfileStore) -> ProfileStore:
    """Loyalty first, then CRM, purchases and products; each batch into the graph and the profiles."""
    for load, schema, record in (
        (samples.loyalty_load("01LOYALTY", 1), samples.LOYALTY_SCHEMA, samples.DANIEL),
        (samples.crm_load("01CRM", 2), samples.CRM_SCHEMA, samples.DANNY),
        (samples.purchase_load("01PURCHASES", 3), samples.PURCHASE_SCHEMA, samples.PURCHASE),
        (samples.product_load("01PRODUCTS", 4), samples.PRODUCT_SCHEMA, samples.HOODIE),
    ):
        store.load_identities(load, samples.rows(schema, [record]))
        store.load_profiles(load, samples.rows(schema, [record]))
    return store


@pytest.mark.parametrize("asked", [BY_LOYALTY_ID, BY_CRM_ID])
@pytest.mark.parametrize(
    ("policy", "first_name", "city"),
    [(samples.DEFAULT, "Danny", PORTLAND), (samples.LOYALTY_PRIORITIZED, "Daniel", NEW_YORK)],
)
def test_stitching_policies_find_one_profile_by_either_identity(
    luma: ProfileStore, policy: MergePolicy, first_name: str, city: str, asked: tuple[str, str]
) -> None:
    profile = luma.look_up(*asked, policy)
    assert profile is not None
    assert profile.attributes == {
        "_luma": {"systemIdentifier": {"loyaltyId": samples.LOYALTY_ID, "crmId": samples.CRM_ID}},
        "person": {"name": {"firstName": first_name, "lastName": "Wright"}},
        "homeAddress": {"city": city},
        "loyalty": {"points": 596518.0, "tier": "gold", "joinDate": "2000-05-15T00:00:00Z"},
        "personalEmail": {"address": "dwright@adobe.com"},
        "mobilePhone": {"number": "212-555-5555"},
    }
    assert [event.body["commerce"]["order"]["priceTotal"] for event in profile.events] == [252.19]
    assert {(each.namespace, each.value) for each in profile.identities} == {BY_LOYALTY_ID, BY_CRM_ID}
    assert (profile.asked.namespace, profile.asked.value) == asked
    assert profile.sources == (samples.CRM, samples.LOYALTY, samples.PURCHASES)


def test_loyalty_only_sees_one_dataset_and_the_events_of_the_asked_identity(luma: ProfileStore) -> None:
    profile = luma.look_up(*BY_LOYALTY_ID, samples.LOYALTY_ONLY)
    assert profile is not None
    assert profile.attributes["person"]["name"]["firstName"] == "Daniel"
    assert profile.attributes["homeAddress"]["city"] == NEW_YORK
    assert profile.attributes["loyalty"]["tier"] == "gold"
    assert profile.attributes.keys().isdisjoint({"personalEmail", "mobilePhone"})
    assert profile.event_count == len(profile.events) == 1
    assert [(each.namespace, each.value) for each in profile.identities] == [BY_LOYALTY_ID]


def test_loyalty_only_finds_nothing_by_crm_id(luma: ProfileStore) -> None:
    assert luma.look_up(*BY_CRM_ID, samples.LOYALTY_ONLY) is None


def test_codes_are_compared_without_case_and_values_with_it(luma: ProfileStore) -> None:
    assert luma.look_up("LUMACRMID", samples.CRM_ID, samples.DEFAULT) is not None
    assert luma.look_up("lumaCrmId", samples.CRM_ID.upper(), samples.DEFAULT) is None


def test_each_value_says_where_it_came_from(luma: ProfileStore) -> None:
    profile = luma.look_up(*BY_LOYALTY_ID, samples.DEFAULT)
    assert profile is not None
    first_name = profile.provenance["/person/name/firstName"]
    assert (first_name.dataset, first_name.batch_id, first_name.ingested_at) == (samples.CRM, "01CRM", samples.at(2))
    assert (first_name.identity.namespace, first_name.identity.value) == BY_CRM_ID
    assert profile.provenance["/loyalty/tier"].dataset == samples.LOYALTY
    assert profile.modified_at == samples.at(3)


def test_the_graph_has_two_identities_and_one_link(luma: ProfileStore) -> None:
    graph = luma.identity_graph(*BY_CRM_ID)
    assert graph is not None
    assert [(each.namespace, each.value) for each in graph.identities] == [BY_CRM_ID, BY_LOYALTY_ID]
    [edge] = graph.edges
    assert (edge.datasets, edge.batch_ids) == ((samples.LOYALTY,), ("01LOYALTY",))
    assert edge.first_seen == edge.last_seen == samples.at(1)


def test_products_are_things_and_no_people(luma: ProfileStore) -> None:
    assert luma.look_up("lumaProductSKU", "LLMH09", samples.DEFAULT) is None
    assert luma.identity_graph("lumaProductSKU", "LLMH09") is None
    [hoodie] = luma.look_up_entities("lumaProductSKU", "LLMH09")
    assert hoodie.attributes == samples.HOODIE
    assert (hoodie.dataset, hoodie.batch_id, hoodie.ingested_at) == (samples.PRODUCTS, "01PRODUCTS", samples.at(4))
    counts = luma.counts()
    assert (counts.profiles, counts.fragments, counts.events, counts.lookup_entities) == (1, 2, 1, 1)
    assert (counts.identities, counts.links) == (2, 1)
    assert counts.datasets[samples.PRODUCTS].lookup_entities == 1


def test_the_answer_has_the_form_of_the_api(luma: ProfileStore) -> None:
    profile = luma.look_up(*BY_LOYALTY_ID, samples.DEFAULT)
    assert profile is not None
    [(xid, answer)] = profile.to_json().items()
    assert answer["entityId"] == xid == profile.asked.xid
    assert answer["mergePolicy"] == {"id": "default"}
    assert answer["sources"] == [samples.CRM, samples.LOYALTY, samples.PURCHASES]
    assert answer["lastModifiedAt"] == "2026-11-22T03:03:00Z"
    assert answer["entity"]["identities"] == [
        {"id": samples.LOYALTY_ID, "namespace": {"code": "lumaLoyaltyId"}, "primary": True},
        {"id": samples.CRM_ID, "namespace": {"code": "lumaCrmId"}, "primary": True},
    ]
    assert answer["entity"]["identityMap"] == {
        "lumaLoyaltyId": [{"id": samples.LOYALTY_ID}],
        "lumaCrmId": [{"id": samples.CRM_ID}],
    }
