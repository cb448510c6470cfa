"""What the rest of the system needs to know of a resolved XDM schema."""

from dataclasses import dataclass
from typing import Literal

Behavior = Literal["record", "time-series", "adhoc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityField:
    """A field that holds an identity. `path` is from the record's root: `("_tenant", "systemIdentifier", "crmId")`."""

    path: tuple[str, ...]
    namespace: str
    primary: bool
