"""Fragments to merge: of two datasets and two people's identities, with fields that overlap."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from headwater.identity import Identity
from headwater.model.documents import AttributeMerge, IdentityType
from headwater.profile import Fragment, Layer

DATASETS = ("loyalty", "crm", "other")
MAPS = frozenset({("consents",)})
START = datetime(2026, 11, 22, tzinfo=UTC)

words = st.sampled_from(["a", "b", "c"])
identity_maps = st.dictionaries(
    st.sampled_from(["ECID", "Email"]),
    st.lists(st.fixed_dictionaries({"id": words, "state": words}), min_size=1, unique_by=lambda entry: entry["id"]),
    min_size=1,
)
bodies: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "city": words,
        "person": st.dictionaries(st.sampled_from(["first", "last", "x/y"]), words, min_size=1),
        "tags": st.lists(words),
        "consents": st.dictionaries(words, words),
        "identityMap": identity_maps,
    },
)
times = st.integers(0, 3).map(lambda minutes: START + timedelta(minutes=minutes))
identities = st.sampled_from(
    [Identity(namespace="crmId", value=value, type=IdentityType.CROSS_DEVICE) for value in ("1", "2")]
)
rules = st.sampled_from(
    [
        AttributeMerge(),
        AttributeMerge(type="dataSetPrecedence", order=("crm", "loyalty")),
        AttributeMerge(type="dataSetPrecedence", order=DATASETS),
    ]
)


@st.composite
def layers(draw: st.DrawFn, batch_id: str) -> Layer:
    time = draw(times)
    return Layer(
        attributes=draw(bodies),
        batch_id=batch_id,
        ingested_at=time,
        changed_at=draw(st.just(time) | times),
        row_number=1,
    )


@st.composite
def fragments(draw: st.DrawFn) -> Fragment:
    dataset = draw(st.sampled_from(DATASETS))
    batch_id = f"{dataset}-{draw(st.integers(0, 2))}"
    return Fragment(identity=draw(identities), dataset=dataset, layers=(draw(layers(batch_id)),), map_paths=MAPS)


fragment_lists = st.lists(
    fragments(), max_size=6, unique_by=lambda each: (each.dataset, each.identity, each.layers[0].batch_id)
)
layer_lists = st.integers(1, 5).flatmap(
    lambda count: st.tuples(*(layers(f"batch-{number}") for number in range(count)))
)
