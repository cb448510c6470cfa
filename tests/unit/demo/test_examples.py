from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

import pytest

from demo import data
from headwater.model.documents import (
    RESOURCE_TYPES,
    Account,
    Dataflow,
    Dataset,
    Descriptor,
    IdentityNamespace,
    MappingSet,
    MergePolicy,
    Resource,
    Schema,
    Webhook,
)
from headwater.model.yaml import parse_document

R = TypeVar("R", bound=Resource)

LUMA = Path(__file__).parents[3] / "examples" / "luma"
OUTLETS = LUMA.with_name("luma-outlets")
FOLDERS = {
    "account": "accounts",
    "class": "classes",
    "data_type": "data-types",
    "dataflow": "dataflows",
    "dataset": "datasets",
    "descriptor": "descriptors",
    "field_group": "field-groups",
    "identity_namespace": "namespaces",
    "mapping_set": "mapping-sets",
    "merge_policy": "merge-policies",
    "schema": "schemas",
    "webhook": "webhooks",
}
FILES = sorted(LUMA.rglob("*.yaml"))


def read(path: Path) -> Resource:
    return parse_document(path.read_text(encoding="utf-8"), file=str(path))


@pytest.fixture(scope="module")
def documents() -> list[Resource]:
    return [read(path) for path in FILES]


def of_type(documents: list[Resource], kind: type[R]) -> dict[str, R]:
    return {document.name: document for document in documents if isinstance(document, kind)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_document_lies_in_the_folder_of_its_kind(path: Path) -> None:
    kind = {document_type: name for name, document_type in RESOURCE_TYPES.items()}[type(read(path))]
    assert path.parent == LUMA / FOLDERS[kind]


def test_no_name_is_used_twice_for_one_kind(documents: list[Resource]) -> None:
    names = Counter((type(document), document.name) for document in documents)
    assert [name for name, count in names.items() if count > 1] == []


def test_namespaces_are_those_of_the_worked_example(documents: list[Resource]) -> None:
    namespaces = of_type(documents, IdentityNamespace)
    assert {name: (namespace.title, namespace.type.value) for name, namespace in namespaces.items()} == {
        "lumaLoyaltyId": ("Luma Loyalty Id", "Cross_device"),
        "lumaCrmId": ("Luma CRM Id", "Cross_device"),
        "lumaProductSKU": ("Luma Product SKU", "Non_people"),
    }


def test_each_schema_has_the_identities_of_the_worked_example(documents: list[Resource]) -> None:
    identities = {
        (descriptor.xdm_schema, descriptor.property, descriptor.namespace, descriptor.primary)
        for descriptor in of_type(documents, Descriptor).values()
        if descriptor.type == "identity"
    }
    loyalty_id = "/_techmarketingdemos/systemIdentifier/loyaltyId"
    crm_id = "/_techmarketingdemos/systemIdentifier/crmId"
    assert identities == {
        ("luma_loyalty_schema", loyalty_id, "lumaLoyaltyId", True),
        ("luma_loyalty_schema", crm_id, "lumaCrmId", False),
        ("luma_crm_schema", crm_id, "lumaCrmId", True),
        ("luma_product_catalog_schema", "/_techmarketingdemos/productSku", "lumaProductSKU", True),
        ("luma_offline_purchase_events_schema", loyalty_id, "lumaLoyaltyId", True),
    }


def test_everything_goes_to_profile(documents: list[Resource]) -> None:
    schemas, datasets = of_type(documents, Schema), of_type(documents, Dataset)
    assert len(schemas) == 4
    assert all(schema.enabled_for_profile for schema in schemas.values())
    assert {name: dataset.title for name, dataset in datasets.items() if dataset.enabled_for_profile} == {
        "luma_loyalty_dataset": "Luma Loyalty Dataset",
        "luma_crm_dataset": "Luma CRM Dataset",
        "luma_product_catalog_dataset": "Luma Product Catalog Dataset",
        "luma_offline_purchase_events_dataset": "Luma Offline Purchase Events Dataset",
    }


def test_merge_policies_are_those_of_the_worked_example(documents: list[Resource]) -> None:
    policies = of_type(documents, MergePolicy)
    found = {
        policy.title: (policy.identity_graph, policy.attribute_merge.type, policy.attribute_merge.order, policy.default)
        for policy in policies.values()
    }
    assert found == {
        "Default": ("pdg", "timestampOrdered", (), True),
        "Loyalty Prioritized": ("pdg", "dataSetPrecedence", ("luma_loyalty_dataset", "luma_crm_dataset"), False),
        "Loyalty Only": ("none", "dataSetPrecedence", ("luma_loyalty_dataset",), False),
    }


def test_mapping_set_maps_the_columns_of_the_product_file(documents: list[Resource]) -> None:
    (mapping_set,) = of_type(documents, MappingSet).values()
    columns = data.file_contents(data.sample_data())[data.PRODUCTS_FILE].decode().splitlines()[0].split(",")
    assert [mapping.source for mapping in mapping_set.mappings] == columns


def test_dataflows_name_only_what_there_is(documents: list[Resource]) -> None:
    for flow in of_type(documents, Dataflow).values():
        assert flow.source.account in of_type(documents, Account)
        assert flow.target.dataset in of_type(documents, Dataset)
        assert set(flow.notify) <= set(of_type(documents, Webhook))
        assert flow.mapping_set is None or flow.mapping_set in of_type(documents, MappingSet)


def test_dataflows_run_once_when_they_are_switched_on(documents: list[Resource]) -> None:
    for flow in of_type(documents, Dataflow).values():
        assert flow.schedule.frequency == "once"
        assert not flow.enabled
        assert flow.threshold_percent == 5


def test_each_sample_file_belongs_to_one_dataflow(documents: list[Resource]) -> None:
    flows = of_type(documents, Dataflow)
    taken = {
        file: [name for name, flow in flows.items() if fnmatch(file, flow.source.files)]
        for file in data.file_contents(data.sample_data())
    }
    assert taken == {
        "luma-loyalty.json": ["luma-loyalty"],
        "luma-crm.json": ["luma-crm"],
        "luma-products.csv": ["luma-products"],
        "luma-offline-purchases.json": ["luma-offline-purchases"],
    }


def test_outlets_add_to_the_example_what_it_does_not_have(documents: list[Resource]) -> None:
    outlets = [read(path) for path in sorted(OUTLETS.rglob("*.yaml"))]
    (dataset,) = of_type(outlets, Dataset).values()
    (flow,) = of_type(outlets, Dataflow).values()
    assert dataset.xdm_schema in of_type(documents, Schema)
    assert dataset.name not in of_type(documents, Dataset)
    assert flow.name not in of_type(documents, Dataflow)
    assert flow.target.dataset == dataset.name
    assert set(flow.notify) <= set(of_type(documents, Webhook))
    files = data.demo_files(data.sample_data())
    assert [file for file in files if fnmatch(file, flow.source.files)] == [data.OUTLETS_FILE]


def test_no_document_holds_a_secret() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "password: {env: " in text or "password" not in text
        assert "secret: {env: " in text or "secret:" not in text
