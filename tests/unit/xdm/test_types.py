from typing import Any

import pytest

from headwater.xdm.types import xdm_type


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "email"}, "string"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "string", "meta:xdmType": "date-time"}, "date-time"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "array"}, "array"),
        ({"type": "object"}, "object"),
        ({"type": "integer"}, "long"),
        ({"type": "integer", "minimum": 0}, "long"),
        ({"type": "integer", "minimum": -128, "maximum": 127}, "byte"),
        ({"type": "integer", "minimum": -128, "maximum": 128}, "short"),
        ({"type": "integer", "minimum": 1, "maximum": 32767}, "short"),
        ({"type": "integer", "minimum": -2147483648, "maximum": 2147483647}, "int"),
        ({"type": "integer", "minimum": 0, "maximum": 2147483648}, "long"),
        ({"type": "integer", "meta:xdmType": "int"}, "int"),
        ({"type": "integer", "meta:xdmType": "string"}, "long"),
    ],
)
def test_xdm_type(schema: dict[str, Any], expected: str) -> None:
    assert xdm_type(schema) == expected


def test_an_object_with_free_keys_is_a_map() -> None:
    assert xdm_type({"type": "object"}, is_map=True) == "map"
