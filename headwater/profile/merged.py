"""The merged profile: identities, attributes, events, and where each value came from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from headwater.identity.namespaces import canonical_code
from headwater.identity.values import Identity
from headwater.model.documents import MergePolicy
from headwater.profile.fragments import IDENTITY_MAP, Fragment
from headwater.profile.merge import ValueOrigin, merge_attributes, takes_part

EVENT_LIMIT: Final = 1000
"""How many events a profile shows unless asked for more (spec: identity-and-profile.md, section 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEvent:
    """One experience event of a person. `body` is the whole event as JSON; times are aware UTC."""

    id: str
    timestamp: datetime
    body: dict[str, Any]
    dataset: str
    batch_id: str
    ingested_at: datetime
    row_number: int
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedProfile:
    """What is known of one person under one merge policy.

    Attributes:
        asked: The identity by which the profile was looked up.
        policy: Name of the merge policy.
        identities: All of the person's identities, the asked one first, then by namespace and value.
        primary: Those that are the primary identity of a fragment or event that takes part.
        attributes: Nested, as XDM has them, without nulls.
        provenance: Origin of each leaf of `attributes`, by JSON Pointer.
        events: By time, the oldest first; if there are more than were asked for, the newest of them.
        event_count: How many events there are in all.
        sources: Datasets that gave attributes or events, by name.
        modified_at: When the newest of what is shown was ingested.
    """

    asked: Identity
    policy: str
    identities: tuple[Identity, ...]
    primary: frozenset[Identity]
    attributes: dict[str, Any]
    provenance: dict[str, ValueOrigin]
    events: tuple[ProfileEvent, ...]
    event_count: int
    sources: tuple[str, ...]
    modified_at: datetime

    @property
    def xid(self) -> str:
        """The stable id under which AEP's API gives the profile."""
        return self.asked.xid

    def to_json(self) -> dict[str, Any]:
        """AEP's answer to a profile look-up, keyed by xid. Events are not in it: AEP has a look-up of their own."""
        entity = self.attributes | {IDENTITY_MAP: self._identity_map()}
        entity["identities"] = [
            {"id": identity.value, "namespace": {"code": identity.namespace}}
            | ({"primary": True} if identity in self.primary else {})
            for identity in self.identities
        ]
        return {
            self.xid: {
                "entityId": self.xid,
                "mergePolicy": {"id": self.policy},
                "sources": list(self.sources),
                "entity": entity,
                "lastModifiedAt": self.modified_at.isoformat().replace("+00:00", "Z"),
            }
        }

    def _identity_map(self) -> dict[str, list[dict[str, Any]]]:
        """What the records said, and every identity of the graph that they did not name."""
        entries = {code: list(named) for code, named in self.attributes.get(IDENTITY_MAP, {}).items()}
        known = {(canonical_code(code), entry.get("id")) for code, named in entries.items() for entry in named}
        for identity in self.identities:
            if (canonical_code(identity.namespace), identity.value) not in known:
                entries.setdefault(identity.namespace, []).append({"id": identity.value})
        return entries


def merge_profile(
    *,
    asked: Identity,
    members: Iterable[Identity],
    fragments: Iterable[Fragment],
    events: Sequence[ProfileEvent],
    event_count: int,
    policy: MergePolicy,
) -> MergedProfile | None:
    """The profile that these fragments and events make, None if nothing takes part.

    The caller has chosen what belongs together: everything of the identity graph, or of one identity if the policy does
    not stitch. Precedence excludes fragments, never events.

    Args:
        asked: The identity by which the profile was looked up.
        members: The identities of the graph; none if the policy does not stitch.
        fragments: Fragments of people, of any dataset.
        events: Events of people, the oldest first, each `_id` once.
        event_count: How many events there are in all.
        policy: How attributes merge.
    """
    taking_part = [each for each in fragments if takes_part(each.dataset, policy.attribute_merge)]
    if not taking_part and not event_count:
        return None
    merged = merge_attributes(taking_part, policy.attribute_merge)
    primary = frozenset([*(each.identity for each in taking_part), *(each.identity for each in events)])
    others = sorted({*members, *primary} - {asked}, key=lambda each: (canonical_code(each.namespace), each.value))
    ingested = [layer.ingested_at for each in taking_part for layer in each.layers]
    return MergedProfile(
        asked=asked,
        policy=policy.name,
        identities=(asked, *others),
        primary=primary,
        attributes=merged.attributes,
        provenance=merged.provenance,
        events=tuple(events),
        event_count=event_count,
        sources=tuple(sorted({each.dataset for each in taking_part} | {each.dataset for each in events})),
        modified_at=max(ingested + [each.ingested_at for each in events]),
    )
