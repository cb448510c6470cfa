import pytest

from headwater.xdm.names import alt_id, dotted, own_id, short_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("xdm:person", ("person",)),
        ("@id", ("_id",)),
        ("@type", ("_type",)),
        ("repo:createDate", ("_repo", "createDate")),
        ("schema:latitude", ("_schema", "latitude")),
        ("iptc4xmpExt:city", ("_iptc4xmpExt", "city")),
        ("https://ns.adobe.com/experience/a/b", ("_experience", "a", "b")),
        ("https://ns.adobe.com/techmarketingdemos/tier", ("_techmarketingdemos", "tier")),
        ("https://ns.adobe.com/experience/campaign/", ("_experience", "campaign")),
        ("plain", ("plain",)),
        ("_tenant", ("_tenant",)),
    ],
)
def test_short_path(name: str, path: tuple[str, ...]) -> None:
    assert short_path(name) == path


def test_alt_id_needs_no_encoding() -> None:
    assert alt_id("https://ns.adobe.com/xdm/context/profile") == "_xdm.context.profile"
    assert alt_id(own_id("acme", "schemas", "members")) == "_acme.schemas.members"


def test_dotted_paths_read_like_the_specification() -> None:
    assert dotted(("productListItems", "[]", "SKU")) == "productListItems[].SKU"
    assert dotted(("identityMap", "{}", "[]", "id")) == "identityMap{}[].id"
    assert dotted(()) == "(root)"
