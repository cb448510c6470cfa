"""Import of Adobe's public XDM repository into the catalog."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from headwater.catalog.catalog import Catalog, Stores
from headwater.errors import ConflictError, NotFoundError
from headwater.flows.resources.schemas import refused_changes
from headwater.flows.schemas import schema_registry
from headwater.model.documents import Dataset
from headwater.xdm import PublicSchemas, SchemaRegistry, import_public_schemas, is_public_schema

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
"""A larger file is skipped."""


def import_folder(catalog: Catalog, folder: Path, *, tenant: str) -> PublicSchemas:
    """Keep every resource of a checkout in the catalog; importing it again changes nothing.

    Files that are no resource are skipped and named.

    Raises:
        NotFoundError: the folder holds no resource, being something else or not the repository's root.
        SchemaError: two files have the same `$id`, or a schema of the catalog would no longer compose.
        ConflictError: a schema with data would change in a way that breaks what is stored. Nothing was imported.
    """
    found = import_public_schemas(_files(folder))
    if not found.resources:
        raise NotFoundError(
            f"{folder} holds no XDM resources. Give the root of a checkout of Adobe's repository `xdm`: the folder in "
            "which `components`, `extensions` and `schemas` are."
        )
    with catalog.transaction() as stores:
        before = schema_registry(stores.resources, tenant=tenant)
        stores.resources.put_definitions(found.resources)
        after = schema_registry(stores.resources, tenant=tenant)
        _refuse_breaking(stores, before, after)
    return found


def _files(folder: Path) -> Iterator[tuple[str, object]]:
    """Path below the folder and parsed JSON of every file that may be a resource; None for one that is not JSON."""
    for file in sorted(folder.rglob("*.schema.json")):
        path = file.relative_to(folder).as_posix()
        if is_public_schema(path) and file.is_file():
            yield path, _parsed(file)


def _parsed(file: Path) -> object:
    if file.stat().st_size > MAX_FILE_BYTES:
        return None
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return None


def _refuse_breaking(stores: Stores, before: SchemaRegistry, after: SchemaRegistry) -> None:
    used = {dataset.xdm_schema for dataset in stores.resources.list("dataset") if isinstance(dataset, Dataset)}
    problems: list[str] = []
    for schema in before.schemas():
        if schema.enabled_for_profile or schema.name in used:
            problems += refused_changes(before.resolve(schema.name), after.resolve(schema.name))
    if problems:
        raise ConflictError("\n".join([*problems, "Nothing was imported."]))
