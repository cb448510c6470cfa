"""The worked example's acceptance list (luma-tutorial.md, sections 6 and 7), in process, over SFTP."""

import json
from collections.abc import Iterator

import pyarrow as pa
import pytest

from demo.data import products_with_altered_headings, purchases_with_broken_line, sample_data
from headwater.model.documents import Dataflow
from headwater.model.records import RecordCounts
from headwater.model.runs import BatchStatus, FlowRunState
from tests.integration.installation import ALL_FLOWS, CRM, LOYALTY, PRODUCTS, PURCHASES, Installation, luma_installation

DANIEL = "5625458"
DANIELS_CRM_ID = "112ca06ed53d3db37e4cea49cc45b71e"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """All four files, loaded once; the tests that share it load nothing more."""
    with luma_installation(tmp_path_factory.mktemp("luma"), data=sample_data()) as luma:
        luma.put_samples()
        for name in ALL_FLOWS:
            run = luma.run(name)
            assert run.state is FlowRunState.SUCCESS, run.errors
        yield luma


def test_each_file_loads_whole_and_none_is_taken_twice(loaded: Installation) -> None:
    runs = {run.flow: run for run in loaded.workspace.catalog.flow_runs.latest() if run.batch_id}
    assert {name: run.counts for name, run in runs.items()} == {
        LOYALTY: RecordCounts(read=1000, loaded=1000),
        CRM: RecordCounts(read=1000, loaded=1000),
        PRODUCTS: RecordCounts(read=92, loaded=92),
        PURCHASES: RecordCounts(read=1000, loaded=1000),
    }
    assert runs[LOYALTY].profiles["created"] == 1000
    for name in ALL_FLOWS:
        again = loaded.run(name)
        assert (again.state, again.batch_id, again.files) == (FlowRunState.NO_NEW_DATA, None, 0)
    for run in runs.values():
        assert loaded.workspace.lake.count(run.dataset) == run.counts.loaded


def test_daniels_graph_has_two_identities(loaded: Installation) -> None:
    graph = loaded.workspace.profile_store.identity_graph("lumaLoyaltyId", DANIEL)
    assert graph is not None
    found = {(identity.namespace, identity.value) for identity in graph.identities}
    assert found == {("lumaLoyaltyId", DANIEL), ("lumaCrmId", DANIELS_CRM_ID)}


@pytest.mark.parametrize(
    ("policy", "first_name", "city", "email"),
    [
        ("default", "Danny", "Portland", "dwright@adobe.com"),
        ("loyalty_prioritized", "Daniel", "New York City", "dwright@adobe.com"),
        ("loyalty_only", "Daniel", "New York City", None),
    ],
)
def test_the_merge_policies_give_the_tutorials_profiles(
    loaded: Installation, policy: str, first_name: str, city: str, email: str | None
) -> None:
    profile = loaded.look_up("lumaLoyaltyId", DANIEL, policy)
    assert profile is not None
    attributes = profile.attributes
    assert attributes["person"]["name"] == {"firstName": first_name, "lastName": "Wright"}
    assert attributes["homeAddress"]["city"] == city
    assert attributes["loyalty"]["tier"] == "gold"
    assert attributes["loyalty"]["points"] == 596518
    assert attributes["loyalty"]["joinDate"].startswith("2000-05-15T00:00:00")
    assert attributes.get("personalEmail", {}).get("address") == email
    assert attributes.get("mobilePhone", {}).get("number") == ("212-555-5555" if email else None)
    [event] = profile.events
    assert event.body["commerce"]["order"] == {"purchaseID": "805-472-642-1090", "priceTotal": 252.19}

    by_crm_id = loaded.look_up("lumaCrmId", DANIELS_CRM_ID, policy)
    if policy == "loyalty_only":
        assert by_crm_id is None
    else:
        assert by_crm_id is not None
        assert by_crm_id.attributes == attributes


def test_each_value_says_where_it_came_from(loaded: Installation) -> None:
    profile = loaded.look_up("lumaLoyaltyId", DANIEL)
    assert profile is not None
    assert profile.provenance["/person/name/firstName"].dataset == "luma_crm_dataset"
    assert profile.provenance["/loyalty/tier"].dataset == "luma_loyalty_dataset"


