import pytest

from headwater.identity import STANDARD_NAMESPACES, Identity, Namespaces, SkipReason, identity_key
from headwater.identity.values import check_value
from headwater.model.documents import IdentityType

ECID = "12345678901234567890123456789012345678"


@pytest.mark.parametrize(
    ("namespace", "value", "reason"),
    [
        ("lumaCrmId", "112ca06e", None),
        ("lumaCrmId", " 7 ", None),
        ("lumaCrmId", "x" * 1024, None),
        ("lumaCrmId", "nullable", None),
        ("lumaCrmId", "x" * 1025, SkipReason.VALUE_TOO_LONG),
        ("lumaCrmId", "", SkipReason.BLANK_VALUE),
        ("lumaCrmId", " \t\u00a0", SkipReason.BLANK_VALUE),
        ("lumaCrmId", "null", SkipReason.PLACEHOLDER_VALUE),
        ("lumaCrmId", "Anonymous", SkipReason.PLACEHOLDER_VALUE),
        ("lumaCrmId", " INVALID ", SkipReason.PLACEHOLDER_VALUE),
        ("lumaCrmId", "a\0b", SkipReason.CONTROL_CHARACTER),
        ("ECID", ECID, None),
        ("ecid", ECID[:-1], SkipReason.INVALID_ECID),
        ("ECID", ECID + "0", SkipReason.INVALID_ECID),
        ("ECID", ECID + "\n", SkipReason.INVALID_ECID),
        ("ECID", "٣" * 38, SkipReason.INVALID_ECID),
        ("lumaEcid", "123", None),
    ],
)
def test_what_counts_as_an_identity(namespace: str, value: str, reason: SkipReason | None) -> None:
    assert check_value(namespace, value) is reason


def test_the_key_ignores_the_case_of_the_code_and_nothing_else() -> None:
    key = identity_key("lumaCrmId", "a")
    assert len(key) == 16
    assert key == identity_key("LUMACRMID", "a")
    assert key not in {identity_key("lumaCrmId", "A"), identity_key("lumaCrm", "Ida"), identity_key("lumaCrmId", "a ")}


def test_keys_are_the_same_at_any_time() -> None:
    identity = Identity(namespace="Email", value="dwright@adobe.com", type=IdentityType.EMAIL)
    assert identity.key.hex() == "e6eefe0ec5b72f75daaac2c2dc664356"
    assert identity.xid == "5u7-DsW3L3XaqsLC3GZDVg"


def test_namespaces_are_found_in_any_case_and_own_ones_come_first() -> None:
    namespaces = Namespaces({"lumaCrmId": IdentityType.CROSS_DEVICE, "Phone": IdentityType.NON_PEOPLE})
    found = namespaces.find("LUMACRMID")
    assert found is not None
    assert found.code == "lumaCrmId"
    ecid = namespaces.find("ecid")
    assert ecid is not None
    assert (ecid.code, ecid.id, ecid.type) == ("ECID", 4, IdentityType.COOKIE)
    phone = namespaces.find("phone")
    assert phone is not None
    assert phone.type is IdentityType.NON_PEOPLE
    assert namespaces.find("lumaLoyaltyId") is None
    assert len(list(namespaces)) == len(STANDARD_NAMESPACES) + 1
