"""What differs between two versions of a resource, field by field, in the words of its document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headwater.model.documents import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs. `before` or `after` is None where the field is absent there."""

    path: str
    before: Any
    after: Any


def compare(before: Resource | None, after: Resource) -> tuple[FieldChange, ...]:
    """The fields in which two resources of the same kind differ; all of `after`'s fields where there is no `before`."""
    old = before.to_authored() if before is not None else {}
    new = after.to_authored()
    return tuple(_compare("", old, new))


def _compare(path: str, before: Any, after: Any) -> Iterator[FieldChange]:  # noqa: ANN401 - JSON values
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _compare(f"{path}.{key}".lstrip("."), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for position, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _compare(f"{path}[{position}]", old, new)
    elif before != after:
        yield FieldChange(path=path, before=before, after=after)
