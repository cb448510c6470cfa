import pytest

from headwater.errors import SchemaError
from headwater.model.documents import Descriptor, Schema
from headwater.xdm import ResolvedSchema
from tests.unit.xdm import luma
from tests.unit.xdm.luma import EXPERIENCE_EVENT, IDENTITY_MAP, LOYALTY, PROFILE, field_group, identity, schema

IDS = field_group("ids", {"a": {"type": "string"}, "b": {"type": "string"}, "n": {"type": "integer"}})
A, B, N = (f"/{luma.TENANT}/{name}" for name in "abn")


def resolve(document: Schema, *descriptors: Descriptor, namespaces: tuple[str, ...] | None = None) -> ResolvedSchema:
    return luma.registry(IDS, document, *descriptors, namespaces=namespaces).resolve("s")


def refusal(document: Schema, *descriptors: Descriptor, namespaces: tuple[str, ...] | None = None) -> str:
    with pytest.raises(SchemaError) as caught:
        resolve(document, *descriptors, namespaces=namespaces)
    return str(caught.value)


PEOPLE = schema("s", PROFILE, "ids", LOYALTY, "https://ns.adobe.com/xdm/context/profile-personal-details")
ENABLED = schema("s", PROFILE, "ids", enabled_for_profile=True)


def relationship(property_: str, destination: str, destination_property: str | None = None) -> Descriptor:
    return Descriptor.model_validate(
        {
            "name": "r",
            "type": "relationship",
            "schema": "s",
            "property": property_,
            "destination_schema": destination,
            "destination_property": destination_property,
        }
    )


@pytest.mark.parametrize(
    ("descriptor", "expected"),
    [
        (
            identity("s", "/_techmarketingdemos/aa", "ECID"),
            "schema 's' has no property /_techmarketingdemos/aa. Did you mean /_techmarketingdemos/a?",
        ),
        (
            identity("s", "/zzz", "ECID"),
            "descriptor 's.zzz': schema 's' has no property /zzz. At its root it has _id, ",
        ),
        (
            identity("s", N, "ECID"),
            "descriptor 's.n': _techmarketingdemos.n is of type long. An identity is a string: describe a string field",
        ),
        (
            identity("s", "/_techmarketingdemos", "ECID"),
            "_techmarketingdemos is of type object. An identity is a string",
        ),
        (identity("s", "/loyalty/joinDate", "ECID"), "loyalty.joinDate is of type date-time. An identity is a string"),
        (identity("s", "/loyalty/loyaltyID", "ECID"), "loyalty.loyaltyID is of type array. An identity is a string"),
        (
            identity("s", "/loyalty/pointsExpiration/pointsExpiring", "ECID"),
            "loyalty.pointsExpiration[].pointsExpiring stands in an array, of which one record may have many. "
            "Carry such identities in identityMap.",
        ),
    ],
)
def test_what_cannot_be_an_identity(descriptor: Descriptor, expected: str) -> None:
    assert expected in refusal(PEOPLE, descriptor)


def test_an_email_address_can_be_an_identity() -> None:
    resolved = resolve(PEOPLE, identity("s", "/personalEmail/address", "Email", primary=True))
    assert [item.path for item in resolved.identities] == [("personalEmail", "address")]


def test_namespaces_are_compared_without_case() -> None:
    resolved = resolve(PEOPLE, identity("s", A, "lumacrmid"), namespaces=("lumaCrmId", "ECID"))
    assert resolved.identities[0].namespace == "lumacrmid"
    assert refusal(PEOPLE, identity("s", A, "crm"), namespaces=("lumaCrmId", "ECID")) == (
        "descriptor 's.a': there is no identity namespace 'crm'. There are ECID, lumaCrmId."
    )


def test_there_is_at_most_one_primary_identity() -> None:
    assert refusal(PEOPLE, identity("s", A, "X", primary=True), identity("s", B, "Y", primary=True)) == (
        "schema 's' has 2 primary identities: /_techmarketingdemos/a, /_techmarketingdemos/b. "
        "Leave `primary: true` in one of their descriptors."
    )


def test_a_field_is_one_identity() -> None:
    assert "_techmarketingdemos.a of schema 's' is an identity already." in refusal(
        PEOPLE, identity("s", A, "X"), identity("s", A, "Y")
    )


def test_a_schema_that_is_enabled_has_a_primary_identity() -> None:
    assert refusal(ENABLED, identity("s", A, "X")) == (
        "schema 's' is enabled for profile but has no primary identity. Add an identity descriptor with "
        "`primary: true`, or set `primary_identity_in_identity_map` if its records carry one in identityMap."
    )
    enabled = resolve(ENABLED, identity("s", A, "X", primary=True))
    assert enabled.enabled_for_profile
    assert enabled.json_schema["meta:immutableTags"] == ["union"]
    assert "meta:immutableTags" not in resolve(PEOPLE).json_schema


def test_the_primary_identity_may_be_in_the_identity_map() -> None:
    events = schema("s", EXPERIENCE_EVENT, enabled_for_profile=True, primary_identity_in_identity_map=True)
    resolved = resolve(events)
    assert resolved.primary_in_identity_map
    assert resolved.primary_identity is None
    with_group = schema("s", PROFILE, IDENTITY_MAP, primary_identity_in_identity_map=True)
    assert resolve(with_group).primary_in_identity_map


def test_the_primary_identity_in_the_identity_map_needs_one() -> None:
    assert refusal(schema("s", PROFILE, "ids", primary_identity_in_identity_map=True)) == (
        "schema 's' has `primary_identity_in_identity_map` but no identityMap. "
        "Add the field group https://ns.adobe.com/xdm/context/identitymap."
    )
    both = schema("s", EXPERIENCE_EVENT, "ids", primary_identity_in_identity_map=True)
    assert refusal(both, identity("s", A, "X", primary=True)) == (
        "schema 's' has the primary identity /_techmarketingdemos/a and `primary_identity_in_identity_map`. "
        "Keep one of the two."
    )


def test_a_relationship_leads_to_a_field_that_exists() -> None:
    assert resolve(PEOPLE, relationship(A, "s", B)).relationships[0].destination_path == (luma.TENANT, "b")
    assert resolve(PEOPLE, relationship(A, "s")).relationships[0].destination_path is None
    assert refusal(PEOPLE, relationship(A, "t")) == (
        "descriptor 'r' points to the schema 't', which does not exist. There are s."
    )
    assert "descriptor 'r': schema 's' has no property /nowhere." in refusal(PEOPLE, relationship("/nowhere", "s"))
    assert "descriptor 'r': schema 's' has no property /nowhere." in refusal(PEOPLE, relationship(A, "s", "/nowhere"))
