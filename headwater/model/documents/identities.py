"""Identity namespaces, and what holds for all identities."""

from enum import StrEnum
from typing import Literal

from headwater.model.documents.resource import Resource


class IdentityType(StrEnum):
    """Types of identity namespaces (spec: identity-and-profile.md, section 1)."""

    COOKIE = "Cookie"
    CROSS_DEVICE = "Cross_device"
    DEVICE = "Device"
    EMAIL = "Email"
    PHONE = "Phone"
    NON_PEOPLE = "Non_people"
    PARTNER = "Partner"

    @property
    def joins_graphs(self) -> bool:
        """Whether identities of this type link people's identities."""
        return self not in (IdentityType.NON_PEOPLE, IdentityType.PARTNER)

    @property
    def makes_profiles(self) -> bool:
        """Whether a record with such a primary identity becomes part of a person's profile."""
        return self is not IdentityType.NON_PEOPLE


class IdentityNamespace(Resource):
    """What kind of identifier a value is. `name` is AEP's `code`: kept as written, compared without case."""

    kind: Literal["identity_namespace"] = "identity_namespace"
    type: IdentityType


class IdentitySettings(Resource):
    """What holds for all identities: AEP's linking rules, and what to do with placeholders. There is one at most.

    A graph has at most one identity of each of the `unique_namespaces`. `namespace_priority` lists namespaces, the most
    important one first; those of cookies and devices come after those of people. Placeholders such as `test@test.com`
    or `0000` are counted, and left out with `ignore_placeholders`.
    """

    kind: Literal["identity_settings"] = "identity_settings"
    unique_namespaces: tuple[str, ...] = ()
    namespace_priority: tuple[str, ...] = ()
    ignore_placeholders: bool = False
