"""A mapping set, ready to be applied to records."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from headwater.errors import MappingError
from headwater.mapping.check import check_mapping
from headwater.mapping.paths import EACH, Path, parse_path
from headwater.model.documents import MappingSet


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMapping:
    """One mapping.

    Attributes:
        destination: Where its value goes.
        source: The source's own text: the name of a column, a path, or the constant.
        path: The source's steps; None for a constant.
    """

    destination: Path
    source: str
    path: Path | None


def compile_mapping_set(mapping_set: MappingSet, json_schema: dict[str, Any]) -> tuple[CompiledMapping, ...]:
    """The mappings in the order in which they are applied: whole objects before what is in them.

    Raises:
        MappingError: the mapping set does not fit the schema; every problem is named.
    """
    problems = check_mapping(mapping_set, json_schema)
    if problems:
        raise MappingError(f"mapping set {mapping_set.name!r} cannot be used: {'; '.join(problems)}")
    compiled = [
        CompiledMapping(
            destination=parse_path(mapping.destination),
            source=mapping.source,
            path=None if mapping.source_type == "STATIC" else _source_steps(mapping.source),
        )
        for mapping in mapping_set.mappings
    ]
    return tuple(sorted(compiled, key=lambda mapping: len(mapping.destination)))


def _source_steps(source: str) -> Path:
    try:
        return parse_path(source)
    except MappingError:
        return (source,)


def apply_mappings(mappings: tuple[CompiledMapping, ...], record: dict[str, Any]) -> dict[str, Any]:
    """A new record with each mapping's value at its destination, not yet converted. The given one stays as it is.

    A source that is absent, null or empty text leaves its destination out.
    """
    mapped: dict[str, Any] = {}
    for mapping in mappings:
        if mapping.path is None:
            value: Any = mapping.source
        else:
            value = record.get(mapping.source)
            value = _read(record, mapping.path) if value is None else value
        if value is not None and value != "":
            _write(mapped, mapping.destination, deepcopy(value) if isinstance(value, dict | list) else value)
    return mapped


def _read(value: Any, path: Path) -> Any:  # noqa: ANN401  (any JSON value)
    """What a path leads to, None if nothing; below `EACH`, a list with one entry for each element."""
    for place, step in enumerate(path):
        if step == EACH:
            rest = path[place + 1 :]
            return [_read(element, rest) for element in value] if isinstance(value, list) else None
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return None
    return value


def _write(target: dict[str, Any], path: Path, value: Any) -> None:  # noqa: ANN401  (any JSON value)
    """Put a value where a path leads, making objects and arrays on the way."""
    step, rest = path[0], path[1:]
    if not rest:
        target[str(step)] = value
        return
    name, below = str(step), rest[0]
    if below == EACH:
        _write_each(target, name, rest[1:], value)
    elif isinstance(below, int):
        elements = _container(target, name, [])
        elements.extend({} for _ in range(below + 1 - len(elements)))
        if rest[1:]:
            if not isinstance(elements[below], dict):
                elements[below] = {}
            _write(elements[below], rest[1:], value)
        else:
            elements[below] = value
    else:
        _write(_container(target, name, {}), rest, value)


def _write_each(target: dict[str, Any], name: str, rest: Path, values: Any) -> None:  # noqa: ANN401
    """Spread a list over the elements of an array; elements are made as needed."""
    if not isinstance(values, list):
        return
    if not rest:
        target[name] = [value for value in values if value is not None and value != ""]
        return
    elements = _container(target, name, [])
    elements.extend({} for _ in range(len(values) - len(elements)))
    for element, value in zip(elements, values, strict=False):
        if value is not None and value != "" and isinstance(element, dict):
            _write(element, rest, value)


def _container(target: dict[str, Any], name: str, empty: Any) -> Any:  # noqa: ANN401
    found = target.get(name)
    if not isinstance(found, type(empty)):
        found = target[name] = empty
    return found
