"""Adobe's public XDM repository, as resources for the registry (layout and pitfalls: spec xdm.md, section 5)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from headwater.errors import SchemaError
from headwater.xdm.definitions import BEHAVIORS
from headwater.xdm.names import ResourceKind
from headwater.xdm.wellformed import find_flaw

_FOLDERS: Final = ("components", "extensions", "schemas")
_KINDS: Final[dict[str, ResourceKind]] = {
    "behaviors": "behaviors",
    "classes": "classes",
    "fieldgroups": "fieldgroups",
    "mixins": "fieldgroups",
    "datatypes": "datatypes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSchemas:
    """What an import found.

    Attributes:
        resources: JSON Schemas for `SchemaRegistry`, by `$id`, each with its `meta:resourceType`.
        skipped: Path and reason of each file that was given and holds no resource.
    """

    resources: tuple[dict[str, Any], ...]
    skipped: tuple[tuple[str, str], ...]


def is_public_schema(path: str) -> bool:
    """Whether a file of the repository is one to import, by its path below the repository's root, with `/`.

    Only `*.schema.json` below `components`, `extensions` and `schemas`: `docs/reference` repeats them with other
    content, and `archived` holds what was withdrawn.
    """
    return PurePosixPath(path).parts[0] in _FOLDERS and path.endswith(".schema.json") if path else False


def import_public_schemas(files: Iterable[tuple[str, object]]) -> PublicSchemas:
    """Resources from the files of Adobe's public repository, or of one laid out like it.

    Args:
        files: Path below the repository's root, with `/`, and parsed JSON of each; others than `is_public_schema`
            wants are skipped.

    Raises:
        SchemaError: two files have the same `$id`.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    skipped: list[tuple[str, str]] = []
    for path, content in files:
        reason = _reason_to_skip(path, content)
        if reason is not None or not isinstance(content, dict):
            skipped.append((path, reason or "not a JSON object"))
            continue
        resource_id = content["$id"].removesuffix("#")
        if resource_id in found:
            raise SchemaError(
                f"{found[resource_id][0]} and {path} have the same $id {resource_id}. "
                "Import one version of the repository at a time, from its root."
            )
        found[resource_id] = (path, {"meta:resourceType": _kind(path, content), **content, "$id": resource_id})
    return PublicSchemas(resources=tuple(found[key][1] for key in sorted(found)), skipped=tuple(skipped))


def _reason_to_skip(path: str, content: object) -> str | None:
    if not is_public_schema(path):
        return "not a *.schema.json file below components, extensions or schemas"
    if not isinstance(content, dict):
        return "not a JSON object"
    if not isinstance(content.get("$id"), str):
        return "no $id"
    return find_flaw(content)


def _kind(path: str, content: Mapping[str, Any]) -> ResourceKind | None:
    """What a resource is: by its folder, else by what it says; None if neither tells."""
    first, *folders = PurePosixPath(path).parts[:-1]
    by_folder = next((_KINDS[folder] for folder in folders if folder in _KINDS), None)
    if by_folder is not None:
        return by_folder
    if first == "schemas":
        return "schemas"
    if "meta:intendedToExtend" in content:
        return "fieldgroups"
    is_class = any(part.get("$ref") in BEHAVIORS for part in content.get("allOf", ()))
    return "classes" if is_class else None
