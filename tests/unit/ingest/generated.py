"""Seeded schemas like XDM's, with every type and rule, and records that nearly fit them."""

import random
from typing import Any

from tests.unit.ingest.schemas import ODD_VALUES

_NAMES = ["_id", "timestamp", "a", "b/c", "d~e", "née", "items", "value", "_tenant", "x y"]
_WORDS = ["x", "K", "USD", "ab", "L1234", "CRM1234", "12", "always", "2018-07-10", "née", ""]
_PATTERNS = [r"^[A-Z]{3}$", r"^CRM[0-9]{4}$", r"[0-9]+", r"^[^\D]+$", r"^.{1,}$", r"^([0-9]{4})$", r"^(?!x)", r"a|K$"]
_TIMES = ["2018-07-10T10:00:00Z", "2018-07-10T10:00:00.123+02:00", 1531263959000, "1531263959000", "2018-07-10"]
_LEAVES = ["string", "string", "string", "number", "integer", "boolean", "date", "date-time", "open"]


def make_schema(rng: random.Random) -> dict[str, Any]:
    """A schema of a record; seldom with rules that only the oracle can check."""
    return _object(rng, depth=3)


def make_value(schema: Any, rng: random.Random) -> Any:  # noqa: ANN401
    """A value that mostly fits a schema."""
    if not isinstance(schema, dict) or rng.random() < 0.03:
        return rng.choice(ODD_VALUES)
    if "enum" in schema and rng.random() < 0.9:
        return rng.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            return _make_object(schema, rng)
        case "array":
            count = rng.randint(schema.get("minItems", 0), schema.get("maxItems", 3))
            return [make_value(schema.get("items"), rng) for _ in range(count)]
        case "string":
            return _make_text(schema, rng)
        case "number":
            return rng.choice([schema.get("minimum", 0), 1.5, -0.0, 3, rng.random() * 10, "2.5"])
        case "integer":
            return rng.choice([schema.get("minimum", 0), 1, 2, 4, 7, 7.0, "7"])
        case "boolean":
            return rng.random() < 0.5
    return rng.choice(ODD_VALUES)


def _make_object(schema: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    required = schema.get("required", ())
    value = {
        name: make_value(field, rng)
        for name, field in schema.get("properties", {}).items()
        if rng.random() < (0.97 if name in required else 0.7)
    }
    if isinstance(schema.get("additionalProperties"), dict):
        keys = rng.sample(["x", "née", "", "a/b", "ECID"], rng.randrange(4))
        value |= {key: make_value(schema["additionalProperties"], rng) for key in keys}
    return value


def _make_text(schema: dict[str, Any], rng: random.Random) -> Any:  # noqa: ANN401
    match schema.get("format"):
        case "date-time":
            return rng.choice(_TIMES)
        case "date":
            return rng.choice(["2018-07-10", "2024-02-29", 1531263959000])
    return rng.choice(_WORDS)


def _field(rng: random.Random, depth: int) -> Any:  # noqa: ANN401
    chance = rng.random()
    if depth and chance < 0.2:
        schema = _object(rng, depth - 1)
    elif depth and chance < 0.35:
        schema = _array(rng, depth - 1)
    elif depth and chance < 0.45:
        schema = {"type": "object", "additionalProperties": _field(rng, depth - 1)}
    elif chance < 0.47:
        return rng.choice([{}, True, {"type": "object"}, {"type": "array"}, {"type": ["string", "integer"]}])
    else:
        schema = _leaf(rng)
    return schema | _undecidable(rng) if rng.random() < 0.05 else schema


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    names = rng.sample(_NAMES, rng.randint(2, 5))
    schema: dict[str, Any] = {"type": "object", "properties": {name: _field(rng, depth) for name in names}}
    if rng.random() < 0.4:
        schema["required"] = rng.sample(names, rng.randint(1, len(names)))
    if rng.random() < 0.1:
        schema["additionalProperties"] = rng.choice([True, False, False])
    if rng.random() < 0.03:
        schema |= rng.choice(
            [
                {"dependencies": {names[0]: [names[-1]]}},
                {"minProperties": 2},
                {"maxProperties": 2},
                {"patternProperties": {"^x": {"type": "string"}}},
                {"propertyNames": {"maxLength": 6}},
                {"anyOf": [{"required": [name]} for name in names]},
                {"not": {"required": names}},
                {"additionalProperties": {"type": "string"}},
            ]
        )
    return schema


def _array(rng: random.Random, depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array", "items": _field(rng, depth)}
    if rng.random() < 0.3:
        schema["minItems"] = rng.randint(0, 2)
    if rng.random() < 0.3:
        schema["maxItems"] = rng.randint(2, 4)
    if rng.random() < 0.05:
        schema["uniqueItems"] = True
    return schema


def _leaf(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(_LEAVES)
    match kind:
        case "string":
            return _text(rng)
        case "number" | "integer":
            return _number(rng, kind)
        case "boolean":
            return {"type": "boolean"} | ({"const": True} if rng.random() < 0.05 else {})
        case "date" | "date-time":
            return {"type": "string", "format": kind, "meta:xdmType": kind}
    return rng.choice([{}, {"type": "string", "format": "email"}, {"type": "string", "format": "uri"}])


def _text(rng: random.Random) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if rng.random() < 0.2:
        schema["enum"] = rng.sample(_WORDS[:-1], 4)
    if rng.random() < 0.3:
        schema["pattern"] = rng.choice(_PATTERNS)
    if rng.random() < 0.2:
        schema["minLength"] = rng.randrange(3)
    if rng.random() < 0.2:
        schema["maxLength"] = rng.randint(2, 6)
    if rng.random() < 0.05:
        schema["const"] = rng.choice(_WORDS)
    return schema


def _number(rng: random.Random, kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": kind}
    if kind == "integer" and rng.random() < 0.6:
        schema["meta:xdmType"] = rng.choice(["byte", "short", "int", "long"])
    if rng.random() < 0.3:
        schema[rng.choice(["minimum", "exclusiveMinimum"])] = rng.choice([0, 1, 0.5, -(2**31), -1])
    if rng.random() < 0.3:
        schema[rng.choice(["maximum", "exclusiveMaximum"])] = rng.choice([10, 7.5, 2**31 - 1, 2**53 - 1, 1e300])
    if rng.random() < 0.1:
        schema["enum"] = rng.choice([[1, 2.0, 7], [0, 1, 1.5], [3, "3"], [True, 1]])
    return schema


def _undecidable(rng: random.Random) -> dict[str, Any]:
    """A rule that may stand anywhere, and that no column can check."""
    return rng.choice(
        [
            {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "integer", "minimum": 100}, {"type": "object"}]},
            {"oneOf": [{"minLength": 2}, {"maxLength": 2}]},
            {"not": {"enum": ["x", 1, True, None]}},
            {"allOf": [{"minimum": 2}, {"minItems": 1}, {"minLength": 1}]},
            {"multipleOf": 2},
            {"contains": {"type": "string"}},
        ]
    )
