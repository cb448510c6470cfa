from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headwater.identity import Identity
from headwater.model.documents import AttributeMerge, IdentityType, MergePolicy
from headwater.profile import Fragment, Layer, MergedProfile, ProfileEvent, merge_profile

START = datetime(2026, 11, 22, tzinfo=UTC)
CRM = Identity(namespace="lumaCrmId", value="c", type=IdentityType.CROSS_DEVICE)
ECID = Identity(namespace="ECID", value="1" * 38, type=IdentityType.COOKIE)
EMAIL = Identity(namespace="Email", value="d@adobe.com", type=IdentityType.EMAIL)
NEWEST = MergePolicy(name="newest")
CRM_ONLY = MergePolicy(name="crm-only", attribute_merge=AttributeMerge(type="dataSetPrecedence", order=("crm",)))


def fragment(dataset: str, identity: Identity, attributes: dict[str, Any]) -> Fragment:
    layer = Layer(attributes=attributes, batch_id="B", ingested_at=START, changed_at=START, row_number=1)
    return Fragment(identity=identity, dataset=dataset, layers=(layer,))


VISIT = ProfileEvent(
    id="visit",
    timestamp=START - timedelta(days=1),
    body={"_id": "visit"},
    dataset="web",
    batch_id="W",
    ingested_at=START + timedelta(minutes=1, milliseconds=5),
    row_number=1,
    identity=ECID,
)


def merge(policy: MergePolicy, *fragments: Fragment, events: tuple[ProfileEvent, ...] = ()) -> MergedProfile | None:
    return merge_profile(
        asked=CRM,
        members=[EMAIL, CRM, ECID],
        fragments=fragments,
        events=events,
        event_count=len(events),
        policy=policy,
    )


def test_nothing_that_takes_part_is_no_profile() -> None:
    assert merge(NEWEST) is None
    assert merge(CRM_ONLY, fragment("loyalty", CRM, {"city": "Boston"})) is None


def test_precedence_never_excludes_events() -> None:
    profile = merge(CRM_ONLY, fragment("loyalty", CRM, {"city": "Boston"}), events=(VISIT,))
    assert profile is not None
    assert (profile.attributes, profile.events, profile.sources) == ({}, (VISIT,), ("web",))


def test_the_asked_identity_comes_first_then_the_others_by_name() -> None:
    profile = merge(NEWEST, fragment("crm", CRM, {"city": "Boston"}), events=(VISIT,))
    assert profile is not None
    assert profile.identities == (CRM, ECID, EMAIL)
    assert profile.primary == {CRM, ECID}
    assert profile.modified_at == VISIT.ingested_at


@pytest.mark.parametrize("written", ["ECID", "ecid"])
def test_the_answers_identity_map_has_every_identity_once(written: str) -> None:
    named = {written: [{"id": ECID.value, "authenticatedState": "authenticated"}]}
    profile = merge(NEWEST, fragment("crm", CRM, {"identityMap": named}), events=(VISIT,))
    assert profile is not None
    [(xid, answer)] = profile.to_json().items()
    assert xid == CRM.xid
    assert answer["entity"]["identityMap"] == {
        **named,
        "lumaCrmId": [{"id": "c"}],
        "Email": [{"id": "d@adobe.com"}],
    }
    assert profile.attributes == {"identityMap": named}
    assert answer["lastModifiedAt"] == "2026-11-22T00:01:00.005000Z"
