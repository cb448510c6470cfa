"""The documents that people authored, by kind and name."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from headwater.catalog.base import Store, utc_now
from headwater.catalog.tables import resource, xdm_definition
from headwater.database.engine import upsert
from headwater.errors import NotFoundError
from headwater.model.documents import RESOURCE_TYPES, Resource

Kind = TypeVar("Kind", bound=Resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResource:
    """A document and what the catalog knows of it. `etag` changes with every write; `version` counts them from 1."""

    document: Resource
    id: str
    etag: str
    version: int
    created_at: datetime
    updated_at: datetime


class ResourceStore(Store):
    """Authored documents."""

    def get(self, kind: str, name: str) -> Resource:
        """The document of that kind and name.

        Raises:
            NotFoundError: there is none; the message names those that exist.
        """
        return self.stored(kind, name).document

    def find(self, kind: str, name: str) -> Resource | None:
        """The document of that kind and name, or None."""
        row = self._first(sa.select(resource).where(resource.c.kind == kind, resource.c.name == name))
        return _stored(row).document if row is not None else None

    def stored(self, kind: str, name: str) -> StoredResource:
        """As `get`, with id, etag, version and times."""
        row = self._first(sa.select(resource).where(resource.c.kind == kind, resource.c.name == name))
        if row is None:
            names = [existing.name for existing in self.list(kind)]
            there = f"there are {', '.join(names)}" if names else "there is none of that kind"
            raise NotFoundError(f"no {kind} {name!r} in the catalog; {there}. Add it with `headwater apply`.")
        return _stored(row)

    def typed(self, document_class: type[Kind], name: str) -> Kind:
        """As `get`, with the class said instead of the kind."""
        return cast(Kind, self.get(document_class.model_fields["kind"].default, name))

    def list(self, kind: str) -> list[Resource]:
        """All documents of that kind, by name."""
        rows = self._all(sa.select(resource).where(resource.c.kind == kind).order_by(resource.c.name))
        return [_stored(row).document for row in rows]

    def put(self, document: Resource) -> str:
        """Create or replace; returns the etag, which stays as it was if nothing changed."""
        kind: str = type(document).model_fields["kind"].default
        now = utc_now()
        body = document.to_json()
        with self._begin() as connection:
            known = connection.execute(
                sa.select(resource.c.etag, resource.c.body).where(
                    resource.c.kind == kind, resource.c.name == document.name
                )
            ).first()
            if known is not None and known.body == body:
                return str(known.etag)
            changed = {"etag": str(uuid.uuid4()), "body": body, "updated_at": now}
            connection.execute(
                upsert(connection, resource)
                .values(kind=kind, name=document.name, id=uuid.uuid4().hex[:24], version=1, created_at=now, **changed)
                .on_conflict_do_update(
                    index_elements=[resource.c.kind, resource.c.name],
                    set_={**changed, "version": resource.c.version + 1},
                )
            )
        return str(changed["etag"])

    def delete(self, kind: str, name: str) -> None:
        """Remove the document.

        Raises:
            NotFoundError: there is none.
        """
        with self._begin() as connection:
            gone = connection.execute(sa.delete(resource).where(resource.c.kind == kind, resource.c.name == name))
        if gone.rowcount == 0:
            raise NotFoundError(f"no {kind} {name!r} in the catalog")

    def definitions(self) -> tuple[dict[str, Any], ...]:
        """Every imported XDM resource, by `$id`."""
        rows = self._all(sa.select(xdm_definition.c.body).order_by(xdm_definition.c.id))
        return tuple(row["body"] for row in rows)

    def put_definitions(self, definitions: Iterable[Mapping[str, Any]]) -> None:
        """Keep imported XDM resources, each in place of the one with its `$id`."""
        now = utc_now()
        values = [{"id": body["$id"], "body": dict(body), "imported_at": now} for body in definitions]
        if not values:
            return
        with self._begin() as connection:
            statement = upsert(connection, xdm_definition)
            replaced = {"body": statement.excluded.body, "imported_at": now}
            connection.execute(
                statement.on_conflict_do_update(index_elements=[xdm_definition.c.id], set_=replaced), values
            )


def _stored(row: Any) -> StoredResource:  # noqa: ANN401 - a database row's columns have no static types
    return StoredResource(
        document=RESOURCE_TYPES[row["kind"]].from_json(row["body"]),
        id=row["id"],
        etag=row["etag"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
