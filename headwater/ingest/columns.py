"""From the shape of a record to its columns."""

from headwater.ingest.column import Column, LeafColumn
from headwater.ingest.leaves import (
    BooleanColumn,
    DateColumn,
    JsonColumn,
    NumberColumn,
    TextColumn,
    TimestampColumn,
)
from headwater.ingest.nested import ArrayColumn, MapColumn, ObjectColumn
from headwater.ingest.shape import Kind, Shape
from headwater.timestamps.options import TimestampOptions


def compile_columns(shape: Shape, *, timestamps: TimestampOptions, words: bool) -> ObjectColumn:
    """The column of a whole record.

    Args:
        shape: A record's.
        timestamps: What the dataflow declares about timestamps.
        words: Whether texts such as `yes` are booleans, as in a mapping.
    """
    return _Compiler(timestamps, words=words).object(shape)


class _Compiler:
    def __init__(self, timestamps: TimestampOptions, *, words: bool) -> None:
        self._timestamps = timestamps
        self._words = words

    def object(self, shape: Shape) -> ObjectColumn:
        return ObjectColumn(shape, {name: self._column(field, element=False) for name, field in shape.fields})

    def _column(self, shape: Shape, *, element: bool) -> Column:
        match shape.kind:
            case Kind.OBJECT:
                return self.object(shape)
            case Kind.ARRAY:
                return ArrayColumn(shape, self._column(shape.inner, element=True))
            case Kind.MAP:
                return MapColumn(shape, self._column(shape.inner, element=False))
            case _:
                return self._leaf(shape, element=element)

    def _leaf(self, shape: Shape, *, element: bool) -> LeafColumn:
        match shape.kind:
            case Kind.STRING:
                return TextColumn(shape, element=element)
            case Kind.BOOLEAN:
                return BooleanColumn(shape, element=element, words=self._words)
            case Kind.DATE:
                return DateColumn(shape, element=element, options=self._timestamps)
            case Kind.DATE_TIME:
                return TimestampColumn(shape, element=element, options=self._timestamps)
            case Kind.JSON:
                return JsonColumn(shape, element=element)
            case _:
                return NumberColumn(shape, element=element)
