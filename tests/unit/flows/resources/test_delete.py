from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.errors import ConflictError, NotFoundError
from headwater.flows.resources import delete_resource
from headwater.model.documents import IdentityNamespace, IdentitySettings, IdentityType
from tests.integration.shop import DATASET, FLOW, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


def delete(shop: Shop, kind: str, name: str) -> None:
    delete_resource(shop.workspace.catalog, kind, name, tenant="shop")


def test_what_nothing_needs_is_deleted_and_the_installation_works_again(shop: Shop) -> None:
    resources = shop.workspace.catalog.resources
    for name in ("mine", "second"):
        resources.put(IdentitySettings(name=name))
    resources.put(IdentityNamespace(name="email", type=IdentityType.NON_PEOPLE))  # from before this was refused

    delete(shop, "identity_settings", "second")
    delete(shop, "identity_namespace", "email")

    assert [each.name for each in resources.list("identity_settings")] == ["mine"]
    assert [each.name for each in resources.list("identity_namespace")] == ["shopLoyalty"]


@pytest.mark.parametrize(
    ("kind", "name", "need"),
    [
        ("dataset", DATASET, "dataflow shop names it in `target.dataset`"),
        ("account", "shop_folder", "dataflow shop names it in `source.account`"),
        ("schema", "shop_schema", "dataset shop_events names it in `schema`"),
        ("field_group", "shop_fields", "schema shop_schema: schema 'shop_schema'"),
        ("descriptor", "shop_loyalty_id", "schema shop_schema: schema 'shop_schema' is enabled for profile"),
        ("identity_namespace", "shopLoyalty", "identities are kept by it: a namespace stays for ever, as in AEP"),
    ],
    ids=["dataset", "account", "schema", "field-group", "descriptor", "namespace"],
)
def test_what_is_needed_is_not_deleted_and_who_needs_it_is_said(shop: Shop, kind: str, name: str, need: str) -> None:
    with pytest.raises(ConflictError) as caught:
        delete(shop, kind, name)

    first, *needs = str(caught.value).splitlines()
    assert first == f"{kind} {name!r} is needed. Nothing was deleted."
    assert any(line.startswith(f"  {need}") for line in needs), needs
    assert shop.workspace.catalog.resources.find(kind, name) is not None


def test_a_dataset_with_batches_is_kept_and_a_dataflow_goes(shop: Shop) -> None:
    shop.put("a.json", ("a1", "X"))
    shop.run()
    delete(shop, "dataflow", FLOW)

    with pytest.raises(ConflictError, match="the catalog has batches of the dataset"):
        delete(shop, "dataset", DATASET)


def test_what_is_not_there_is_said(shop: Shop) -> None:
    with pytest.raises(NotFoundError, match="no webhook 'hook' in the catalog; there is none of that kind"):
        delete(shop, "webhook", "hook")
