"""Pydantic's errors in people's words: what was found, what was expected, which key was probably meant."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel, to_snake
from pydantic_core import ErrorDetails

from headwater.model.base import Document

Location = tuple[int | str, ...]

_SECRET_WORDS = ("secret", "password", "passphrase", "private_key", "token", "credential", "params", "url")
_TYPES = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "string_type": 'text; put it in quotes ("…")',
    "tuple_type": "a list",
    "datetime_from_date_parsing": 'a time with its zone, such as "2026-11-01T02:00:00Z"',
    "datetime_parsing": 'a time with its zone, such as "2026-11-01T02:00:00Z"',
    "datetime_type": 'a time with its zone, such as "2026-11-01T02:00:00Z"',
    "timezone_aware": 'a time with its zone, such as "2026-11-01T02:00:00Z"',
}
_PATTERNS = {
    r"^[A-Za-z][A-Za-z0-9_.-]{0,127}$": "a letter, then letters, digits, `_`, `.` or `-`, at most 128 characters",
    r"^[a-z][a-z0-9_]{0,127}$": "a small letter, then small letters, digits or `_`, at most 128 characters",
    r"^/[^/].*$": "a path such as `/person/name`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One thing wrong with a document. `location` is pydantic's: aliases for keys, numbers for list positions."""

    location: Location
    message: str


def explain(error: ValidationError, document_class: type[Document]) -> tuple[Explanation, ...]:
    """Say everything that `error` holds, consequences of other errors left out.

    Values under keys that may hold secrets are never repeated.
    """
    found = error.errors(include_url=False)
    return tuple(
        Explanation(location=details["loc"], message=_message(details, document_class))
        for details in found
        if not _follows_from_another(details, found, document_class)
    )


def _follows_from_another(details: ErrorDetails, found: Sequence[ErrorDetails], document_class: type[Document]) -> bool:
    """Whether a key is missing because it is misspelt, or a list is too short because its entries are wrong."""
    location = details["loc"]
    if details["type"] == "too_short":
        return any(len(other["loc"]) > len(location) and other["loc"][: len(location)] == location for other in found)
    if details["type"] != "missing":
        return False
    missing = to_snake(str(location[-1]))
    owner = _class_at(document_class, location[:-1])
    return any(
        other["type"] == "extra_forbidden"
        and other["loc"][:-1] == location[:-1]
        and nearest_word(str(other["loc"][-1]), authored_keys(owner or Document)) == missing
        for other in found
    )


def nearest_word(word: str, known: Collection[str]) -> str | None:
    """The known word nearest to `word`, compared without case; None if none is near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    nearest = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[nearest[0]] if nearest else None


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`"; did you mean `x`?"` for the known word nearest to `word`, else ""."""
    nearest = nearest_word(word, known)
    return f"; did you mean `{nearest}`?" if nearest else ""


def authored_keys(document_class: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a class as people write them, in order."""
    return tuple(name.removeprefix("xdm_") for name in document_class.model_fields)


def _message(details: ErrorDetails, document_class: type[Document]) -> str:
    kind, location, context = details["type"], details["loc"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(str(location[-1]), _class_at(document_class, location[:-1]))
    if kind == "missing":
        return f"key `{to_snake(str(location[-1]))}` is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        return f"expected {context['expected']}{_found(details, suggest=context['expected'])}"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"expected {_PATTERNS.get(pattern, f'text that matches {pattern}')}{_found(details)}"
    if kind == "model_type":
        keys = ", ".join(f"`{key}`" for key in authored_keys(_class_at(document_class, location) or Document))
        return f"expected a mapping with {keys}"
    if kind == "too_short" and context["min_length"] == 1:
        return "is empty; give at least one entry"
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}{_found(details)}"
    return f"{details['msg'].replace('Input should be', 'expected')}{_found(details)}"


def _unknown_key(key: str, owner: type[BaseModel] | None) -> str:
    known = authored_keys(owner) if owner else ()
    same = [name for name in known if to_camel(name) == to_camel(key)]
    if same:
        return f"key `{key}` is given twice, as `{same[0]}` and as `{to_camel(same[0])}`; keep one"
    return f"unknown key `{key}`{did_you_mean(key, known) or '; known are ' + ', '.join(f'`{k}`' for k in known)}"


def _found(details: ErrorDetails, *, suggest: str = "") -> str:
    value = details["input"]
    words = "_".join(str(part) for part in details["loc"]).lower()
    if any(secret in words for secret in _SECRET_WORDS) or not isinstance(value, str | int | float | bool | None):
        return ""
    shown = "nothing" if value is None else f"`{str(value)[:60]}`"
    nearest = did_you_mean(str(value), [word for word in suggest.split("'") if word.strip(" ,") not in ("", "or")])
    return f", found {shown}{nearest if suggest else ''}"


def _class_at(document_class: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The document class whose keys are expected at `location`."""
    current: type[BaseModel] | None = document_class
    for part in location:
        if current is None:
            return None
        if isinstance(part, int):
            continue
        field = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
        current = next(_model_classes(field.annotation), None) if field else None
    return current


def _model_classes(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - typing's forms have no common type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _model_classes(argument)
