"""The profile store: identity graph, fragments and events of the people, on SQLite or PostgreSQL.

Start with `store.ProfileStore`; `tables` shows what is kept, `identities` and `profiles` how a batch gets in, `reading`
how profiles come out, `removal` and `reloading` how things go again.
"""

from headwater.profile_store.loads import (
    BatchLoad,
    DatasetCounts,
    IdentityLoad,
    LookupEntity,
    ProfileLoad,
    Removal,
    StoreCounts,
    StoredBatch,
)
from headwater.profile_store.store import ProfileStore

__all__ = [
    "BatchLoad",
    "DatasetCounts",
    "IdentityLoad",
    "LookupEntity",
    "ProfileLoad",
    "ProfileStore",
    "Removal",
    "StoreCounts",
    "StoredBatch",
]
