"""From Arrow rows to identities: descriptor fields and `identityMap`.

Columns are taken apart by Arrow; only the values themselves are looked at one by one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import SchemaError
from headwater.identity.namespaces import Namespaces
from headwater.identity.values import MAX_IDENTITIES_PER_RECORD, Identity, SkipReason, check_value
from headwater.model.xdm import IdentityField

IDENTITY_MAP = "identityMap"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIdentities:
    """The identities of some rows, by row.

    Attributes:
        all: Each row's identities, without duplicates, in the order of the descriptors, then of the map. A row with
            more than `MAX_IDENTITIES_PER_RECORD` has none.
        primary: Each row's primary identity, or why it has none.
        skipped: Identities left out, by reason. A missing or null value is no identity and is not counted.
    """

    all: list[list[Identity]]
    primary: list[Identity | SkipReason]
    skipped: Counter[SkipReason] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityReader:
    """Where a schema's records carry their identities.

    Attributes:
        fields: The schema's identity descriptors.
        primary_in_identity_map: Whether the primary identity is the entry of `identityMap` flagged `primary` (the first
            one, should several be), and not a descriptor's field.
        namespaces: The namespaces in force. An identity of any other is skipped.
    """

    fields: tuple[IdentityField, ...]
    primary_in_identity_map: bool
    namespaces: Namespaces

    def read(self, rows: pa.RecordBatch) -> RowIdentities:
        """The identities of each row.

        Raises:
            SchemaError: a descriptor's path leads through an array or a map.
        """
        found: list[dict[Identity, None]] = [{} for _ in range(rows.num_rows)]
        primary: list[Identity | SkipReason] = [SkipReason.NO_PRIMARY_IDENTITY] * rows.num_rows
        skipped: Counter[SkipReason] = Counter()
        for row, code, value, is_primary in self._candidates(rows):
            outcome = self._judge(code, value)
            if isinstance(outcome, Identity):
                found[row][outcome] = None
            else:
                skipped[outcome] += 1
            if is_primary and not isinstance(primary[row], Identity):
                primary[row] = outcome
        for row, identities in enumerate(found):
            if len(identities) > MAX_IDENTITIES_PER_RECORD:
                skipped[SkipReason.TOO_MANY_IDENTITIES] += len(identities)
                found[row] = {}
        return RowIdentities(all=[list(identities) for identities in found], primary=primary, skipped=skipped)

    def _judge(self, code: str, value: str) -> Identity | SkipReason:
        namespace = self.namespaces.find(code)
        if namespace is None:
            return SkipReason.UNKNOWN_NAMESPACE
        reason = check_value(namespace.code, value)
        return reason or Identity(namespace=namespace.code, value=value, type=namespace.type)

    def _candidates(self, rows: pa.RecordBatch) -> Iterator[tuple[int, str, str, bool]]:
        """Row, namespace code, value, whether it is flagged as primary."""
        for identity in self.fields:
            primary = identity.primary and not self.primary_in_identity_map
            for row, value in enumerate(_field_values(rows, identity.path)):
                if value is not None:
                    yield row, identity.namespace, value, primary
        if IDENTITY_MAP in rows.schema.names:
            for row, code, value, flagged in _map_entries(rows.column(IDENTITY_MAP)):
                if value is not None:
                    yield row, code, value, bool(flagged) and self.primary_in_identity_map


def _field_values(rows: pa.RecordBatch, path: tuple[str, ...]) -> list[str | None]:
    """The values below `path`, None where there are none. A column that the rows do not have is all None."""
    if path[0] not in rows.schema.names:
        return []
    values = rows.column(path[0])
    for name in path[1:]:
        if not pa.types.is_struct(values.type):
            raise SchemaError(
                f"identity field {'.'.join(path)!r} leads through {values.type} above {name!r}; an identity lies in an"
                " object's field, not in an array or map. Use `identityMap` for several identities of one kind."
            )
        if values.type.get_field_index(name) < 0:
            return []
        values = pc.struct_field(values, name)
    return values.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]


def _map_entries(column: pa.Array) -> Iterator[tuple[int, str, str | None, bool | None]]:
    """Row, namespace code, id and primary flag of every entry of a map<string, list<struct<id, primary, …>>>."""
    entries = column.cast(pa.list_(pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])))
    items = pc.struct_field(entries.flatten(), "value")
    entry_of_item = pc.list_parent_indices(items)
    item = items.flatten()
    row_of_item = pc.list_parent_indices(entries).take(entry_of_item)
    codes = pc.struct_field(entries.flatten(), "key").take(entry_of_item)
    return zip(row_of_item.to_pylist(), codes.to_pylist(), _member(item, "id"), _member(item, "primary"), strict=True)


def _member(structs: pa.Array, name: str) -> list[Any]:
    if structs.type.get_field_index(name) < 0:
        return [None] * len(structs)
    return pc.struct_field(structs, name).to_pylist()  # type: ignore[no-any-return]
