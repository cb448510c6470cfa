"""What commands print: tables and text for people, one JSON document with `--json`."""

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any

import typer
from pydantic.alias_generators import to_camel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headwater.model.base import Document
from headwater.model.paths import stored_path

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most that is shown.")]

_PIPE_WIDTH = 240


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for every table where there is none."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_error(message: str) -> None:
    """Say on standard error what went wrong."""
    Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True).print(
        Text("error: ", style="bold red") + Text(printable(message))
    )


def say(text: str, *, style: str = "") -> None:
    """Print a line or several."""
    console().print(Text(printable(text), style=style), soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON document, UTF-8, in the form of the HTTP API: camelCase keys, times in ISO 8601."""
    text = json.dumps(jsonable(value), ensure_ascii=False, indent=2)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows under their headings; `empty` if there are none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    if table.row_count:
        console().print(table)
    else:
        say(empty)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one pair a line; absent values are left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        if value is not None and value != "":
            table.add_row(Text(printable(name)), Text(cell(value)))
    console().print(table)


def cell(value: object) -> str:
    """A value as people read it in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return printable(value)
    return printable(json.dumps(jsonable(value), ensure_ascii=False))


def printable(text: str) -> str:
    """The text with whatever could command a terminal written as escapes; line ends and tabs stay."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in stored_path(text)
    )


def jsonable(value: Any) -> Any:  # noqa: ANN401 - anything that a command prints
    """The value as JSON has it: values' fields in camelCase, keys of mappings as they are."""
    if isinstance(value, Document):
        return value.to_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {to_camel(field.name): jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(entry) for key, entry in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return stored_path(value)
    if isinstance(value, frozenset):
        return sorted((jsonable(entry) for entry in value), key=str)
    if isinstance(value, Iterable):
        return [jsonable(entry) for entry in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)
