"""XDM: resources to resolved schemas, their evolution, and the validator that has the last word.

Start with `SchemaRegistry.resolve`; `headwater.xdm.validation.make_validator` turns its `json_schema` into a validator.
Pure: reads no files but its own package data.
"""

from headwater.xdm.evolution import SchemaChange, check_evolution, compare_schemas
from headwater.xdm.fields import Field, find_field, iter_fields
from headwater.xdm.names import alt_id
from headwater.xdm.public import PublicSchemas, import_public_schemas, is_public_schema
from headwater.xdm.registry import SchemaRegistry, XdmResource
from headwater.xdm.resolved import Relationship, ResolvedSchema

__all__ = [
    "Field",
    "PublicSchemas",
    "Relationship",
    "ResolvedSchema",
    "SchemaChange",
    "SchemaRegistry",
    "XdmResource",
    "alt_id",
    "check_evolution",
    "compare_schemas",
    "find_field",
    "import_public_schemas",
    "is_public_schema",
    "iter_fields",
]
