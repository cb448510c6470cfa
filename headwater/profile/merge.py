"""How the attributes of several fragments become one object, by a merge policy.

Spec: identity-and-profile.md, section 3.1. A leaf's value comes from one record; arrays and maps are leaves as a whole;
`identityMap` is the union of all. Ties, which AEP leaves open, are broken by (source's change time or ingestion time,
ingestion time, batch id, dataset, row number, identity), the greatest first, so that every store gives one answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headwater.identity.values import Identity
from headwater.model.documents import AttributeMerge
from headwater.profile.fragments import IDENTITY_MAP, ROWS_PER_FILE, Fragment, Layer, Path, explode, implode, settle


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueOrigin:
    """Where a value of a merged profile came from. `ingested_at` is aware UTC; `row_number` counts in its file."""

    dataset: str
    batch_id: str
    ingested_at: datetime
    row_number: int
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedAttributes:
    """Attributes and, by JSON Pointer (RFC 6901), the origin of each leaf."""

    attributes: dict[str, Any]
    provenance: dict[str, ValueOrigin]


def merge_attributes(fragments: Iterable[Fragment], rule: AttributeMerge) -> MergedAttributes:
    """Merge fragments of one person. The order in which they are given does not matter.

    With `dataSetPrecedence` only fragments of the listed datasets take part; the first dataset that has a value wins.
    """
    taking_part = [fragment for fragment in fragments if takes_part(fragment.dataset, rule)]
    layers = [(fragment, layer) for fragment in taking_part for layer in fragment.layers]
    layers.sort(key=lambda each: _strength(each[0], each[1], rule), reverse=True)
    settled = settle((each, explode(each[1].attributes, each[0].map_paths)) for each in layers)
    return MergedAttributes(
        attributes=implode({path: value for path, (value, _) in settled.items()}),
        provenance=_provenance({path: source for path, (_, source) in settled.items()}),
    )


def takes_part(dataset: str, rule: AttributeMerge) -> bool:
    """Whether the dataset's attributes enter profiles under this rule."""
    return rule.type == "timestampOrdered" or dataset in rule.order


def _strength(fragment: Fragment, layer: Layer, rule: AttributeMerge) -> tuple[Any, ...]:
    precedence = -rule.order.index(fragment.dataset) if rule.type == "dataSetPrecedence" else 0
    changed_at, ingested_at, batch_id, row_number = layer.age
    return (precedence, changed_at, ingested_at, batch_id, fragment.dataset, row_number, fragment.identity.key)


def _provenance(sources: dict[Path, tuple[Fragment, Layer]]) -> dict[str, ValueOrigin]:
    provenance: dict[str, ValueOrigin] = {}
    indexes: dict[Path, int] = {}
    for path, (fragment, layer) in sources.items():
        place = path
        if path[0] == IDENTITY_MAP and len(path) > 1:
            indexes[path[:2]] = indexes.get(path[:2], -1) + 1
            place = (*path[:2], indexes[path[:2]])
        provenance[_pointer(place)] = ValueOrigin(
            dataset=fragment.dataset,
            batch_id=layer.batch_id,
            ingested_at=layer.ingested_at,
            row_number=layer.row_number % ROWS_PER_FILE,
            identity=fragment.identity,
        )
    return provenance


def _pointer(path: Path) -> str:
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in path)
