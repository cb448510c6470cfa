"""What one may decide about identities: which namespaces are unique in a graph, which come first, what is no value."""

from dataclasses import dataclass
from typing import Final, Self

from headwater.errors import SchemaError
from headwater.identity.namespaces import Namespaces, canonical_code
from headwater.model.documents import IdentitySettings, IdentityType

_NOT_A_PERSON: Final = frozenset({IdentityType.COOKIE, IdentityType.DEVICE})


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRules:
    """The linking rules of a sandbox (spec: identity-and-profile.md, section 2.2). Codes are in canonical form.

    Attributes:
        unique: Namespaces of which a graph has one identity at most.
        priority: Namespaces, the most important one first. Links of one time are weighed by it, and an event belongs to
            the identity that comes first in it.
        ignore_placeholders: Whether values such as `test@test.com` are left out, and not merely counted.
    """

    unique: frozenset[str] = frozenset()
    priority: tuple[str, ...] = ()
    ignore_placeholders: bool = False

    @classmethod
    def from_settings(cls, settings: IdentitySettings, namespaces: Namespaces) -> Self:
        """The rules that the document states.

        Raises:
            SchemaError: a namespace is unknown or joins no graph, or a cookie or device stands above a person's.
        """
        for code in (*settings.unique_namespaces, *settings.namespace_priority):
            namespace = namespaces.find(code)
            if namespace is None or not namespace.type.joins_graphs:
                raise SchemaError(
                    f"identity settings {settings.name!r} name namespace {code!r}, which"
                    f" {'does not exist' if namespace is None else 'joins no graph'}. Name namespaces of"
                    " people, their devices or cookies."
                )
        _check_priority(settings, namespaces)
        return cls(
            unique=frozenset(map(canonical_code, settings.unique_namespaces)),
            priority=tuple(map(canonical_code, settings.namespace_priority)),
            ignore_placeholders=settings.ignore_placeholders,
        )

    def rank(self, namespace: str) -> int:
        """How important the namespace is: 0 is first; all that are not listed are equal, and last."""
        code = canonical_code(namespace)
        return self.priority.index(code) if code in self.priority else len(self.priority)


NO_RULES: Final = IdentityRules()
"""Nothing is unique, nothing comes first, nothing is ignored."""


def _check_priority(settings: IdentitySettings, namespaces: Namespaces) -> None:
    lower: str | None = None
    for code in settings.namespace_priority:
        namespace = namespaces.find(code)
        if namespace is not None and namespace.type in _NOT_A_PERSON:
            lower = lower or code
        elif lower is not None:
            raise SchemaError(
                f"identity settings {settings.name!r} put {lower!r}, a cookie or device, above {code!r}, a person's"
                " namespace. List the namespaces of people first."
            )
