import pytest

from headwater.catalog.catalog import Catalog
from headwater.errors import ConflictError, NotFoundError
from headwater.flows.schemas import identity_settings
from headwater.model.documents import Dataset, IdentityNamespace, IdentitySettings, IdentityType

LOYALTY = Dataset.from_json({"name": "loyalty", "schema": "loyalty", "title": "Loyalty"})


def test_a_document_comes_back_as_it_was_put(catalog: Catalog) -> None:
    catalog.resources.put(LOYALTY)
    assert catalog.resources.get("dataset", "loyalty") == LOYALTY
    assert catalog.resources.typed(Dataset, "loyalty") == LOYALTY


def test_putting_the_same_again_changes_nothing(catalog: Catalog) -> None:
    etag = catalog.resources.put(LOYALTY)
    assert catalog.resources.put(LOYALTY) == etag
    assert catalog.resources.stored("dataset", "loyalty").version == 1


def test_a_change_gives_a_new_etag_and_version_and_keeps_the_id(catalog: Catalog) -> None:
    etag = catalog.resources.put(LOYALTY)
    before = catalog.resources.stored("dataset", "loyalty")
    assert catalog.resources.put(LOYALTY.model_copy(update={"title": "Other"})) != etag
    after = catalog.resources.stored("dataset", "loyalty")
    assert (after.id, after.version) == (before.id, 2)
    assert after.updated_at > before.updated_at
    assert after.created_at == before.created_at


def test_kinds_are_apart_and_listed_by_name(catalog: Catalog) -> None:
    catalog.resources.put(LOYALTY.model_copy(update={"name": "b"}))
    catalog.resources.put(LOYALTY.model_copy(update={"name": "a"}))
    catalog.resources.put(IdentityNamespace(name="a", type=IdentityType.EMAIL))
    assert [document.name for document in catalog.resources.list("dataset")] == ["a", "b"]


def test_what_is_missing_is_named_beside_what_exists(catalog: Catalog) -> None:
    catalog.resources.put(LOYALTY)
    with pytest.raises(NotFoundError, match=r"no dataset 'crm' in the catalog; there are loyalty\. Add it with"):
        catalog.resources.get("dataset", "crm")
    assert catalog.resources.find("dataset", "crm") is None


def test_a_deleted_document_is_gone(catalog: Catalog) -> None:
    catalog.resources.put(LOYALTY)
    catalog.resources.delete("dataset", "loyalty")
    assert catalog.resources.find("dataset", "loyalty") is None
    with pytest.raises(NotFoundError, match="no dataset 'loyalty'"):
        catalog.resources.delete("dataset", "loyalty")


def test_a_transaction_is_made_whole_or_not_at_all(catalog: Catalog) -> None:
    def fail_half_way() -> None:
        with catalog.transaction() as stores:
            stores.resources.put(LOYALTY)
            stores.resources.get("dataset", "missing")

    with pytest.raises(NotFoundError):
        fail_half_way()
    assert catalog.resources.find("dataset", "loyalty") is None


def test_there_is_one_identity_settings_at_most(catalog: Catalog) -> None:
    assert identity_settings(catalog.resources) is None
    first = IdentitySettings(name="first", unique_namespaces=("crm",))
    catalog.resources.put(first)
    assert identity_settings(catalog.resources) == first
    catalog.resources.put(IdentitySettings(name="second"))
    with pytest.raises(ConflictError) as caught:
        identity_settings(catalog.resources)
    assert str(caught.value) == (
        "the catalog has several identity settings, 'first' and 'second'. Nothing was loaded. There is one at most:"
        " delete the others with `headwater delete identity_settings NAME`."
    )
