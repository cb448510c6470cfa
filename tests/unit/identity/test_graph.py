import pytest

from headwater.errors import SchemaError
from headwater.identity import Namespaces
from headwater.identity.graph import admit_links
from headwater.identity.rules import IdentityRules
from headwater.model.documents import IdentitySettings, IdentityType

KEYS = list(range(24))


def test_a_batch_makes_so_many_links_of_one_identity_and_no_more() -> None:
    hub = 0
    links = [(hub, key) for key in reversed(KEYS[1:])]
    made = bytearray(len(KEYS))
    made[hub] = 2
    assert admit_links(links, made, limit=5) == links[:3]
    assert (made[hub], made[KEYS[-1]], made[KEYS[1]]) == (5, 1, 0)
    assert admit_links([(1, 2)], made, limit=5) == [(1, 2)]


def test_rules_must_fit_the_namespaces() -> None:
    namespaces = Namespaces({"crm": IdentityType.CROSS_DEVICE, "sku": IdentityType.NON_PEOPLE})
    for settings_, message in (
        (
            IdentitySettings(name="mine", unique_namespaces=("crn",)),
            "identity settings 'mine' name namespace 'crn', which does not exist. Name namespaces"
            " of people, their devices or cookies.",
        ),
        (
            IdentitySettings(name="mine", namespace_priority=("sku",)),
            "identity settings 'mine' name namespace 'sku', which joins no graph. Name namespaces"
            " of people, their devices or cookies.",
        ),
        (
            IdentitySettings(name="mine", namespace_priority=("ECID", "crm")),
            "identity settings 'mine' put 'ECID', a cookie or device, above 'crm', a person's namespace. List"
            " the namespaces of people first.",
        ),
    ):
        with pytest.raises(SchemaError) as caught:
            IdentityRules.from_settings(settings_, namespaces)
        assert str(caught.value) == message
