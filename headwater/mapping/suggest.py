"""Which column could go to which field, by their names (spec: data-prep.md, section 4)."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from headwater.mapping.paths import Path, format_path, walk_fields

_LEAST_SCORE: Final = 0.5
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SAME_WORD: Final = 0.8
_LEAST_ABBREVIATION: Final = 3
_UNKNOWN_WORD: Final = 0.5
_ALIASES: Final = {
    "mail": "email",
    "zip": "postal",
    "zipcode": "postalcode",
    "surname": "lastname",
    "forename": "firstname",
    "mobile": "phone",
    "telephone": "phone",
    "tel": "phone",
    "qty": "quantity",
    "amount": "total",
    "colour": "color",
    "dob": "birthdate",
    "sex": "gender",
    "town": "city",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A column and the field that fits it best. `score` is above 0.5 and at most 1; 1 is the same name."""

    source: str
    destination: str
    score: float


def suggest_mappings(columns: Iterable[str], json_schema: dict[str, Any]) -> tuple[Suggestion, ...]:
    """The best field for each column, at most one column to a field, in the columns' order.

    Columns for which nothing fits are left out. Only fields of a single value outside arrays and maps are suggested.
    """
    named = list(dict.fromkeys(columns))
    fields = [path for path, schema in walk_fields(json_schema) if schema.get("type") not in ("object", "array")]
    names = _Names(fields)
    scored = sorted(
        (-score, len(path), place, format_path(path), column)
        for place, column in enumerate(named)
        for path in fields
        if (score := names.score(column, path)) > _LEAST_SCORE
    )
    best: dict[str, Suggestion] = {}
    taken: set[str] = set()
    for negative, _, _, destination, column in scored:
        if column not in best and destination not in taken:
            best[column] = Suggestion(source=column, destination=destination, score=round(-negative, 3))
            taken.add(destination)
    return tuple(best[column] for column in named if column in best)


class _Names:
    """The names of a schema's fields. A word that many of them share says little."""

    def __init__(self, fields: list[Path]) -> None:
        self._frequency = Counter(word for path in fields for word in set(_words(str(path[-1]))))

    def score(self, column: str, path: Path) -> float:
        """How well a column's name fits a field: full path, then name, then words in common."""
        text, leaf = format_path(path), str(path[-1])
        if column == text:
            return 1.0
        if column == leaf:
            return 0.97
        if column.lower() in (text.lower(), leaf.lower()):
            return 0.95
        words, leaf_words = _words(column), _words(leaf)
        if "".join(words) in ("".join(leaf_words), "".join(_words(text))):
            return 0.9
        return 0.85 * self._overlap(words, leaf_words, [word for step in path[:-1] for word in _words(str(step))])

    def _overlap(self, words: list[str], leaf: list[str], parents: list[str]) -> float:
        """Share of words in common; those of the objects around the field count a little less than its own."""
        in_leaf = [word for word in words if _is_among(word, leaf)]
        if not in_leaf:
            return 0.0
        around = [word for word in words if word not in in_leaf and _is_among(word, parents)]
        covered = [word for word in leaf if _is_among(word, words)]
        of_column = (self._weigh(in_leaf) + 0.9 * self._weigh(around)) / self._weigh(words)
        return 0.6 * of_column + 0.4 * self._weigh(covered) / self._weigh(leaf)

    def _weigh(self, words: list[str]) -> float:
        return sum(1 / self._frequency[word] if word in self._frequency else _UNKNOWN_WORD for word in words)


def _words(name: str) -> list[str]:
    words = [word.lower() for word in _WORD.findall(name)]
    return [_ALIASES.get(word, word) for word in words]


def _is_among(word: str, words: list[str]) -> bool:
    return any(_is_same(word, other) for other in words)


def _is_same(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    begins = len(shorter) >= _LEAST_ABBREVIATION and longer.startswith(shorter)
    return begins or SequenceMatcher(None, word, other).ratio() >= _SAME_WORD
