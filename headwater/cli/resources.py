"""`headwater apply`, `diff`, `get` and `delete`: authored documents and the catalog."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.output import JsonOption, print_json, print_table, say
from headwater.cli.workspace import workspace
from headwater.errors import NotFoundError
from headwater.model.documents import RESOURCE_TYPES
from headwater.model.explain import did_you_mean

if TYPE_CHECKING:
    from headwater.flows.resources import ApplyPlan, DocumentChange, FieldChange

Paths = Annotated[list[Path], typer.Argument(help="Documents, or folders with documents (*.yaml, *.yml).")]

_SIGNS = {"create": "+", "change": "~", "keep": "="}
_STYLES = {"create": "green", "change": "yellow", "keep": "dim"}
_SHOWN_CHARACTERS = 80


def apply(paths: Paths, as_json: JsonOption = False) -> None:
    """Bring the catalog to what documents say: all of them, or none.

    Documents that are applied already change nothing; what no document names stays as it is. Changes that would break
    stored data are refused.
    """
    from headwater.flows.resources import apply_documents, read_documents

    documents = read_documents(paths)
    with workspace() as opened:
        plan = apply_documents(opened.catalog, documents, tenant=opened.settings.tenant)
    _show(plan, ("created", "changed"), as_json=as_json)


def diff(paths: Paths, as_json: JsonOption = False) -> None:
    """Show what `apply` would change, and change nothing."""
    from headwater.flows.resources import plan_apply, read_documents

    documents = read_documents(paths)
    with workspace() as opened:
        plan = plan_apply(opened.catalog, documents, tenant=opened.settings.tenant)
    _show(plan, ("to create", "to change"), as_json=as_json)


def get(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(RESOURCE_TYPES)}.")],
    name: Annotated[
        str | None, typer.Argument(help="A resource's name; without it, all of the kind are listed.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the resources of a kind, or show one as the document that would make it."""
    from headwater.model.yaml import dump_document

    known = _kind(kind)
    with workspace() as opened:
        if name is not None:
            resource = opened.catalog.resources.get(known, name)
            if as_json:
                print_json(resource)
            else:
                say(dump_document(resource).rstrip("\n"))
            return
        found = opened.catalog.resources.list(known)
    if as_json:
        print_json(found)
    else:
        rows = [(resource.name, resource.title, resource.description) for resource in found]
        print_table(("name", "title", "description"), rows, empty=f"no {known} in the catalog")


def delete(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(RESOURCE_TYPES)}.")],
    name: Annotated[str, typer.Argument(help="The resource's name.")],
    as_json: JsonOption = False,
) -> None:
    """Delete a document from the catalog, unless something needs it; then say what.

    What was loaded with it stays. Applying its file again brings it back: remove that too.
    """
    from headwater.flows.resources import delete_resource

    known = _kind(kind)
    with workspace() as opened:
        delete_resource(opened.catalog, known, name, tenant=opened.settings.tenant)
    if as_json:
        print_json({"deleted": {"kind": known, "name": name}})
    else:
        say(f"- {known} {name}", style="red")


def _kind(written: str) -> str:
    """The kind that was meant: `field-groups` is `field_group`."""
    folded = written.lower().replace("-", "_")
    plural = {"classes": "class", "merge_policies": "merge_policy"}
    kind = plural.get(folded, folded if folded in RESOURCE_TYPES else folded.removesuffix("s"))
    if kind not in RESOURCE_TYPES:
        guess = did_you_mean(folded, RESOURCE_TYPES)
        raise NotFoundError(
            f"no kind {written!r}{guess}{' Kinds' if guess else '; kinds'} are {', '.join(RESOURCE_TYPES)}"
        )
    return kind


def _show(plan: "ApplyPlan", words: tuple[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json({"changes": [_change_json(change) for change in plan.changes]})
        return
    for change in plan.changes:
        if change.action == "keep":
            continue
        say(f"{_SIGNS[change.action]} {change.kind} {change.name}", style=_STYLES[change.action])
        if change.action == "change":
            for field in change.fields:
                say(f"    {_field(field)}")
    created, changed = words
    counts = f"{plan.count('create')} {created}, {plan.count('change')} {changed}, {plan.count('keep')} unchanged"
    say(counts)


def _change_json(change: "DocumentChange") -> dict[str, object]:
    return {
        "action": change.action,
        "kind": change.kind,
        "name": change.name,
        "file": change.file,
        "fields": change.fields,
    }


def _field(field: "FieldChange") -> str:
    if field.before is None:
        return f"{field.path}: {_short(field.after)} (new)"
    if field.after is None:
        return f"{field.path}: {_short(field.before)} (removed)"
    return f"{field.path}: {_short(field.before)} → {_short(field.after)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
