"""Mapping sets: how the columns of a source become the fields of a schema.

Start with `check_mapping` (what is wrong with a mapping set) and `suggest_mappings` (what it could be);
`apply.CompiledMapping` applies one to records.
"""

from headwater.mapping.check import check_mapping
from headwater.mapping.suggest import Suggestion, suggest_mappings

__all__ = ["Suggestion", "check_mapping", "suggest_mappings"]
