"""From Arrow rows to identities: descriptor fields and `identityMap`.

Columns are taken apart by Arrow. Values that are obviously well-formed are let through together; only the others are
looked at one by one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import SchemaError
from headwater.identity.namespaces import Namespace, Namespaces, canonical_code
from headwater.identity.rules import NO_RULES, IdentityRules
from headwater.identity.values import (
    MAX_IDENTITIES_PER_RECORD,
    MAX_VALUE_CHARACTERS,
    Identity,
    SkipReason,
    check_value,
    is_placeholder,
)
from headwater.model.xdm import IdentityField

IDENTITY_MAP = "identityMap"

_PRINTABLE: Final = "^[!-~]+$"
_ONE_DIGIT: Final = "^(?:" + "|".join(f"[-.:+{digit}]+" for digit in "0123456789") + ")$"
_LONGEST_MAIL_OF_NOBODY: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIdentities:
    """The identities of some rows, as lists of one length: row, namespace, value. A row's may come twice.

    Attributes:
        rows: Row of each identity, from 0. A row with more than `MAX_IDENTITIES_PER_RECORD` has none.
        namespaces: Namespace of each identity.
        values: Value of each identity.
        primary: Each row's primary identity as namespace and value, or why it has none.
        skipped: Identities left out, by reason. A missing or null value is no identity and is not counted.
        placeholders: How many of those that were not left out look like placeholders.
    """

    rows: list[int]
    namespaces: list[Namespace]
    values: list[str]
    primary: list[tuple[Namespace, str] | SkipReason]
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    placeholders: int = 0

    def of_row(self, row: int) -> list[Identity]:
        """A row's identities without duplicates, in the order of the descriptors, then of the map."""
        found = zip(self.rows, self.namespaces, self.values, strict=True)
        return list(
            dict.fromkeys(Identity(namespace=n.code, value=v, type=n.type) for each, n, v in found if each == row)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityReader:
    """Where a schema's records carry their identities.

    Attributes:
        fields: The schema's identity descriptors.
        primary_in_identity_map: Whether the primary identity is the entry of `identityMap` flagged `primary` (the first
            one, should several be), and not a descriptor's field.
        namespaces: The namespaces in force. An identity of any other is skipped.
        rules: What counts as an identity, beside what always does.
    """

    fields: tuple[IdentityField, ...]
    primary_in_identity_map: bool
    namespaces: Namespaces
    rules: IdentityRules = NO_RULES

    def read(self, rows: pa.RecordBatch) -> RowIdentities:
        """The identities of each row.

        Raises:
            SchemaError: a descriptor's path leads through an array or a map.
        """
        found = _Found(rows.num_rows, self.rules)
        for identity in self.fields:
            primary = identity.primary and not self.primary_in_identity_map
            namespace = self.namespaces.find(identity.namespace)
            column = _field_values(rows, identity.path)
            if column is not None:
                found.add_column(namespace, column, primary=primary)
        if IDENTITY_MAP in rows.schema.names:
            for row, code, value, flagged in _map_entries(rows.column(IDENTITY_MAP)):
                if value is not None:
                    primary = bool(flagged) and self.primary_in_identity_map
                    found.add(row, self.namespaces.find(code), value, primary=primary)
        return found.finish()


class _Found:
    """Collects what is found, and why other things are not identities."""

    def __init__(self, count: int, rules: IdentityRules) -> None:
        self._rules = rules
        self._rows: list[int] = []
        self._namespaces: list[Namespace] = []
        self._values: list[str] = []
        self._primary: list[tuple[Namespace, str] | SkipReason] = [SkipReason.NO_PRIMARY_IDENTITY] * count
        self._skipped: Counter[SkipReason] = Counter()
        self._placeholders = 0

    def add_column(self, namespace: Namespace | None, column: pa.Array, *, primary: bool) -> None:
        """Take the values of one field, of which some may be null."""
        values = column.to_pylist()
        if namespace is None or canonical_code(namespace.code) == "ecid":
            plain = [False] * len(values)
        else:
            plain = _plain(column).to_pylist()
        rows = [row for row, is_plain in enumerate(plain) if is_plain]
        well_formed = values if len(rows) == len(values) else [values[row] for row in rows]
        self._rows += rows
        self._values += well_formed
        if namespace is not None:
            self._namespaces += [namespace] * len(rows)
            if primary:
                for row, value in zip(rows, well_formed, strict=True):
                    if not isinstance(self._primary[row], tuple):
                        self._primary[row] = (namespace, value)
        if len(rows) < len(values):
            for row, value in enumerate(values):
                if value is not None and not plain[row]:
                    self.add(row, namespace, value, primary=primary)

    def add(self, row: int, namespace: Namespace | None, value: str, *, primary: bool) -> None:
        """Take one value."""
        reason = self._judge(namespace, value)
        if reason is None and namespace is not None:
            self._rows.append(row)
            self._namespaces.append(namespace)
            self._values.append(value)
            if primary and not isinstance(self._primary[row], tuple):
                self._primary[row] = (namespace, value)
        elif reason is not None:
            self._skipped[reason] += 1
            if primary and not isinstance(self._primary[row], tuple):
                self._primary[row] = reason

    def finish(self) -> RowIdentities:
        """Everything, without the identities of rows that have too many."""
        crowded = self._crowded()
        if crowded:
            kept = [number for number, row in enumerate(self._rows) if row not in crowded]
            self._rows, self._namespaces, self._values = (
                [self._rows[number] for number in kept],
                [self._namespaces[number] for number in kept],
                [self._values[number] for number in kept],
            )
        return RowIdentities(
            rows=self._rows,
            namespaces=self._namespaces,
            values=self._values,
            primary=self._primary,
            skipped=self._skipped,
            placeholders=self._placeholders,
        )

    def _judge(self, namespace: Namespace | None, value: str) -> SkipReason | None:
        if namespace is None:
            return SkipReason.UNKNOWN_NAMESPACE
        reason = check_value(namespace.code, value)
        if reason is None and is_placeholder(value):
            if self._rules.ignore_placeholders:
                return SkipReason.SUSPECTED_PLACEHOLDER
            self._placeholders += 1
        return reason

    def _crowded(self) -> set[int]:
        """Rows with too many identities. Those of the same row and namespace, differently written, count once."""
        often = {row for row, count in Counter(self._rows).items() if count > MAX_IDENTITIES_PER_RECORD}
        distinct: dict[int, set[tuple[str, str]]] = {row: set() for row in often}
        if often:
            for row, namespace, value in zip(self._rows, self._namespaces, self._values, strict=True):
                if row in often:
                    distinct[row].add((namespace.code, value))
        crowded = {row for row, identities in distinct.items() if len(identities) > MAX_IDENTITIES_PER_RECORD}
        if crowded:
            self._skipped[SkipReason.TOO_MANY_IDENTITIES] += sum(len(distinct[row]) for row in crowded)
        return crowded


def _plain(column: pa.Array) -> pa.Array:
    """Which values need no closer look; false for null. May be false for a good value, is never true for a bad one.

    Fillers have no digit or are one digit repeated, and as mail addresses they are short.
    """
    length = pc.binary_length(column)
    long_mail = pc.and_(pc.match_substring(column, "@"), pc.greater(length, _LONGEST_MAIL_OF_NOBODY))
    telling = pc.or_(pc.match_substring_regex(column, "[0-9]"), long_mail)
    well_formed = pc.and_(pc.match_substring_regex(column, _PRINTABLE), pc.less_equal(length, MAX_VALUE_CHARACTERS))
    plain = pc.and_not(pc.and_(well_formed, telling), pc.match_substring_regex(column, _ONE_DIGIT))
    return pc.fill_null(plain, fill_value=False)


def _field_values(rows: pa.RecordBatch, path: tuple[str, ...]) -> pa.Array | None:
    """The values below `path` as text. None for a column that the rows do not have."""
    if path[0] not in rows.schema.names:
        return None
    values = rows.column(path[0])
    for name in path[1:]:
        if not pa.types.is_struct(values.type):
            raise SchemaError(
                f"identity field {'.'.join(path)!r} leads through {values.type} above {name!r}; an identity lies in an"
                " object's field, not in an array or map. Use `identityMap` for several identities of one kind."
            )
        if values.type.get_field_index(name) < 0:
            return None
        values = pc.struct_field(values, name)
    return values.cast(pa.string())


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
