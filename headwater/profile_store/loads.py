"""What goes into the profile store, and the counts that come back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from headwater.identity import IdentityRules, Namespaces
from headwater.identity.extract import IdentityReader
from headwater.model.documents import IdentitySettings, IdentityType
from headwater.model.xdm import Behavior, IdentityField


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLoad:
    """A batch to load, and what its schema and dataset say about it.

    Attributes:
        batch_id: The batch; each of its two loads happens once.
        dataset: Name of its dataset, which is enabled for Profile.
        ingested_at: When the batch was ingested, aware UTC.
        behavior: `record` rows become fragments, `time-series` rows events.
        identities: The schema's identity descriptors.
        primary_in_identity_map: Whether the primary identity is flagged in `identityMap` instead.
        upsert: Whether a record changes only the fields that it has, instead of replacing the fragment.
        namespaces: One's own identity namespaces, code to type; the standard ones are known.
        settings: The sandbox's identity settings, None for none.
        source_files: Ids of the batch's source files, in their order: of rows about the same, the last one counts.
        event_expiration_days: Events that happened so many days before ingestion, or earlier, are left out.
    """

    batch_id: str
    dataset: str
    ingested_at: datetime
    behavior: Behavior
    identities: tuple[IdentityField, ...]
    primary_in_identity_map: bool = False
    upsert: bool = False
    namespaces: Mapping[str, IdentityType] = field(default_factory=dict)
    settings: IdentitySettings | None = None
    source_files: tuple[str, ...] = ()
    event_expiration_days: int | None = None

    def __post_init__(self) -> None:
        """Refuse a naive time: nobody could say when it was."""
        if self.ingested_at.tzinfo is None:
            raise ValueError(f"ingested_at of batch {self.batch_id!r} has no time zone; it must be aware UTC")

    @property
    def rules(self) -> IdentityRules:
        """The linking rules that the settings state.

        Raises:
            SchemaError: they do not fit the namespaces.
        """
        if self.settings is None:
            return IdentityRules()
        return IdentityRules.from_settings(self.settings, Namespaces(self.namespaces))

    @property
    def reader(self) -> IdentityReader:
        """Finds the identities of the batch's rows."""
        return IdentityReader(
            fields=self.identities,
            primary_in_identity_map=self.primary_in_identity_map,
            namespaces=Namespaces(self.namespaces),
            rules=self.rules,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLoad:
    """What a batch brought to the identity graph.

    Attributes:
        batch_id: The batch.
        dataset: Its dataset.
        received: Rows read.
        identities: Identities that the graph did not have before.
        links: Links that the graph did not have before.
        confirmed: Links that other batches have shown as well.
        removed: By how many the identities that limit and linking rules keep out of every graph have become more.
        placeholders: Identities that look like placeholders (`test@test.com`, `0000`) and were taken all the same.
        skipped: Identities (links, for `too_many_links`) left out, by `SkipReason`.
    """

    batch_id: str
    dataset: str
    received: int = 0
    identities: int = 0
    links: int = 0
    confirmed: int = 0
    removed: int = 0
    placeholders: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLoad:
    """What a batch brought to the profiles. Everything after `dataset` but the first adds up to `received`.

    Attributes:
        batch_id: The batch.
        dataset: Its dataset.
        received: Rows read.
        created: Fragments that did not exist before.
        updated: Fragments that did.
        events: Events added.
        replaced_events: Events that replaced an earlier one with the same `_id`.
        lookups: Lookup entities created or updated: records whose primary identity is no person's.
        superseded: Rows overtaken by a later row of the batch, or by what a newer batch has already stored.
        skipped: Rows left out, by `SkipReason`.
    """

    batch_id: str
    dataset: str
    received: int = 0
    created: int = 0
    updated: int = 0
    events: int = 0
    replaced_events: int = 0
    lookups: int = 0
    superseded: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch in the store.

    Attributes:
        batch_id: The batch.
        dataset: Its dataset.
        identity_rows: Rows that its identities were loaded from; None while they are not.
        profile_rows: Rows that its profiles were loaded from; None while they are not.
    """

    batch_id: str
    dataset: str
    identity_rows: int | None
    profile_rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupEntity:
    """A record that describes a thing and not a person, such as a product. `attributes` is its body as JSON."""

    namespace: str
    value: str
    dataset: str
    batch_id: str
    ingested_at: datetime
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What was taken out of the store; all zero if it was not there. Rows, whether or not a newer one hid them."""

    batches: int = 0
    fragments: int = 0
    events: int = 0
    lookup_entities: int = 0
    links: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCounts:
    """What one dataset has in the store."""

    fragments: int = 0
    events: int = 0
    lookup_entities: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCounts:
    """What the store holds.

    Attributes:
        profiles: People: graphs, or identities in no graph, that have at least one fragment or event.
        fragments: Fragments of people.
        events: Events of people.
        identities: People's identities, those in the graph and the primary ones.
        links: Pairs of identities that have a link.
        lookup_entities: Records of things.
        datasets: The counts of each dataset that has a batch in the store, by name.
    """

    profiles: int
    fragments: int
    events: int
    identities: int
    links: int
    lookup_entities: int
    datasets: dict[str, DatasetCounts]
