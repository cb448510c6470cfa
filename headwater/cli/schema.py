"""`headwater schema`: XDM."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.output import JsonOption, print_fields, print_json, print_table, say
from headwater.cli.workspace import workspace

if TYPE_CHECKING:
    from headwater.flows.workspace import Workspace
    from headwater.model.records import RowError
    from headwater.model.xdm import IdentityField
    from headwater.xdm import ResolvedSchema

app = typer.Typer(no_args_is_help=True, help="XDM schemas.")

Name = Annotated[str, typer.Argument(metavar="SCHEMA", help="A schema's name.")]


@app.command()
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show a schema in its resolved form: every field with its type."""
    with workspace() as opened:
        resolved = _resolve(opened, name)
    if as_json:
        print_json(resolved.json_schema)
        return
    print_fields(
        {
            "schema": resolved.name,
            "title": resolved.title,
            "id": resolved.id,
            "class": resolved.class_id,
            "behavior": resolved.behavior,
            "enabled for profile": resolved.enabled_for_profile,
        }
    )
    identities = {"/".join(field.path): field for field in resolved.identities}
    rows = [(*row, _identity_note(identities.get(row[0].replace(".", "/")))) for row in fields(resolved.json_schema)]
    print_table(("field", "type", "required", "rules", "identity"), rows, empty="no fields")


@app.command("import")
def import_schemas(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A checkout of Adobe's repository `xdm`."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Import XDM resources from Adobe's public schema repository, in place of those of the same `$id`.

    Taken are `*.schema.json` below `components`, `extensions` and `schemas`.
    """
    from headwater.flows.public_schemas import import_folder

    with workspace() as opened:
        found = import_folder(opened.catalog, folder, tenant=opened.settings.tenant)
    if as_json:
        print_json({"imported": [resource["$id"] for resource in found.resources], "skipped": dict(found.skipped)})
        return
    for path, reason in found.skipped:
        say(f"skipped {path}: {reason}")
    say(f"{len(found.resources):,} imported, {len(found.skipped):,} skipped")


@app.command()
def validate(
    name: Name,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="JSON, NDJSON, CSV or Parquet.")
    ],
    limit: Annotated[int, typer.Option(min=1, help="How many rejected records are shown.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Check the records of a file against a schema, as ingestion would. Exits with status 1 if any is rejected."""
    from headwater.formats import FormatOptions
    from headwater.ingest import compile_plan, read_file

    with workspace() as opened:
        plan = compile_plan(_resolve(opened, name).json_schema)
    read = 0
    rejected: list[RowError] = []
    rejected_count = 0
    with file.open("rb") as stream:
        for chunk in read_file(stream, plan, file=str(file), format="auto", options=FormatOptions()):
            read += chunk.read
            rejected_count += len(chunk.errors)
            rejected += chunk.errors[: limit - len(rejected)]
    if as_json:
        print_json({"read": read, "valid": read - rejected_count, "rejected": rejected_count, "errors": rejected})
    else:
        for row in rejected:
            _print_rejected(row)
        say(f"{read:,} records read, {read - rejected_count:,} valid, {rejected_count:,} rejected")
    if rejected_count:
        raise typer.Exit(1)


def fields(json_schema: dict[str, Any]) -> Iterator[tuple[str, str, bool, str]]:
    """Every leaf of a resolved schema: dotted path, XDM type, whether it is required, rules.

    In a path, `[]` stands for a list's entries and `{}` for a map's.
    """
    yield from _fields("", json_schema)


def _fields(path: str, node: dict[str, Any]) -> Iterator[tuple[str, str, bool, str]]:
    for key, child in node.get("properties", {}).items():
        yield from _field(f"{path}.{key}".lstrip("."), child, is_required=key in node.get("required", ()))


def _field(path: str, node: dict[str, Any], *, is_required: bool) -> Iterator[tuple[str, str, bool, str]]:
    if "properties" in node:
        yield from _fields(path, node)
    elif isinstance(node.get("items"), dict):
        yield from _field(f"{path}[]", node["items"], is_required=is_required)
    elif isinstance(node.get("additionalProperties"), dict):
        yield from _field(f"{path}{{}}", node["additionalProperties"], is_required=is_required)
    else:
        yield path, str(node.get("meta:xdmType", node.get("type", ""))), is_required, _rules(node)


def _rules(node: dict[str, Any]) -> str:
    shown = ("enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "format")
    return "; ".join(f"{key} {node[key]}" for key in shown if key in node and not _is_implied(key, node))


def _is_implied(key: str, node: dict[str, Any]) -> bool:
    """Whether the XDM type says it already."""
    if key == "format":
        return node[key] in ("date", "date-time")
    return key in ("minimum", "maximum") and node.get("meta:xdmType") in ("long", "int", "short", "byte")


def _identity_note(field: "IdentityField | None") -> str:
    if field is None:
        return ""
    return f"{field.namespace} (primary)" if field.primary else field.namespace


def _print_rejected(row: "RowError") -> None:
    line = f", line {row.line:,}" if row.line is not None else ""
    say(f"{row.file}: record {row.row_number:,}{line}", style="bold")
    for problem in row.problems:
        say(f"    {problem.code} {problem.pointer + ': ' if problem.pointer else ''}{problem.message}")


def _resolve(opened: "Workspace", name: str) -> "ResolvedSchema":
    from headwater.flows.schemas import resolve_schema

    return resolve_schema(opened.catalog.resources, name, tenant=opened.settings.tenant)
