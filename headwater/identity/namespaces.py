"""Identity namespaces: the standard ones, and looking one up by its code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from headwater.model.documents import IdentityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """What kind of identifier a value is. `code` is kept as written and compared without case."""

    code: str
    type: IdentityType
    id: int | None = None
    name: str | None = None


STANDARD_NAMESPACES: Final = (
    Namespace(code="CORE", id=0, name="Audience Manager UUID", type=IdentityType.COOKIE),
    Namespace(code="ECID", id=4, name="Experience Cloud ID", type=IdentityType.COOKIE),
    Namespace(code="Email", id=6, name="Email", type=IdentityType.EMAIL),
    Namespace(code="Phone", id=7, name="Phone", type=IdentityType.PHONE),
    Namespace(code="WAID", id=8, name="Windows AID", type=IdentityType.DEVICE),
    Namespace(code="TNTID", id=9, name="Adobe Target id", type=IdentityType.COOKIE),
    Namespace(code="AAID", id=10, name="Analytics legacy id", type=IdentityType.COOKIE),
    Namespace(code="Email_LC_SHA256", id=11, name="Emails (SHA256, lowercased)", type=IdentityType.EMAIL),
    Namespace(code="AdCloud", id=411, name="Advertising Cloud", type=IdentityType.COOKIE),
    Namespace(code="GAID", id=20914, name="Google ad id", type=IdentityType.DEVICE),
    Namespace(code="IDFA", id=20915, name="Apple id for advertisers", type=IdentityType.DEVICE),
)
"""Namespaces that exist without being made (spec: identity-and-profile.md, section 1)."""


def canonical_code(code: str) -> str:
    """The form in which codes are compared: `ECID` and `ecid` are one namespace."""
    return code.lower()


class Namespaces:
    """The namespaces in force: the standard ones and one's own. An own one of the same code comes first."""

    def __init__(self, own: Mapping[str, IdentityType]) -> None:
        self._by_code = {canonical_code(standard.code): standard for standard in STANDARD_NAMESPACES}
        for code, identity_type in own.items():
            self._by_code[canonical_code(code)] = Namespace(code=code, type=identity_type)

    def find(self, code: str) -> Namespace | None:
        """The namespace of this code, however it is written; None if there is none."""
        return self._by_code.get(canonical_code(code))

    def __iter__(self) -> Iterator[Namespace]:
        return iter(self._by_code.values())
