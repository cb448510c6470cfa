"""Which column of a delimited file goes to which field."""

from collections import Counter
from difflib import get_close_matches
from typing import Any

from headwater.errors import FileError, MappingError
from headwater.formats.blocks import FILE_MISMATCH
from headwater.ingest.column import Column, LeafColumn
from headwater.ingest.nested import ObjectColumn
from headwater.mapping.apply import CompiledMapping
from headwater.mapping.paths import Path, find_field, parse_path
from headwater.mapping.suggest import suggest_mappings

_MOST_NAMED = 50


def bind_mappings(
    mappings: tuple[CompiledMapping, ...], header: tuple[str, ...], *, file: str, delimiter: str
) -> tuple[CompiledMapping, ...]:
    """The mappings with their sources as the header writes them.

    Raises:
        FileError: "200" if the header lacks columns that are mapped, or has one of them twice.
    """
    sources = [mapping for mapping in mappings if mapping.path is not None]
    bound = {mapping.source: _find_column(mapping, header) for mapping in sources}
    missing = [source for source, column in bound.items() if column is None]
    if missing:
        raise FileError(_missing(missing, header, file=file, delimiter=delimiter), code=FILE_MISMATCH)
    _refuse_doubles([column for column in bound.values() if column], header, file=file)
    return tuple(
        mapping
        if mapping.path is None
        else CompiledMapping(destination=mapping.destination, source=bound[mapping.source] or "", path=mapping.path)
        for mapping in mappings
    )


def bind_fields(header: tuple[str, ...], json_schema: dict[str, Any], *, file: str) -> tuple[CompiledMapping, ...]:
    """Mappings for a file without a mapping set: columns that are named like fields go there.

    Raises:
        FileError: "200" if no column is named like a field, or one that is stands twice.
    """
    bound = []
    for column in header:
        path = _field_path(column, json_schema)
        if path is not None:
            bound.append(CompiledMapping(destination=path, source=column, path=(column,)))
    if not bound:
        suggested = [f"{s.source!r} to {s.destination!r}" for s in suggest_mappings(header, json_schema)]
        could = f" It could map {', '.join(suggested)}." if suggested else ""
        raise FileError(
            f"{file}: none of the columns {_named(header)} is a field of the schema. Name a mapping set.{could}",
            code=FILE_MISMATCH,
        )
    _refuse_doubles([mapping.source for mapping in bound], header, file=file)
    return tuple(bound)


def find_column(root: ObjectColumn, path: Path) -> Column | None:
    """The column at a path through objects alone; None where an array or a map is on the way, or nothing is there."""
    column: Column = root
    for step in path:
        if not isinstance(column, ObjectColumn) or step not in column.fields:
            return None
        column = column.fields[str(step)]
    return column


def is_by_column(root: ObjectColumn, mappings: tuple[CompiledMapping, ...]) -> bool:
    """Whether each mapping fills a single value outside arrays and maps, so that whole columns can be mapped."""
    return all(isinstance(find_column(root, mapping.destination), LeafColumn) for mapping in mappings)


def _find_column(mapping: CompiledMapping, header: tuple[str, ...]) -> str | None:
    """A source may be written as the column's name is, or as a path of one step."""
    if mapping.source in header:
        return mapping.source
    steps = mapping.path or ()
    return str(steps[0]) if len(steps) == 1 and steps[0] in header else None


def _field_path(column: str, json_schema: dict[str, Any]) -> Path | None:
    if column in json_schema.get("properties", {}):
        return (column,)
    try:
        path = parse_path(column)
    except MappingError:
        return None
    field = find_field(json_schema, path)
    return None if field is None or field.get("type") in ("object", "array") else path


def _refuse_doubles(used: list[str], header: tuple[str, ...], *, file: str) -> None:
    counts = Counter(header)
    doubles = sorted({column for column in used if counts[column] > 1})
    if doubles:
        raise FileError(
            f"{file}: the header has {_named(tuple(doubles))} more than once; it is not clear which one is meant. "
            "Rename one of them in the source.",
            code=FILE_MISMATCH,
        )


def _missing(missing: list[str], header: tuple[str, ...], *, file: str, delimiter: str) -> str:
    return (
        f"{file}: the mapping set uses columns {_named(tuple(missing))}, which the file does not have; it has "
        f"{_named(header)}.{_hint(missing, header, delimiter)} Change the mapping set, or have the file sent with its "
        "old header."
    )


def _hint(missing: list[str], header: tuple[str, ...], delimiter: str) -> str:
    """What the header was perhaps meant to be."""
    other = next((mark for mark in (";", "\t", "|", ",") if mark != delimiter and mark in header[0]), None)
    if len(header) == 1 and other:
        return f" The header has {other!r} in it: is that the `delimiter`?"
    lower = {column.lower(): column for column in reversed(header)}
    close = {source: get_close_matches(source.lower(), lower, n=1) for source in missing}
    likely = [f"{source!r} may be {lower[found[0]]!r} now" for source, found in close.items() if found]
    return f" {', '.join(likely[:_MOST_NAMED])}." if likely else ""


def _named(columns: tuple[str, ...]) -> str:
    return ", ".join(map(repr, columns[:_MOST_NAMED])) + (", …" if len(columns) > _MOST_NAMED else "")
