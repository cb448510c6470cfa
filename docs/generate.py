"""Writes the parts of the reference that the code knows best, between markers in the pages.

    .venv/bin/python docs/generate.py

A page marks such a part with `<!-- generated: NAME -->` and `<!-- end: NAME -->`; everything else in it is written by
hand. `tests/docs` fails while a page differs from what the code says.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.main import get_command

from connectors.errors import ConnectorError
from headwater.cli.app import app
from headwater.errors import HeadwaterError
from headwater.flows.account_types import account_model, account_types
from headwater.model.documents import RESOURCE_TYPES
from headwater.settings import PREFIX, Settings

FOLDER = Path(__file__).parent / "reference"


def main() -> None:
    """Bring every page up to date."""
    for name in PARTS:
        page = FOLDER / f"{name}.md"
        text = page.read_text(encoding="utf-8")
        page.write_text(with_generated(text, name), encoding="utf-8")
        sys.stdout.write(f"{page.name}\n")


def with_generated(text: str, name: str) -> str:
    """A page's text with its generated part as the code says it now."""
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    before, _, rest = text.partition(begin)
    _, marker, after = rest.partition(end)
    if not marker:
        raise ValueError(f"page {name} has no {begin} … {end}")
    return f"{before}{begin}\n\n{PARTS[name]().strip()}\n\n{end}{after}"


def documents() -> str:
    """Every kind, its keys, types and defaults, and the documents inside it."""
    parts: list[str] = []
    for kind, document_class in RESOURCE_TYPES.items():
        parts += [f"## {kind}", _paragraph(document_class), _fields(document_class)]
        for path, inner in _inner(document_class, ""):
            parts += [f"### {kind}: {path}", _paragraph(inner), _fields(inner)]
    return "\n\n".join(parts)


def settings() -> str:
    """Every setting, its default and what it says."""
    meanings = _attributes(Settings)
    rows = [
        (f"`{PREFIX}{name.upper()}`", _default(field), meanings[name]) for name, field in Settings.model_fields.items()
    ]
    return _table(("Variable", "Default", "Meaning"), rows)


def errors() -> str:
    """Every error class below the two roots."""
    parts = []
    for root in (HeadwaterError, ConnectorError):
        rows = [
            (f"`{found.__name__}`", "yes" if found.retryable else "no", _first_sentence(found))
            for found in _descendants(root)
        ]
        parts += [f"## {root.__name__}", _table(("Error", "Retryable", "Means"), rows)]
    return "\n\n".join(parts)


def cli() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_commands(get_command(app), "headwater"))


def connectors() -> str:
    """Every type of account that comes with Headwater, connectors and keys, and its parameters."""
    parts: list[str] = []
    for kind in account_types():
        model = account_model(kind)
        rows = [
            (f"`{name}`", _type(field.annotation), _default(field), _line(field.description or field.title or ""))
            for name, field in model.model_fields.items()
        ]
        parts += [f"## {kind}", _paragraph(model), _table(("Parameter", "Type", "Default", "Meaning"), rows)]
    return "\n\n".join(parts)


PARTS: Mapping[str, Callable[[], str]] = {
    "documents": documents,
    "settings": settings,
    "errors": errors,
    "cli": cli,
    "connectors": connectors,
}


def _fields(document_class: type[BaseModel]) -> str:
    rows = [
        (f"`{name.removeprefix('xdm_')}`", _type(field.annotation), _default(field))
        for name, field in document_class.model_fields.items()
        if name != "kind"
    ]
    return _table(("Key", "Type", "Default"), rows)


def _inner(document_class: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in document_class.model_fields.items():
        for inner in _classes(field.annotation):
            yield f"{path}{name}", inner
            yield from _inner(inner, f"{path}{name}.")


def _classes(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - typing's forms have no common type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _classes(argument)]


def _type(annotation: Any) -> str:  # noqa: ANN401 - typing's forms have no common type
    origin = get_origin(annotation)
    arguments = [argument for argument in get_args(annotation) if argument not in (type(None), ...)]
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_type(argument) for argument in arguments)
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "mapping"
    if origin is not None:
        return _type(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "boolean", "datetime": "time"}
    name = getattr(annotation, "__name__", str(annotation))
    known = words | {"AwareDatetime": "time with zone", "HttpUrl": "URL", "SecretStr": "secret text", "Path": "path"}
    return known.get(name, "mapping" if _classes(annotation) else name)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is PydanticUndefined:
        return "`~/.headwater`" if field.annotation is Path else "empty"
    if isinstance(field.default, BaseModel):
        return "its defaults"
    if field.default is None:
        return ""
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, tuple):
        return ", ".join(f"`{entry}`" for entry in field.default) or "empty"
    return f"`{field.default}`"


def _attributes(documented: type) -> dict[str, str]:
    """The `Attributes:` section of a class's docstring."""
    text = inspect.getdoc(documented) or ""
    _, _, section = text.partition("Attributes:\n")
    return {
        match[1]: _line(match[2])
        for match in re.finditer(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE)
    }


def _descendants(root: type[Any]) -> list[type[Any]]:
    children = [child for child in root.__subclasses__() if child.__module__ == root.__module__]
    return [root, *(found for child in children for found in _descendants(child))]


def _commands(command: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - typer keeps its commands' classes to itself
    commands = getattr(command, "commands", None)
    if commands is not None:
        if name == "headwater":
            yield _table(("Option", "Meaning"), _options(command))
        for child_name, child in commands.items():
            yield from _commands(child, f"{name} {child_name}")
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([name, *map(_argument, arguments)])
    yield f"## {name}"
    yield f"```text\n{usage} [OPTIONS]\n```"
    yield "\n\n".join(_line(paragraph) for paragraph in inspect.cleandoc(command.help or "").split("\n\n"))
    if arguments:
        yield _table(("Argument", "Meaning"), [(f"`{p.metavar or p.name.upper()}`", _line(p.help)) for p in arguments])
    yield _table(("Option", "Meaning"), _options(command))


def _argument(parameter: Any) -> str:  # noqa: ANN401 - as above
    name = parameter.metavar or parameter.name.upper()
    repeated = f"{name}..." if parameter.nargs == -1 else name
    return repeated if parameter.required else f"[{repeated}]"


def _options(command: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - as above
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    return [(", ".join(f"`{option}`" for option in p.opts), _line(p.help or "")) for p in options]


def _paragraph(documented: type) -> str:
    """The docstring of a class up to its sections, in one paragraph for each of its own."""
    text = re.split(r"^(?:Attributes|Args|Raises):$", inspect.getdoc(documented) or "", flags=re.MULTILINE)[0]
    return "\n\n".join(_line(paragraph) for paragraph in text.strip().split("\n\n"))


def _first_sentence(documented: type) -> str:
    return _line((inspect.getdoc(documented) or "").split("\n\n")[0])


def _line(text: str) -> str:
    """One line, without the references to specifications, which are for developers."""
    return re.sub(r" ?\((?:spec: )?[\w-]+\.md[^)]*\)", "", " ".join(text.split()))


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [columns, tuple("---" for _ in columns), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
