"""A merged profile as rows to look at."""

from dataclasses import dataclass
from typing import Any

from headwater.model.documents import MergePolicy
from headwater.model.nested import value_at
from headwater.profile.merge import ValueOrigin
from headwater.profile.merged import MergedProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpForm:
    """What one may choose when looking a profile up: merge policies, the default one first, and namespaces."""

    policies: tuple[MergePolicy, ...]
    namespaces: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRow:
    """One value of a profile and where it came from. `path` is dotted."""

    path: str
    value: Any
    origin: ValueOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """A merged profile and its attributes as rows, by path."""

    merged: MergedProfile
    attributes: tuple[AttributeRow, ...]


def profile_view(profile: MergedProfile) -> ProfileView:
    """The profile's attributes with their origins, by path."""
    rows = (
        AttributeRow(
            path=pointer.removeprefix("/").replace("/", ".").replace("~1", "/").replace("~0", "~"),
            value=value_at(profile.attributes, pointer),
            origin=origin,
        )
        for pointer, origin in sorted(profile.provenance.items())
    )
    return ProfileView(merged=profile, attributes=tuple(rows))
