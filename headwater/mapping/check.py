"""What is wrong with a mapping set, before any file is read with it."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from headwater.errors import MappingError
from headwater.mapping.paths import EACH, Path, find_field, format_path, parse_path, walk_fields
from headwater.model.documents import Mapping, MappingSet

_MOST_QUOTED = 200


def check_mapping(mapping_set: MappingSet, json_schema: dict[str, Any]) -> tuple[str, ...]:
    """Everything that keeps a mapping set from being used with a resolved schema, in sentences; empty if nothing does.

    Args:
        mapping_set: Its `mappings` are checked, not the name of its schema.
        json_schema: `ResolvedSchema.json_schema`.
    """
    problems: list[str] = []
    destinations: dict[Path, str] = {}
    for mapping in mapping_set.mappings:
        try:
            path = parse_path(mapping.destination)
            problems += _check_one(mapping, path, json_schema)
        except MappingError as error:
            problems.append(str(error))
            continue
        if path in destinations:
            problems.append(f"{mapping.destination!r} and {destinations[path]!r} are the same destination; map it once")
        destinations[path] = mapping.destination
    known = {path for path in destinations if find_field(json_schema, path) is not None}
    return (*problems, *_unmapped(json_schema, (), known))


def _check_one(mapping: Mapping, path: Path, json_schema: dict[str, Any]) -> Iterator[str]:
    if mapping.source_type == "EXPRESSION":
        yield (
            f"{mapping.destination!r}: EXPRESSION is not supported yet; use ATTRIBUTE (a column) or STATIC (a constant)"
        )
        return
    field = find_field(json_schema, path)
    if field is None:
        yield f"destination {mapping.destination!r} is not in the schema{_hint(path, json_schema)}"
        return
    if mapping.source_type == "STATIC":
        if field.get("type") in ("object", "array"):
            yield f"{mapping.destination!r} is {_a(field)}; a STATIC constant needs a field of a single value"
        if EACH in path:
            yield f"{mapping.destination!r}: {EACH} needs a source with {EACH}; a STATIC constant has none"
        yield from _check_constant(mapping, field)
        return
    if path.count(EACH) > _source_path(mapping.source).count(EACH):
        yield f"{mapping.destination!r}: {EACH} in a destination needs {EACH} in its source {mapping.source!r} too"


def _check_constant(mapping: Mapping, field: dict[str, Any]) -> Iterator[str]:
    """Rules that a constant would break in every record; whether it converts at all is seen where columns are made."""
    from headwater.xdm.validation import make_validator

    constant = _constant(mapping.source, field)
    if constant is None:
        return
    for error in make_validator(field).iter_errors(constant):
        yield (
            f"{mapping.destination!r}: the constant {mapping.source!r} breaks the field's rule `{error.validator}` "
            f"({str(error.validator_value)[:_MOST_QUOTED]}), so every record would be rejected"
        )


def _constant(text: str, field: dict[str, Any]) -> str | int | float | None:
    """What a field of text or numbers makes of a constant; None for others, and for what is no number."""
    if field.get("type") == "string":
        return None if field.get("format") in ("date", "date-time") else text
    if field.get("type") not in ("number", "integer"):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _source_path(text: str) -> Path:
    """A source's steps; the name of a column may be anything, and is then one step."""
    try:
        return parse_path(text)
    except MappingError:
        return (text,)


def _hint(path: Path, json_schema: dict[str, Any]) -> str:
    known = [format_path(field) for field, _ in walk_fields(json_schema)]
    close = get_close_matches(format_path(path), known, n=2, cutoff=0.7)
    same_leaf = [name for name in known if name.rsplit(".", 1)[-1] == path[-1]]
    named = list(dict.fromkeys(same_leaf[:2] + close))
    return f"; did you mean {' or '.join(map(repr, named))}?" if named else ""


def _a(field: dict[str, Any]) -> str:
    return "a map" if "additionalProperties" in field else f"an {field['type']}"


def _unmapped(json_schema: dict[str, Any], path: Path, mapped: set[Path]) -> Iterator[str]:
    """Required fields that no mapping fills, of the record and of every object that some mapping fills."""
    required = json_schema.get("required", ())
    for name, field in json_schema.get("properties", {}).items():
        here = (*path, name)
        filled = any(destination[: len(here)] == here for destination in mapped)
        whole = any(destination == here[: len(destination)] for destination in mapped)
        if name in required and not filled and not whole:
            yield f"the required field {format_path(here)!r} is not mapped; without it every record is rejected"
        if filled and not whole:
            yield from _unmapped(field, here, mapped)
