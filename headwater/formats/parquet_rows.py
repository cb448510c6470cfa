"""Single rows of a Parquet file as JSON: to be looked at one by one, and for what is kept of bad ones."""

import base64
import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, overload

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from headwater.formats.blocks import Block, Displayed

KEY_TWICE = "a map in the record has a key twice"


class DateText(str):
    """A date of a file that has types, as `YYYY-MM-DD`."""

    __slots__ = ()


class TimeText(str):
    """A timestamp of a file that has types, as ISO 8601; or another time, such as one of day."""

    __slots__ = ()


class DecimalText(str):
    """A decimal number of a file that has types, exactly; it is no time, whatever its digits."""

    __slots__ = ()


class UnreadableRowError(ValueError):
    """A row has no JSON form; the message says why."""


class ParquetRows(Sequence[bytes]):
    """The rows of a batch, each as the JSON that is made of it when it is asked for.

    Attributes:
        batch: As it came from the file.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> "ParquetRows": ...
    def __getitem__(self, place: int | slice) -> "bytes | ParquetRows":
        """The JSON of a row, with null for what is absent; or some rows.

        It is `Displayed` where the row has no JSON form, or has numbers without one, such as NaN.
        """
        if isinstance(place, slice):
            start, stop, _ = place.indices(len(self))
            return ParquetRows(self.batch.slice(start, max(0, stop - start)))
        try:
            row = self.values(place)
        except UnreadableRowError:
            return self._displayed(place)
        raw = msgspec.json.encode(_displayed(row), enc_hook=str)
        return raw if _is_finite(row) else Displayed(raw)

    def value(self, place: int) -> dict[str, Any]:
        """A row as a JSON object without what is null; dates, times and decimals as texts of their own types.

        Raises:
            UnreadableRowError: the row has no JSON form.
        """
        return {name: value for name, found in self.values(place).items() if (value := _plain_value(found)) is not None}

    def values(self, place: int) -> dict[str, Any]:
        """A row as Python has its values, also those that are null.

        Raises:
            UnreadableRowError: some value is none that Python has.
        """
        try:
            row: dict[str, Any] = _plain(self.batch.slice(place, 1)).to_pylist(maps_as_pydicts="strict")[0]
        except KeyError:
            raise UnreadableRowError(KEY_TWICE) from None
        except (UnicodeDecodeError, pa.ArrowInvalid):
            raise UnreadableRowError("a text in the record is not UTF-8, or a time in it is out of range") from None
        except (ValueError, OverflowError):
            raise UnreadableRowError("a time in the record is outside the years 1 to 9999") from None
        return row

    def as_block(self) -> Block:
        """The rows as JSON records."""
        faults: dict[int, str] = {}
        records = []
        for place in range(len(self)):
            try:
                value = self.value(place)
                if not _is_finite(value):
                    faults[place] = "a number in the record is NaN or infinite"
                raw = msgspec.json.encode(_displayed(value), enc_hook=str)
                records.append(Displayed(raw) if place in faults else raw)
            except UnreadableRowError as error:
                faults[place] = str(error)
                records.append(self._displayed(place))
        return Block(records=records, faults=faults)

    def _displayed(self, place: int) -> Displayed:
        columns = zip(self.batch.schema.names, self.batch.columns, strict=True)
        return Displayed(msgspec.json.encode({name: _shown(column[place]) for name, column in columns}, enc_hook=str))


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch in types that Python has."""
    schema = pa.schema([pa.field(field.name, _plain_type(field.type)) for field in batch.schema])
    if schema.equals(batch.schema):
        return batch
    columns = []
    for column, field in zip(batch.columns, schema, strict=True):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = pc.floor_temporal(column, unit="microsecond")  # a cast would move instants before 1970 forward
        columns.append(pc.cast(column, field.type, safe=not pa.types.is_nested(column.type)))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain_type(kind.key_type), _plain_type(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_large_string(kind):
        return pa.string()
    return kind


def _plain_value(value: Any) -> Any:  # noqa: ANN401  (whatever Arrow brings)
    match value:
        case dict():
            members = ((str(key), _plain_value(member)) for key, member in value.items())
            return {key: member for key, member in members if member is not None}
        case list():
            return [_plain_value(element) for element in value]
        case datetime():
            return TimeText(value.isoformat())
        case date():
            return DateText(value.isoformat())
        case Decimal():
            return DecimalText(value)
        case bool() | int() | float() | str() | None:
            return value
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise UnreadableRowError("a text in the record is not UTF-8") from None
        case _:
            return TimeText(value)


def _displayed(value: Any) -> Any:  # noqa: ANN401  (whatever Arrow brings)
    match value:
        case dict():
            return {str(key): _displayed(member) for key, member in value.items()}
        case list():
            return [_displayed(element) for element in value]
        case float() if not math.isfinite(value):
            return str(value)
        case Decimal():
            return str(value)
        case str():
            return str(value)
        case bytes():
            return value.decode(errors="replace")
        case _:
            return value


def _shown(scalar: pa.Scalar) -> Any:  # noqa: ANN401  (JSON)
    """Any value, for people: bytes that are no text as Base64, maps as pairs, times out of range as their number."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if pa.types.is_dictionary(kind):
        return _shown(scalar.value)
    if pa.types.is_struct(kind):
        return {field.name: _shown(scalar[place]) for place, field in enumerate(kind)}
    if pa.types.is_map(kind):
        return [[_shown(pair[0]), _shown(pair[1])] for pair in scalar.values]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_shown(element) for element in scalar.values]
    if isinstance(scalar, pa.BinaryScalar | pa.LargeBinaryScalar | pa.StringScalar | pa.LargeStringScalar):
        return _text_or_base64(scalar.as_buffer().to_pybytes())
    try:
        return _displayed(_plain_value(scalar.as_py()))
    except (ValueError, OverflowError):
        return f"{scalar.value} {kind}"


def _text_or_base64(content: bytes) -> str | dict[str, str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _is_finite(value: Any) -> bool:  # noqa: ANN401  (JSON)
    match value:
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
        case float():
            return math.isfinite(value)
        case _:
            return True
