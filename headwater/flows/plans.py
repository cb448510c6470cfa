"""How a run's records are read: format options, and the row engine's plan, compiled once per schema and mapping set."""

from functools import lru_cache

from pydantic import ValidationError

from headwater.errors import DocumentError
from headwater.flows.context import RunContext
from headwater.formats import FormatOptions
from headwater.ingest import Plan, compile_plan


def compile_run_plan(context: RunContext) -> Plan:
    """The plan for the run's records.

    Raises:
        MappingError: the mapping set does not fit the schema.
    """
    return _compile(_Key(context))


def format_options(context: RunContext) -> FormatOptions:
    """What the dataflow says about the format of its files.

    Raises:
        DocumentError: an option is wrong, or unknown.
    """
    try:
        return FormatOptions.from_json(context.source.format_options)
    except ValidationError as error:
        key = "source.format_options"
        reasons = "; ".join(f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors(include_input=False))
        raise DocumentError(f"dataflow {context.flow.name!r}: `{key}` is wrong: {reasons}", key=key) from None


class _Key:
    """Equal for runs whose plan is the same."""

    def __init__(self, context: RunContext) -> None:
        mapping = context.mapping_set
        self.context = context
        self._parts = (context.schema.version_hash, mapping.model_dump_json() if mapping is not None else None)

    def __hash__(self) -> int:
        return hash(self._parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._parts == other._parts


@lru_cache(maxsize=32)
def _compile(key: _Key) -> Plan:
    return compile_plan(key.context.schema.json_schema, mapping=key.context.mapping_set)
