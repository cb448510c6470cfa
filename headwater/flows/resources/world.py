"""The catalog as it is, and as it will be once documents are applied."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar, cast

from headwater.catalog.catalog import Stores
from headwater.flows.resources.read import AuthoredDocument, kind_of
from headwater.identity.namespaces import canonical_code
from headwater.model.documents import RESOURCE_TYPES, IdentityNamespace, Resource

Kind = TypeVar("Kind", bound=Resource)


class World:
    """Every resource by kind and name, before and after. Identity namespaces are compared without case."""

    def __init__(
        self, stored: Iterable[Resource], documents: Sequence[AuthoredDocument], *, gone: Resource | None = None
    ) -> None:
        self._before = {_key(resource): resource for resource in stored}
        self._after = self._before | {_key(document.resource): document.resource for document in documents}
        if gone is not None:
            del self._after[_key(gone)]
        self._documents = {_key(document.resource): document for document in documents}

    @classmethod
    def load(cls, stores: Stores, documents: Sequence[AuthoredDocument]) -> "World":
        """Read everything that is stored."""
        stored = [resource for kind in RESOURCE_TYPES for resource in stores.resources.list(kind)]
        return cls(stored, documents)

    def before(self, document_class: type[Kind], name: str) -> Kind | None:
        """The stored resource, or None."""
        return cast("Kind | None", self._before.get(_key_of(document_class, name)))

    def after(self, document_class: type[Kind], name: str) -> Kind | None:
        """The resource as it will be, or None."""
        return cast("Kind | None", self._after.get(_key_of(document_class, name)))

    def everything(self) -> list[Resource]:
        """Every stored resource."""
        return list(self._before.values())

    def all_before(self, document_class: type[Kind]) -> Iterator[Kind]:
        """Every stored resource of a kind."""
        return (resource for resource in self._before.values() if isinstance(resource, document_class))

    def all_after(self, document_class: type[Kind]) -> Iterator[Kind]:
        """Every resource of a kind as it will be."""
        return (resource for resource in self._after.values() if isinstance(resource, document_class))

    def document(self, resource: Resource) -> AuthoredDocument | None:
        """The document that a resource will come from, or None if it stays as it is stored."""
        return self._documents.get(_key(resource))

    def changed(self, resource: Resource) -> bool:
        """Whether a resource that will be differs from the stored one."""
        return self._before.get(_key(resource)) != resource

    def names(self, document_class: type[Resource]) -> list[str]:
        """The names of a kind's resources as they will be, sorted."""
        return sorted(resource.name for resource in self.all_after(document_class))


def _key(resource: Resource) -> tuple[str, str]:
    return kind_of(resource), _comparable(type(resource), resource.name)


def _key_of(document_class: type[Resource], name: str) -> tuple[str, str]:
    return str(document_class.model_fields["kind"].default), _comparable(document_class, name)


def _comparable(document_class: type[Resource], name: str) -> str:
    return canonical_code(name) if document_class is IdentityNamespace else name
