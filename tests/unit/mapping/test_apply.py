import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import MappingError
from headwater.mapping.apply import apply_mappings, compile_mapping_set
from headwater.model.documents import MappingSet

ANY: dict[str, Any] = {"type": "string"}
TARGET: dict[str, Any] = {
    "properties": {
        "name": ANY,
        "person": {"type": "object", "properties": {"first": ANY, "last": ANY}},
        "emails": {"type": "array", "items": {"type": "object", "properties": {"address": ANY, "kind": ANY}}},
        "tags": {"type": "array", "items": ANY},
        "labels": {"type": "object", "additionalProperties": ANY},
    }
}


def apply(mappings: dict[str, str], record: dict[str, Any], **constants: str) -> dict[str, Any]:
    documents = [{"source": source, "destination": destination} for destination, source in mappings.items()]
    documents += [{"source": t, "destination": d, "source_type": "STATIC"} for d, t in constants.items()]
    mapping_set = MappingSet.from_json({"kind": "mapping_set", "name": "m", "schema": "s", "mappings": documents})
    return apply_mappings(compile_mapping_set(mapping_set, TARGET), record)


@pytest.mark.parametrize(
    ("mappings", "record", "expected"),
    [
        ({"person.first": "a.b"}, {"a": {"b": "x"}}, {"person": {"first": "x"}}),
        ({"person.first": "a.b"}, {"a.b": "x"}, {"person": {"first": "x"}}),
        ({"person.first": "a", "name": "a"}, {"a": "x"}, {"person": {"first": "x"}, "name": "x"}),
        ({"person.first": "a"}, {"a": None}, {}),
        ({"person.first": "a"}, {"a": ""}, {}),
        ({"person.first": "a"}, {}, {}),
        ({"person.first": "a"}, {"a": 0}, {"person": {"first": 0}}),
        ({"emails[1].address": "a"}, {"a": "x"}, {"emails": [{}, {"address": "x"}]}),
        ({"name": "a[1]"}, {"a": ["x", "y"]}, {"name": "y"}),
        ({"name": "a[5]"}, {"a": ["x", "y"]}, {}),
        ({"tags[0]": "a", "tags[1]": "b"}, {"a": "x", "b": "y"}, {"tags": ["x", "y"]}),
        ({"tags": "a[*].b"}, {"a": [{"b": "x"}, {"b": "y"}]}, {"tags": ["x", "y"]}),
        (
            {"emails[*].address": "m[*].a", "emails[*].kind": "m[*].k"},
            {"m": [{"a": "x", "k": "home"}, {"k": "work"}]},
            {"emails": [{"address": "x", "kind": "home"}, {"kind": "work"}]},
        ),
        ({"emails[*].address": "m[*].a"}, {"m": "no array"}, {}),
        ({"tags[*]": "m[*].a"}, {"m": [{"a": "x"}, {}]}, {"tags": ["x"]}),
        ({"person": "p"}, {"p": {"first": "x", "more": 1}}, {"person": {"first": "x", "more": 1}}),
        (
            {"person.first": "q", "person": "p"},
            {"p": {"first": "x", "last": "z"}, "q": "y"},
            {"person": {"first": "y", "last": "z"}},
        ),
        ({"labels.en": "a"}, {"a": "x"}, {"labels": {"en": "x"}}),
    ],
)
def test_mappings(mappings: dict[str, str], record: dict[str, Any], expected: dict[str, Any]) -> None:
    assert apply(mappings, record) == expected


def test_constants() -> None:
    assert apply({"name": "a"}, {"a": "x"}, **{"labels.shop": "online"}) == {"name": "x", "labels": {"shop": "online"}}


def test_an_unfit_mapping_set_does_not_compile() -> None:
    with pytest.raises(MappingError) as caught:
        apply({"nome": "a", "x": "b"}, {})
    assert str(caught.value) == (
        "mapping set 'm' cannot be used: destination 'nome' is not in the schema; did you mean 'name'?; "
        "destination 'x' is not in the schema"
    )


leaves = st.none() | st.integers() | st.text(max_size=3)
sources = st.dictionaries(
    st.sampled_from("abm"),
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner)),
)


@given(sources)
def test_the_source_is_never_changed_and_the_result_never_shares_with_it(record: dict[str, Any]) -> None:
    before = deepcopy(record)
    mapped = apply({"person": "a", "person.first": "b", "emails[*].address": "m[*].a", "tags[1]": "a.b"}, record)
    assert record == before
    if isinstance(mapped.get("person"), dict):
        mapped["person"]["added"] = 1
    assert json.dumps(record) == json.dumps(before)
