"""From Arrow rows to identities: descriptor fields and `identityMap`.

Columns are taken apart by Arrow. Values that are obviously well-formed are let through together; only the others are
looked at one by one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
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
SKIP_REASONS: Final = tuple(SkipReason)

Integers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_PRINTABLE: Final = "^[!-~]+$"
_ONE_DIGIT: Final = "^(?:" + "|".join(f"[-.:+{digit}]+" for digit in "0123456789") + ")$"
_LONGEST_MAIL_OF_NOBODY: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIdentities:
    """The identities of some rows, as columns of one length: row, namespace, value. A row's may come twice.

    Attributes:
        rows: Row of each identity, from 0. A row with more than `MAX_IDENTITIES_PER_RECORD` has none.
        codes: Namespace of each identity, by its place in `namespaces`.
        values: Value of each identity, as an Arrow array.
        namespaces: The namespaces that occur.
        primary_codes: Namespace of each row's primary identity, likewise; where it has none, -1 less the place in
            `SkipReason` of the reason.
        primary_values: Value of each row's primary identity, null where it has none.
        skipped: Identities left out, by reason. A missing or null value is no identity and is not counted.
        placeholders: How many of those that were not left out look like placeholders.
    """

    rows: Integers
    codes: Integers
    values: pa.Array
    namespaces: tuple[Namespace, ...]
    primary_codes: Integers
    primary_values: pa.Array
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    placeholders: int = 0

    def of_row(self, row: int) -> list[Identity]:
        """A row's identities without duplicates, in the order of the descriptors, then of the map."""
        found = zip(self.rows.tolist(), self.codes.tolist(), self.values.to_pylist(), strict=True)
        named = ((self.namespaces[code], value) for each, code, value in found if each == row)
        return list(dict.fromkeys(Identity(namespace=n.code, value=value, type=n.type) for n, value in named))

    def primary(self) -> list[tuple[Namespace, str] | SkipReason]:
        """Each row's primary identity as namespace and value, or why it has none."""
        found = zip(self.primary_codes.tolist(), self.primary_values.to_pylist(), strict=True)
        return [(self.namespaces[code], value) if code >= 0 else SKIP_REASONS[-1 - code] for code, value in found]


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
        self._parts: list[tuple[Integers, Integers, pa.Array]] = []
        self._rows: list[int] = []
        self._codes: list[int] = []
        self._values: list[str] = []
        self._size = 0
        self._namespaces: dict[int, tuple[int, Namespace]] = {}
        self._primary = np.full(count, _absent(SkipReason.NO_PRIMARY_IDENTITY), np.int64)
        self._skipped: Counter[SkipReason] = Counter()
        self._placeholders = 0

    def add_column(self, namespace: Namespace | None, column: pa.Array, *, primary: bool) -> None:
        """Take the values of one field, of which some may be null."""
        if namespace is None or canonical_code(namespace.code) == "ecid":
            plain = np.zeros(len(column), np.bool_)
        else:
            plain = _plain(column).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(plain)
        if namespace is not None and len(rows):
            self._close_part()
            codes = np.full(len(rows), self._code(namespace), np.int64)
            self._parts.append((rows, codes, column if len(rows) == len(column) else column.take(pa.array(rows))))
            if primary:
                without = np.flatnonzero(self._primary[rows] < 0)
                self._primary[rows[without]] = self._size + without
            self._size += len(rows)
        if len(rows) < len(column):
            for row in np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False) & ~plain).tolist():
                self.add(row, namespace, column[row].as_py(), primary=primary)

    def add(self, row: int, namespace: Namespace | None, value: str, *, primary: bool) -> None:
        """Take one value."""
        reason = self._judge(namespace, value)
        if primary and self._primary[row] < 0:
            self._primary[row] = self._size if reason is None else _absent(reason)
        if reason is not None:
            self._skipped[reason] += 1
        elif namespace is not None:
            self._rows.append(row)
            self._codes.append(self._code(namespace))
            self._values.append(value)
            self._size += 1

    def finish(self) -> RowIdentities:
        """Everything, without the identities of rows that have too many."""
        self._close_part()
        rows, codes = (
            np.concatenate([np.empty(0, np.int64), *(part[each] for part in self._parts)]) for each in (0, 1)
        )
        values = pa.concat_arrays([pa.array([], pa.string()), *(part[2] for part in self._parts)])
        has_primary = self._primary >= 0
        primary_codes = self._primary.copy()
        primary_codes[has_primary] = codes[self._primary[has_primary]]
        primary_values = values.take(pa.array(self._primary, mask=~has_primary))
        kept = ~self._crowded(rows, codes, values)
        if not kept.all():
            rows, codes, values = rows[kept], codes[kept], values.filter(pa.array(kept))
        return RowIdentities(
            rows=rows,
            codes=codes,
            values=values,
            namespaces=tuple(namespace for _, namespace in self._namespaces.values()),
            primary_codes=primary_codes,
            primary_values=primary_values,
            skipped=self._skipped,
            placeholders=self._placeholders,
        )

    def _code(self, namespace: Namespace) -> int:
        return self._namespaces.setdefault(id(namespace), (len(self._namespaces), namespace))[0]

    def _close_part(self) -> None:
        """Put what came value by value behind what came in columns before it."""
        if self._rows:
            rows, codes = np.array(self._rows, np.int64), np.array(self._codes, np.int64)
            self._parts.append((rows, codes, pa.array(self._values, pa.string())))
            self._rows, self._codes, self._values = [], [], []

    def _judge(self, namespace: Namespace | None, value: str) -> SkipReason | None:
        if namespace is None:
            return SkipReason.UNKNOWN_NAMESPACE
        reason = check_value(namespace.code, value)
        if reason is None and is_placeholder(value):
            if self._rules.ignore_placeholders:
                return SkipReason.SUSPECTED_PLACEHOLDER
            self._placeholders += 1
        return reason

    def _crowded(self, rows: Integers, codes: Integers, values: pa.Array) -> Mask:
        """Which identities belong to rows with too many. Those of the same row and namespace count once."""
        often = np.bincount(rows, minlength=len(self._primary)) > MAX_IDENTITIES_PER_RECORD
        if not often.any():
            return np.zeros(len(rows), np.bool_)
        distinct: dict[int, set[tuple[int, str]]] = {}
        for place in np.flatnonzero(often[rows]).tolist():
            distinct.setdefault(int(rows[place]), set()).add((int(codes[place]), values[place].as_py()))
        crowded = {row: len(each) for row, each in distinct.items() if len(each) > MAX_IDENTITIES_PER_RECORD}
        if crowded:
            self._skipped[SkipReason.TOO_MANY_IDENTITIES] += sum(crowded.values())
        return np.isin(rows, list(crowded))


