"""A plan: everything that is made of a schema and a mapping set, once, and used for every file."""

from functools import cached_property
from typing import Any

import pyarrow as pa

from headwater.errors import MappingError
from headwater.formats.options import FormatOptions
from headwater.ingest.bindings import bind_fields, bind_mappings, find_column, is_by_column
from headwater.ingest.column import LeafColumn
from headwater.ingest.columns import compile_columns
from headwater.ingest.delimited import RULE, DelimitedEngine, RowwiseDelimitedEngine
from headwater.ingest.engine import Engine, JsonEngine
from headwater.ingest.judge import Judge
from headwater.ingest.mapped import MappedEngine
from headwater.ingest.nested import ObjectColumn
from headwater.ingest.parquet import ParquetEngine
from headwater.ingest.shape import Shape, compile_shape
from headwater.ingest.values import ConversionError
from headwater.mapping.apply import CompiledMapping, compile_mapping_set
from headwater.model.documents import MappingSet
from headwater.timestamps.options import TimestampOptions


class Plan:
    """How records of one schema are read. Safe to keep and use for any number of files, one at a time.

    Attributes:
        json_schema: The schema.
        mapping: The mapping set, or None for records that are XDM already.
        timestamps: What the dataflow declares about timestamps.
        shape: The schema as a tree of fields.
        arrow_schema: Columns of the rows, without the provenance columns.
    """

    def __init__(
        self, json_schema: dict[str, Any], *, mapping: MappingSet | None, timestamps: TimestampOptions
    ) -> None:
        self.json_schema = json_schema
        self.mapping = mapping
        self.timestamps = timestamps
        self.shape: Shape = compile_shape(json_schema)
        self.arrow_schema: pa.Schema = pa.schema(list(self.shape.arrow_type()))
        self._mappings = compile_mapping_set(mapping, json_schema) if mapping else None
        self._refuse_constants()

    def with_timestamps(self, timestamps: TimestampOptions) -> "Plan":
        """The plan for files that declare something else about their timestamps."""
        if timestamps == self.timestamps:
            return self
        return Plan(self.json_schema, mapping=self.mapping, timestamps=timestamps)

    def json_engine(self, *, rule: str = "json") -> Engine:
        """An engine for one file whose records are JSON, or were made so; `rule` is what unreadable ones are put to."""
        if self._mappings is None:
            return JsonEngine(*self._strict, rule=rule)
        return self._rowwise(self._mappings, rule=rule)

    def parquet_engine(self) -> Engine:
        """An engine for one Parquet file that needs no mapping."""
        return ParquetEngine(*self._strict, self.timestamps)

    def delimited_engine(self, header: tuple[str, ...], options: FormatOptions, *, file: str) -> "DelimitedPlan":
        """An engine for one delimited file, and the columns that it does not use.

        Raises:
            FileError: "200" if the header does not fit the mapping set, or without one the schema.
        """
        mapped = self._mappings is not None
        if self._mappings is not None:
            bound = bind_mappings(self._mappings, header, file=file, delimiter=options.delimiter)
        else:
            bound = bind_fields(header, self.json_schema, file=file)
        used = {mapping.source for mapping in bound if mapping.path is not None}
        unused = tuple(column for column in header if column not in used)
        root, judge = self._wordy
        if is_by_column(root, bound):
            return DelimitedEngine(root, judge, bound, header=header, options=options, mapped=mapped), unused
        rowwise = self._rowwise(bound, dropping=mapped, rule=RULE)
        return RowwiseDelimitedEngine(rowwise, header=header, options=options), unused

    @cached_property
    def _strict(self) -> tuple[ObjectColumn, Judge]:
        """For XDM JSON: booleans are booleans only."""
        return self._compile(words=False)

    @cached_property
    def _wordy(self) -> tuple[ObjectColumn, Judge]:
        """For mapped records and texts: `yes` is a boolean too."""
        return self._compile(words=True)

    def _compile(self, *, words: bool) -> tuple[ObjectColumn, Judge]:
        columns = compile_columns(self.shape, timestamps=self.timestamps, words=words)
        return columns, Judge(columns, self.json_schema)

    def _rowwise(
        self, mappings: tuple[CompiledMapping, ...], *, dropping: bool = True, rule: str = "json"
    ) -> MappedEngine:
        root, judge = self._wordy
        return MappedEngine(JsonEngine(root, judge, mapped=True, rule=rule), root, mappings, dropping=dropping)

    def _refuse_constants(self) -> None:
        """Refuse constants that their fields cannot take, before any file is read."""
        for mapping in self._mappings or ():
            column = find_column(self._wordy[0], mapping.destination) if mapping.path is None else None
            if isinstance(column, LeafColumn):
                try:
                    column.read_value(mapping.source)
                except ConversionError as error:
                    raise MappingError(f"the constant for {column.shape.pointer} does not fit: {error}") from None


DelimitedPlan = tuple[Engine, tuple[str, ...]]
"""An engine for a delimited file, and the columns that it does not use."""


def compile_plan(
    json_schema: dict[str, Any], *, mapping: MappingSet | None = None, timestamps: TimestampOptions | None = None
) -> Plan:
    """Compile a resolved schema, and a mapping set where records are not XDM already.

    Args:
        json_schema: `ResolvedSchema.json_schema`.
        mapping: How the columns of a source become fields.
        timestamps: What the dataflow declares about timestamps; a file's own options override it.

    Raises:
        SchemaError: a field cannot be a column, or a pattern is no regular expression.
        MappingError: the mapping set does not fit the schema, or uses what is not supported.
    """
    plan = Plan(json_schema, mapping=mapping, timestamps=timestamps or TimestampOptions())
    plan.json_engine()
    return plan
