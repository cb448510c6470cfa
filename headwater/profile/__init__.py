"""Profiles: what is known of one person, merged from the fragments of several datasets.

Start with `fragments` (what one dataset knows of one identity), then `merge` (how attributes merge) and `merged` (the
profile that results). `bodies` turns Arrow rows into the JSON that fragments are made of.
"""

from headwater.profile.fragments import Fragment, Layer, absorb
from headwater.profile.merge import ValueOrigin, merge_attributes
from headwater.profile.merged import MergedProfile, ProfileEvent, merge_profile

__all__ = [
    "Fragment",
    "Layer",
    "MergedProfile",
    "ProfileEvent",
    "ValueOrigin",
    "absorb",
    "merge_attributes",
    "merge_profile",
]
