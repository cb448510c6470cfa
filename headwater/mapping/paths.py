r"""Paths of mappings: `person.name.firstName`, `first\.part`, `${First Name}`, `mails[0].address`, `mails[*].address`.

Rules: spec data-prep.md, section 3.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from headwater.errors import MappingError

EACH: Final = "[*]"
"""The step that stands for every element of an array. No field is named so: brackets in names are wrapped."""

Step = str | int
Path = tuple[Step, ...]

_NAME = re.compile(r"\$\{(?P<wrapped>[^}]+)\}|(?P<plain>(?:[^.\\\[\]$]|\\.)+)")
_INDEX = re.compile(r"\[(?P<index>\d{1,4}|\*)\]")


def parse_path(text: str) -> Path:
    """The steps of a path: names, element numbers from 0, and `EACH`.

    Raises:
        MappingError: the text is no path.
    """
    steps: list[Step] = []
    position = 0
    while True:
        name = _NAME.match(text, position)
        if name is None:
            break
        steps.append(name["wrapped"] or re.sub(r"\\(.)", r"\1", name["plain"]))
        position = name.end()
        while index := _INDEX.match(text, position):
            steps.append(EACH if index["index"] == "*" else int(index["index"]))
            position = index.end()
        if position == len(text):
            return tuple(steps)
        if text[position] != ".":
            break
        position += 1
    raise MappingError(
        f"{text!r} is no path: at character {position + 1} a name is expected. Separate levels with dots; wrap names "
        "that are not plain in ${…}"
    )


def format_path(path: Path) -> str:
    """The text of a path, wrapped where needed."""
    text = ""
    for step in path:
        if step == EACH:
            text += EACH
        elif isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if re.fullmatch(r"[\w-]+", step) else f"${{{step}}}")
    return text


def find_field(json_schema: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The part of a resolved schema that a path leads to, or None if it leads nowhere. Map keys are free."""
    schema: dict[str, Any] = json_schema
    for step in path:
        if isinstance(step, int) or step == EACH:
            below = schema.get("items") if schema.get("type") == "array" else None
        else:
            below = schema.get("properties", {}).get(step) or _values(schema)
        if not isinstance(below, dict):
            return None
        schema = below
    return schema


def _values(schema: dict[str, Any]) -> object:
    return None if schema.get("properties") else schema.get("additionalProperties")


def walk_fields(json_schema: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every field of a schema with its path, objects before what is in them; arrays and maps are not entered."""
    for name, schema in json_schema.get("properties", {}).items():
        yield (*path, name), schema
        yield from walk_fields(schema, (*path, name))
