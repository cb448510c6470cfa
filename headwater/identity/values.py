"""Identity values: what counts as one, and the key under which it is stored.

The rules are those of AEP's Identity Service (spec: identity-and-profile.md, section 2). Values are compared exactly:
nothing is trimmed and no case is folded, because what looks alike may be two people.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from headwater.identity.namespaces import canonical_code
from headwater.model.documents import IdentityType

MAX_VALUE_CHARACTERS: Final = 1024
"""A longer value is no identity."""
MAX_IDENTITIES_PER_RECORD: Final = 20
"""A record with more of them links nothing."""

_KEY_BYTES: Final = 16
_ECID: Final = re.compile(r"[0-9]{38}", re.ASCII)
_NO_IDENTITY: Final = frozenset({"null", "anonymous", "invalid"})
_NAMES_OF_NOBODY: Final = re.compile(
    r"undefined|unknown|none|nil|nan|n/?a|test|guest|default|dummy|example|user|customer|\?|true|false"
)
_MAIL_OF_NOBODY: Final = re.compile(
    r"(?:test|example|null|none|unknown|undefined|noemail|no-?reply|dummy|a|x|abc|user|admin)"
    r"@(?:test|example|null|none|unknown|domain|email|mail|a|x|abc|nowhere)\.[a-z]{2,4}"
)
_ONE_CHARACTER: Final = re.compile(r"([0-9a-z])(?:[-.:+ ]*\1){2,}|[-.:+ 0]+")


class SkipReason(StrEnum):
    """Why an identity, or a record for want of one, was left out. The values appear in counts and pages."""

    NO_PRIMARY_IDENTITY = "no_primary_identity"
    UNKNOWN_NAMESPACE = "unknown_namespace"
    BLANK_VALUE = "blank_value"
    PLACEHOLDER_VALUE = "placeholder_value"
    SUSPECTED_PLACEHOLDER = "suspected_placeholder"
    VALUE_TOO_LONG = "value_too_long"
    CONTROL_CHARACTER = "control_character"
    INVALID_ECID = "invalid_ecid"
    TOO_MANY_IDENTITIES = "too_many_identities"
    TOO_MANY_LINKS = "too_many_links"
    RECORD_TOO_LARGE = "record_too_large"
    NO_EVENT_ID = "no_event_id"
    NO_TIMESTAMP = "no_timestamp"
    EVENT_OF_NON_PEOPLE = "event_of_non_people"
    EVENT_EXPIRED = "event_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identifier of somebody or something. `namespace` is written as its definition writes it."""

    namespace: str
    value: str
    type: IdentityType

    @property
    def key(self) -> bytes:
        """The key under which the identity is stored; see `identity_key`."""
        return identity_key(self.namespace, self.value)

    @property
    def xid(self) -> str:
        """The stable id that stands for the identity in AEP's API: its key in URL-safe Base64."""
        return urlsafe_b64encode(self.key).rstrip(b"=").decode()


def identity_keys(prefixes: Iterable[bytes], values: Iterable[str]) -> list[bytes]:
    """The keys of many identities, as `identity_key` has them; see `key_prefix`."""
    return [
        blake2b(prefix + value.encode(), digest_size=_KEY_BYTES).digest()
        for prefix, value in zip(prefixes, values, strict=True)
    ]


def key_prefix(namespace: str) -> bytes:
    """What comes before the value where a key is made."""
    return f"{canonical_code(namespace)}\0".encode()


def identity_key(namespace: str, value: str) -> bytes:
    """16 bytes that stand for namespace and value, the same in every store and at any time.

    A digest instead of a running number, so that the two loads of a batch need not ask each other for numbers. With
    128 bits two identities do not meet by chance. The namespace's case does not matter, the value's does.
    """
    return identity_keys([key_prefix(namespace)], [value])[0]


def is_placeholder(value: str) -> bool:
    """Whether the value looks like a filler that many records share: `test@test.com`, `0000`, `unknown`.

    A guess, so such values are counted, and left out only where the identity settings say so.
    """
    plain = value.strip().lower()
    return any(pattern.fullmatch(plain) for pattern in (_NAMES_OF_NOBODY, _ONE_CHARACTER, _MAIL_OF_NOBODY))


def check_value(namespace: str, value: str) -> SkipReason | None:
    """Why the value cannot be an identity of the namespace; None if it can."""
    trimmed = value.strip()
    if not trimmed:
        return SkipReason.BLANK_VALUE
    if trimmed.lower() in _NO_IDENTITY:
        return SkipReason.PLACEHOLDER_VALUE
    if len(value) > MAX_VALUE_CHARACTERS:
        return SkipReason.VALUE_TOO_LONG
    if "\0" in value:
        return SkipReason.CONTROL_CHARACTER
    if canonical_code(namespace) == "ecid" and not _ECID.fullmatch(value):
        return SkipReason.INVALID_ECID
    return None
