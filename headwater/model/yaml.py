"""Authored documents: YAML text to resource and back, with messages that name file, line and key."""

from collections.abc import Mapping
from typing import Final

import yaml
from pydantic import ValidationError
from pydantic.alias_generators import to_camel, to_snake

from headwater.errors import DocumentError
from headwater.model.documents import RESOURCE_TYPES, AnyResource, Resource
from headwater.model.explain import Explanation, Location, did_you_mean, explain
from headwater.model.nodes import Node, compose, resolve_scalar

KINDS: Final = ", ".join(f"`{kind}`" for kind in RESOURCE_TYPES)


def parse_document(text: str, *, file: str) -> AnyResource:
    """Read one resource.

    Keys may be written in snake_case or camelCase. `file` only names the text in messages.

    Raises:
        DocumentError: the text is not YAML or not a resource. The message has one line for each problem, in the order
            of the text: file, line, dotted key, what was found, what was expected. The attributes are the first's.
    """
    root = compose(text, file=file)
    resource_class = _resource_class(root, file)
    try:
        return resource_class.model_validate(root.plain())  # type: ignore[return-value]
    except ValidationError as error:
        raise _document_error(explain(error, resource_class), root, file) from None


def find_line(text: str, *location: int | str) -> int | None:
    """The 1-based line of a key in a document that was parsed before; of the nearest enclosing one if it is absent."""
    try:
        return _locate(compose(text, file=""), location)[0]
    except DocumentError:
        return None


def dump_document(resource: Resource) -> str:
    """Write a resource as people would: `kind` and `name` first, defaults left out. `parse_document` reads it back."""
    authored = resource.to_authored()
    kind = str(resource.model_dump(include={"kind"})["kind"])
    document = {"kind": kind, "name": resource.name} | {k: v for k, v in authored.items() if k not in ("kind", "name")}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _resource_class(root: Node, file: str) -> type[Resource]:
    if not isinstance(root.value, dict):
        message = f"expected a mapping with `kind` and `name`; kinds are {KINDS}"
        raise DocumentError(f"{file}:{root.line}: {message}", file=file, line=root.line)
    kind = root.value.get("kind")
    if kind is None:
        message = f"key `kind` is missing; kinds are {KINDS}"
        raise DocumentError(f"{file}:{root.line}: {message}", file=file, line=root.line, key="kind")
    if not isinstance(kind.value, str) or kind.value not in RESOURCE_TYPES:
        shown = str(kind.plain())[:60]
        guess = did_you_mean(shown, RESOURCE_TYPES)
        message = f"unknown kind `{shown}`{guess}{' Kinds' if guess else '; kinds'} are {KINDS}"
        raise DocumentError(f"{file}:{kind.line}: {message}", file=file, line=kind.line, key="kind")
    return RESOURCE_TYPES[kind.value]


def _document_error(explanations: tuple[Explanation, ...], root: Node, file: str) -> DocumentError:
    problems = sorted((*_locate(root, found.location), found.message) for found in explanations)
    lines = [f"{file}:{line}: {key + ': ' if key else ''}{message}" for line, key, message in problems]
    first_line, first_key, _ = problems[0]
    return DocumentError("\n".join(lines), file=file, line=first_line, key=first_key or None)


def _locate(root: Node, location: Location) -> tuple[int, str]:
    """Line and dotted key, as written, of what pydantic or a caller calls `location`."""
    node, line, keys = root, root.line, ""
    for part in location:
        if isinstance(part, int) and isinstance(node.value, list) and part < len(node.value):
            node = node.value[part]
            line, keys = node.line, f"{keys}[{part}]"
            continue
        written = _written_key(node.value, part)
        if written is None:
            return line, f"{keys}.{to_snake(part)}".lstrip(".") if isinstance(part, str) else keys
        line, keys = node.key_lines[written], f"{keys}.{written}".lstrip(".")
        node = node.value[written]
    return line, keys


def _written_key(value: object, part: int | str) -> str | None:
    if not isinstance(value, Mapping) or not isinstance(part, str):
        return None
    if part in value:
        return part
    return next((key for key in value if to_camel(key) == to_camel(part)), None)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever our reader, or a YAML 1.1 reader, would not take for text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key, as people write them."""
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    if not isinstance(resolve_scalar(text), str) or not text.replace("\n", "").isprintable():
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