def _absent(reason: SkipReason) -> int:
    """How a column of codes says that there is none."""
    return -1 - SKIP_REASONS.index(reason)


def _plain(column: pa.Array) -> pa.Array:
    """Which values need no closer look; false for null. May be false for a good value, is never true for a bad one.

    Fillers have no digit or are one digit repeated, and as mail addresses they are short.
    """
    length = pc.binary_length(column)
    every = characters(column)
    telling = pc.match_substring_regex(column, "[0-9]")
    if np.any(every == ord("@")):
        long_mail = pc.and_(pc.match_substring(column, "@"), pc.greater(length, _LONGEST_MAIL_OF_NOBODY))
        telling = pc.or_(telling, long_mail)
    plain = pc.and_(telling, pc.less_equal(length, MAX_VALUE_CHARACTERS))
    if np.any(every - ord("!") > ord("~") - ord("!")):
        plain = pc.and_(plain, pc.match_substring_regex(column, _PRINTABLE))
    plain = pc.and_not(plain, pc.match_substring_regex(column, _ONE_DIGIT))
    return pc.fill_null(plain, fill_value=False)


def characters(texts: pa.Array) -> Bytes:
    """The bytes of all texts of a column, one after the other."""
    text = texts.buffers()[2]
    if text is None or not len(texts):
        return np.empty(0, np.uint8)
    first, last = np.frombuffer(texts.buffers()[1], np.int32)[[texts.offset, texts.offset + len(texts)]]
    return np.frombuffer(text, np.uint8)[first:last]


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