def test_products_are_no_people_and_join_purchases_by_sku(loaded: Installation) -> None:
    counts = loaded.workspace.profile_store.counts()
    assert counts.lookup_entities == 92
    assert counts.profiles == loaded.data.people
    lake = loaded.workspace.lake
    items = lake.scan("luma_offline_purchase_events_dataset").column("productListItems").combine_chunks().flatten()
    products = lake.scan("luma_product_catalog_dataset").column("_techmarketingdemos").combine_chunks()
    bought = pa.table({"sku": items.field("SKU"), "quantity": items.field("quantity")})
    sold = pa.table({"sku": products.field("productSku"), "name": products.field("productName")})
    joined = bought.join(sold, keys="sku", join_type="inner")
    assert joined.num_rows == bought.num_rows
    assert "Abominable Hoodie" in joined.column("name").to_pylist()


def test_altered_headings_are_refused_with_the_columns_that_were_found(luma: Installation) -> None:
    luma.put("luma-products.csv", products_with_altered_headings(luma.data))
    run = luma.run(PRODUCTS)
    assert run.state is FlowRunState.FAILED
    [error] = run.errors
    assert "SKU" in error.message
    assert "luma-products.csv" in error.message
    assert luma.workspace.lake.count("luma_product_catalog_dataset") == 0


def test_one_broken_line_below_the_threshold_is_kept_with_its_reason(luma: Installation) -> None:
    broken = purchases_with_broken_line(luma.data)
    luma.put("luma-offline-purchases.json", broken)
    run = luma.run(PURCHASES)
    assert (run.state, run.counts) == (FlowRunState.SUCCESS, RecordCounts(read=1000, loaded=999, failed=1))
    [row] = luma.workspace.diagnostics.read(str(run.batch_id))
    assert row["_filename"] == "/outbox/luma-offline-purchases.json"
    assert row["_errors"][0]["code"] == "1401"
    line = broken.splitlines()[row["_line"] - 1]
    assert broken[row["_offset"] :].startswith(line)
    assert row["_corrupt_record"] == line.decode()
    batch = luma.workspace.catalog.batches.get(str(run.batch_id))
    assert [(error.code, error.record_count) for error in batch.errors] == [
        ("INGEST-1212-400", 1),
        ("INGEST-1401-400", 1),
    ]


def test_one_broken_line_without_partial_ingestion_loads_nothing(luma: Installation) -> None:
    luma.put("luma-offline-purchases.json", purchases_with_broken_line(luma.data))
    strict = luma.flow(PURCHASES).model_copy(update={"partial_ingestion": None})
    run = luma.run(PURCHASES, strict)
    assert run.state is FlowRunState.FAILED
    assert "1 of 1000 records" in run.errors[0].message
    assert "partial ingestion is off" in run.errors[0].message
    assert luma.workspace.catalog.batches.get(str(run.batch_id)).status is BatchStatus.FAILED
    assert luma.workspace.lake.count("luma_offline_purchase_events_dataset") == 0
    assert luma.workspace.profile_store.counts().events == 0
    told = [event.code for event in reversed(luma.workspace.catalog.outbox.events())]
    assert told == ["ing_load_failure", "sources_flow_run_failure"]

    mended = luma.run(
        PURCHASES, strict.model_copy(update={"partial_ingestion": luma.flow(PURCHASES).partial_ingestion})
    )
    assert (mended.state, mended.counts.loaded) == (FlowRunState.SUCCESS, 999)


def test_the_receiver_hears_of_each_load_in_order_and_signed(loaded: Installation) -> None:
    delivered = [json.loads(request.body) for request in loaded.receiver.requests if request.method == "POST"]
    heard: dict[str, list[str]] = {}
    for body in delivered:
        heard.setdefault(body["event"]["xdm:datasetId"], []).append(body["event"]["xdm:eventCode"])
    in_order = ["ing_load_success", "ig_load_success", "ps_load_success"]
    assert heard == {loaded.flow(name).target.dataset: in_order for name in ALL_FLOWS}
    assert all("x-adobe-signature" in request.headers for request in loaded.receiver.requests)


def test_a_repeating_schedule_takes_only_what_is_new(luma: Installation) -> None:
    luma.put_samples()
    daily = Dataflow.from_json(
        luma.flow(LOYALTY).to_json() | {"schedule": {"frequency": "day", "start": "2026-11-01T02:00:00Z"}}
    )
    assert luma.run(LOYALTY, daily, trigger="scheduled").counts.loaded == 1000
    assert luma.run(LOYALTY, daily, trigger="scheduled").state is FlowRunState.NO_NEW_DATA
    member = luma.data.loyalty[0]
    luma.put("luma-loyalty-2.json", json.dumps([member]).encode())
    again = luma.run(LOYALTY, daily, trigger="scheduled")
    assert (again.files, again.counts.loaded) == (1, 1)
    assert again.profiles["updated"] == 1
