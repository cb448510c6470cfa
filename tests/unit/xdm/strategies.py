"""Hypothesis strategies: records that fit a resolved schema, and own properties to compose schemas from."""

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any

from hypothesis import strategies as st

_BOUNDS = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**53) + 1, 2**53 - 1),
}


def records(json_schema: Mapping[str, Any], *, most_optional: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    """Records that a resolved schema accepts: all that is required, and up to `most_optional` more per object."""
    return _object(json_schema, most_optional)


def _value(schema: Mapping[str, Any], most_optional: int) -> st.SearchStrategy[Any]:
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    xdm_type = schema["meta:xdmType"]
    if xdm_type == "object":
        return _object(schema, most_optional)
    if xdm_type == "any":
        return st.one_of(st.text(), st.booleans(), st.integers())
    if xdm_type == "map":
        return st.dictionaries(st.text(min_size=1), _value(schema["additionalProperties"], most_optional), max_size=3)
    if xdm_type == "array":
        return st.lists(
            _value(schema.get("items", {"meta:xdmType": "any"}), most_optional),
            min_size=schema.get("minItems", 0),
            max_size=min(schema.get("maxItems", 3), schema.get("minItems", 0) + 3),
            unique_by=repr if schema.get("uniqueItems") else None,
        )
    return _scalar(schema, xdm_type)


def _scalar(schema: Mapping[str, Any], xdm_type: str) -> st.SearchStrategy[Any]:
    if xdm_type == "boolean":
        return st.booleans()
    if xdm_type == "date":
        return st.dates().map(lambda value: value.isoformat())
    if xdm_type == "date-time":
        offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
        return st.datetimes(timezones=offsets).map(lambda value: value.isoformat())
    if xdm_type == "number":
        return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
    if xdm_type in _BOUNDS:
        least, most = _BOUNDS[xdm_type]
        return st.integers(max(least, schema.get("minimum", least)), min(most, schema.get("maximum", most)))
    least_length, most_length = schema.get("minLength", 0), schema.get("maxLength")
    if "pattern" in schema:
        texts = st.from_regex(schema["pattern"])
        return texts.filter(lambda text: least_length <= len(text) <= (most_length or len(text)))
    return st.text(min_size=least_length, max_size=most_length)


@st.composite
def _object(draw: st.DrawFn, schema: Mapping[str, Any], most_optional: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    optional = [name for name in properties if name not in required]
    chosen = draw(st.sets(st.sampled_from(optional), max_size=most_optional)) if optional else set()
    wanted = [name for name in properties if name in required or name in chosen]
    return {name: draw(_value(properties[name], most_optional)) for name in wanted}


_names = st.from_regex("[a-fXYZ_019][a-fXYZ_019-]{0,5}", fullmatch=True)

_leaves = st.one_of(
    st.just({"type": "string"}),
    st.just({"type": "string", "format": "date"}),
    st.just({"type": "string", "format": "date-time"}),
    st.just({"type": "string", "pattern": "^[A-Z]{3}$"}),
    st.just({"type": "string", "enum": ["gold", "silver"]}),
    st.just({"type": "boolean"}),
    st.just({"type": "number", "minimum": 0}),
    st.builds(
        lambda low: {"type": "integer", "minimum": low, "maximum": low + 9}, st.integers(-(2**53) + 1, 2**53 - 10)
    ),
    st.just({"type": "integer"}),
    st.builds(lambda least: {"type": "string", "minLength": least, "maxLength": least + 5}, st.integers(0, 5)),
)


def own_fields() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of own properties, as people write them: leaves, arrays, maps and objects with required fields."""
    return st.recursive(
        _leaves,
        lambda inner: st.one_of(
            inner.map(lambda items: {"type": "array", "items": items, "maxItems": 3}),
            inner.map(lambda values: {"type": "object", "additionalProperties": values}),
            own_objects(inner),
        ),
        max_leaves=8,
    )


@st.composite
def own_objects(draw: st.DrawFn, fields: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Objects with one to four of the given fields, some of them required."""
    properties = draw(st.dictionaries(_names, fields, min_size=1, max_size=4))
    required = draw(st.sets(st.sampled_from(sorted(properties))))
    return {"type": "object", "properties": properties, "required": sorted(required)}
