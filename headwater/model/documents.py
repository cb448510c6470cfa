"""The documents that people author: one class per kind, the same for YAML files, catalog and API."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, HttpUrl, StringConstraints, field_validator, model_validator

from headwater.model.base import Document, Name

XdmPath = Annotated[str, StringConstraints(pattern=r"^/[^/].*$", max_length=1024)]
"""A property as descriptors name it: `/person/name`, slashes, without the word "properties"."""


class SecretRef(Document):
    """Where a secret is kept; documents never hold the secret itself. Exactly one of the two is given."""

    env: str | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give exactly one of `env` (a variable's name) and `file` (a path)")
        return self


class Resource(Document):
    """What every authored document has beside its `kind`."""

    name: Name
    title: str | None = None
    description: str | None = None


class Account(Resource):
    """How to reach a source, for runs without Airflow; under Airflow a Connection of the same id comes first.

    `params` are the connector's own (see its page in the reference); a parameter that is secret is a `SecretRef`. An
    account of type `pgp` is no source, but the keys of encrypted files.
    """

    kind: Literal["account"] = "account"
    type: str
    params: dict[str, Any] = Field(default_factory=dict)


class IdentityType(StrEnum):
    """Types of identity namespaces (spec: identity-and-profile.md, section 1)."""

    COOKIE = "Cookie"
    CROSS_DEVICE = "Cross_device"
    DEVICE = "Device"
    EMAIL = "Email"
    PHONE = "Phone"
    NON_PEOPLE = "Non_people"
    PARTNER = "Partner"

    @property
    def joins_graphs(self) -> bool:
        """Whether identities of this type link people's identities."""
        return self not in (IdentityType.NON_PEOPLE, IdentityType.PARTNER)

    @property
    def makes_profiles(self) -> bool:
        """Whether a record with such a primary identity becomes part of a person's profile."""
        return self is not IdentityType.NON_PEOPLE


class IdentityNamespace(Resource):
    """What kind of identifier a value is. `name` is AEP's `code`: kept as written, compared without case."""

    kind: Literal["identity_namespace"] = "identity_namespace"
    type: IdentityType


class IdentitySettings(Resource):
    """What holds for all identities: AEP's linking rules, and what to do with placeholders. There is one at most.

    A graph has at most one identity of each of the `unique_namespaces`. `namespace_priority` lists namespaces, the most
    important one first; those of cookies and devices come after those of people. Placeholders such as `test@test.com`
    or `0000` are counted, and left out with `ignore_placeholders`.
    """

    kind: Literal["identity_settings"] = "identity_settings"
    unique_namespaces: tuple[str, ...] = ()
    namespace_priority: tuple[str, ...] = ()
    ignore_placeholders: bool = False


class XdmClass(Resource):
    """An own class. `properties` are JSON Schema in short-name form, below the tenant's object."""

    kind: Literal["class"] = "class"
    id: str | None = None
    behavior: Literal["record", "time-series", "adhoc"]
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()


class FieldGroup(Resource):
    """An own field group. `extends` names the classes it may be used with; empty means any."""

    kind: Literal["field_group"] = "field_group"
    id: str | None = None
    extends: tuple[str, ...] = ()
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()


class DataType(Resource):
    """A reusable object type; a property refers to it by `$ref: <its name or id>`."""

    kind: Literal["data_type"] = "data_type"
    id: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    required: tuple[str, ...] = ()


class Schema(Resource):
    """One class and any number of field groups, each named by its resource name or its `$id`."""

    kind: Literal["schema"] = "schema"
    id: str | None = None
    xdm_class: str = Field(alias="class")
    field_groups: tuple[str, ...] = ()
    enabled_for_profile: bool = False
    primary_identity_in_identity_map: bool = False


class Descriptor(Resource):
    """An identity field or a relationship of a schema (spec: xdm.md, section 4.1)."""

    kind: Literal["descriptor"] = "descriptor"
    type: Literal["identity", "relationship"]
    xdm_schema: Name = Field(alias="schema")
    property: XdmPath
    namespace: str | None = None
    primary: bool = False
    destination_schema: Name | None = None
    destination_property: XdmPath | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type == "identity" and self.namespace is None:
            raise ValueError("an identity descriptor needs `namespace`")
        if self.type == "relationship" and self.destination_schema is None:
            raise ValueError("a relationship descriptor needs `destination_schema`")
        return self


class Dataset(Resource):
    """A table of the lake with a schema. `name` is its SQL name. Upsert datasets change only the fields that come.

    Events leave the profiles `event_expiration_days` after they happened, after 100 years at most; the lake keeps them.
    """

    kind: Literal["dataset"] = "dataset"
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,127}$")]
    xdm_schema: Name = Field(alias="schema")
    enabled_for_profile: bool = False
    upsert: bool = False
    event_expiration_days: Annotated[int, Field(ge=1, le=36_500)] | None = None


class Mapping(Document):
    """One mapping: `ATTRIBUTE` copies a column, `STATIC` sets a constant, `EXPRESSION` calculates (data-prep.md)."""

    source_type: Literal["ATTRIBUTE", "STATIC", "EXPRESSION"] = "ATTRIBUTE"
    source: str
    destination: str


class MappingSet(Resource):
    """How the columns of a source become the fields of a schema."""

    kind: Literal["mapping_set"] = "mapping_set"
    xdm_schema: Name = Field(alias="schema")
    mappings: tuple[Mapping, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_destination_once(self) -> Self:
        seen: set[str] = set()
        for mapping in self.mappings:
            if mapping.destination in seen:
                raise ValueError(f"destination {mapping.destination!r} is mapped twice; each has one mapping")
            seen.add(mapping.destination)
        return self


class AttributeMerge(Document):
    """How attributes of fragments merge. `order` names datasets, first wins, and only those take part."""

    type: Literal["timestampOrdered", "dataSetPrecedence"] = "timestampOrdered"
    order: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _order_fits(self) -> Self:
        if (self.type == "dataSetPrecedence") != bool(self.order):
            raise ValueError("`order` names the datasets of `dataSetPrecedence`, and is given with it only")
        return self


class MergePolicy(Resource):
    """How the fragments of one person become one profile (spec: identity-and-profile.md, section 3.1)."""

    kind: Literal["merge_policy"] = "merge_policy"
    schema_class: str = "_xdm.context.profile"
    identity_graph: Literal["none", "pdg"] = "pdg"
    attribute_merge: AttributeMerge = AttributeMerge()
    default: bool = False


EventCode = Literal[
    "ing_load_success",
    "ing_load_failure",
    "ig_load_success",
    "ig_load_failure",
    "ps_load_success",
    "ps_load_failure",
    "sources_flow_run_success",
    "sources_flow_run_failure",
    "sources_file_late",
    "sources_file_missing",
    "sources_file_short",
    "sources_file_empty",
]


class Webhook(Resource):
    """Who is told about what. `secret` signs each delivery.

    It gets the `events` of every dataflow that names it in `notify`, and of the datasets that it names itself.
    """

    kind: Literal["webhook"] = "webhook"
    url: HttpUrl
    secret: SecretRef | None = None
    events: tuple[EventCode, ...] = Field(min_length=1)
    datasets: tuple[Name, ...] = ()
    enabled: bool = True


class Notifier(Resource):
    """Who is told about what by e-mail or in Slack, through Airflow's own notifiers; as with a webhook otherwise.

    `connection` is the id of an Airflow Connection: of type `smtp` for `email`, of type `slackwebhook` for `slack`,
    where it stands for the channel. `to` are the addresses of an e-mail.
    """

    kind: Literal["notifier"] = "notifier"
    type: Literal["email", "slack"]
    connection: str = Field(min_length=1, max_length=250)
    to: tuple[Annotated[str, StringConstraints(pattern=r"^[^\s@,;<>]+@[^\s@,;<>]+$", max_length=254)], ...] = ()
    events: tuple[EventCode, ...] = Field(min_length=1)
    datasets: tuple[Name, ...] = ()
    enabled: bool = True

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if (self.type == "email") != bool(self.to):
            raise ValueError("`to` names the addresses of an e-mail, and is given with `type: email` only")
        return self


class Readiness(Document):
    """When a file counts as completely written. A file that does not is left alone and named in the run's notes.

    `settle_seconds`: unchanged for that long. `ignore`: names never taken. `marker`: a file beside it that says "done";
    `{file}` stands for the file's own name (`{file}.ok`), without it one marker serves the folder (`_SUCCESS`).
    `manifest`: a file beside it, named likewise, with sizes, checksums or record counts that have to agree.
    `check_tail`: whether the end of what was read has to look like an end. `deadline_seconds`: how long a file may be
    incomplete before that is an error of the run.
    """

    settle_seconds: int = Field(default=60, ge=0, le=86_400)
    ignore: tuple[str, ...] = ("*.part", "*.tmp", ".*")
    marker: str | None = None
    manifest: str | None = None
    check_tail: bool = True
    deadline_seconds: int = Field(default=86_400, ge=60, le=31_536_000)

    @model_validator(mode="after")
    def _beside_the_file(self) -> Self:
        for key, pattern in (("marker", self.marker), ("manifest", self.manifest)):
            if pattern is not None and (not pattern or "/" in pattern):
                raise ValueError(
                    f"`{key}` {pattern!r} is no name of a file beside the data, such as '{{file}}.ok' or '_SUCCESS'; "
                    "files of other folders are not looked at"
                )
            if pattern == "{file}":
                raise ValueError(
                    f"`{key}` '{{file}}' is the data file itself; give it another ending, as '{{file}}.ok'"
                )
        return self


class Encryption(Document):
    """How files come encrypted with OpenPGP, in AEP's words (spec: sources.md, section 12).

    `public_key_id` names the account of type `pgp` with the private key. With `sign_verification_key_id`, the account
    with the senders' public keys, or with `signer_fingerprints`, each file needs a good signature: by one of these
    keys. `required` refuses files that are not encrypted.
    """

    public_key_id: str = Field(min_length=1, max_length=250)
    sign_verification_key_id: str | None = Field(default=None, min_length=1, max_length=250)
    signer_fingerprints: tuple[str, ...] = ()
    required: bool = True

    @field_validator("signer_fingerprints")
    @classmethod
    def _fingerprints(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple("".join(text.split()).upper() for text in value)
        for text, written in zip(found, value, strict=True):
            if len(text) not in (40, 64) or set(text) - set("0123456789ABCDEF"):
                raise ValueError(
                    f"{written!r} is no fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits, as "
                    "`gpg --fingerprint` shows them"
                )
        return found


class Source(Document):
    """Which files of which account.

    `files` is a glob on the name, or on the path below `path` if it has a slash; with `regex:` before it, it is a
    regular expression on the path below `path`. `changed_files` says what becomes of the rows of a file's earlier
    version when a changed one is loaded: `append` keeps them, as AEP does; `supersede` replaces them in one commit.
    `encryption` names the keys of files that are encrypted with OpenPGP.
    """

    account: str
    path: str = "/"
    files: str = "*"
    recursive: bool = False
    format: Literal["auto", "json", "ndjson", "csv", "parquet"] = "auto"
    format_options: dict[str, Any] = Field(default_factory=dict)
    ready: Readiness = Readiness()
    changed_files: Literal["append", "supersede"] = "append"
    encryption: Encryption | None = None


class Target(Document):
    """Where the records go."""

    dataset: Name


class Schedule(Document):
    """When a dataflow runs (spec: sources.md, section 7). `month` does not exist; use `cron` for it.

    With `on_arrival` it runs whenever complete new files are there; the folder is looked at every `poll_seconds`.
    """

    frequency: Literal["once", "minute", "hour", "day", "week"] | None = None
    interval: int = Field(default=1, ge=1)
    cron: str | None = None
    on_arrival: bool = False
    poll_seconds: int = Field(default=60, ge=1, le=86_400)
    start: AwareDatetime | None = None
    backfill: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if [self.frequency is not None, self.cron is not None, self.on_arrival].count(True) != 1:
            raise ValueError("give exactly one of `frequency`, `cron` and `on_arrival: true`")
        if self.frequency == "minute" and self.interval < 15:
            raise ValueError(f"`interval` with `minute` is at least 15, not {self.interval}")
        if self.interval != 1 and (self.frequency is None or self.frequency == "once"):
            raise ValueError("`interval` does not go with `once`, `cron` or `on_arrival`")
        if self.on_arrival and not self.backfill and self.start is None:
            raise ValueError("`on_arrival` with `backfill: false` needs `start`: files from before it are left alone")
        return self


class Expectation(Document):
    """When files are due, and how large they are at least: whoever is subscribed hears of those that are not so.

    `cron` says when `files` new files have to have come, in `timezone`. `sources_file_late` is sent `late_minutes`
    after that, `sources_file_missing` `missing_minutes` after it; what comes up to then, though at most up to halfway
    to the next time, counts for this one. A file smaller than `min_bytes`, or a batch of fewer than `min_records`,
    causes `sources_file_short`, a file without content `sources_file_empty`.
    """

    cron: str
    timezone: str = "UTC"
    files: int = Field(default=1, ge=1)
    late_minutes: int = Field(default=0, ge=0, le=10_080)
    missing_minutes: int = Field(default=60, ge=0, le=10_080)
    min_bytes: int = Field(default=1, ge=0)
    min_records: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _on_the_calendar(self) -> Self:
        from croniter import CroniterBadDateError, croniter

        if not croniter.is_valid(self.cron):
            raise ValueError(f"`cron` {self.cron!r} is no cron expression, such as '0 6 * * 1-5'")
        try:
            croniter(self.cron).get_next()
        except CroniterBadDateError:
            raise ValueError(f"`cron` {self.cron!r} names a day that no calendar has") from None
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"`timezone` {self.timezone!r} is no time zone, such as 'Europe/Berlin'") from None
        return self

    @model_validator(mode="after")
    def _late_before_missing(self) -> Self:
        if self.late_minutes > self.missing_minutes:
            raise ValueError("`late_minutes` is not more than `missing_minutes`")
        return self


class PartialIngestion(Document):
    """The share of failed records, in percent, up to which a batch still loads."""

    threshold_percent: float = Field(gt=0, le=100)


class Dataflow(Resource):
    """Which files go to which dataset, how and when."""

    kind: Literal["dataflow"] = "dataflow"
    source: Source
    target: Target
    mapping_set: Name | None = None
    schedule: Schedule
    expect: Expectation | None = None
    enabled: bool = True
    error_diagnostics: bool = True
    partial_ingestion: PartialIngestion | None = None
    notify: tuple[Name, ...] = ()

    @property
    def keeps_diagnostics(self) -> bool:
        """Whether rejected records are kept; always with partial ingestion, as in AEP (batch-ingestion.md, 11)."""
        return self.error_diagnostics or self.partial_ingestion is not None

    @property
    def threshold_percent(self) -> float:
        """Failed records, in percent of those read, that a batch may hold and still load."""
        return self.partial_ingestion.threshold_percent if self.partial_ingestion else 0.0


AnyResource = Annotated[
    Account
    | IdentityNamespace
    | IdentitySettings
    | XdmClass
    | FieldGroup
    | DataType
    | Schema
    | Descriptor
    | Dataset
    | MappingSet
    | MergePolicy
    | Webhook
    | Notifier
    | Dataflow,
    Field(discriminator="kind"),
]

RESOURCE_TYPES: dict[str, type[Resource]] = {
    "account": Account,
    "identity_namespace": IdentityNamespace,
    "identity_settings": IdentitySettings,
    "data_type": DataType,
    "class": XdmClass,
    "field_group": FieldGroup,
    "schema": Schema,
    "descriptor": Descriptor,
    "dataset": Dataset,
    "mapping_set": MappingSet,
    "merge_policy": MergePolicy,
    "webhook": Webhook,
    "notifier": Notifier,
    "dataflow": Dataflow,
}
"""Every kind, in the order in which documents that refer to each other are applied."""


class RunRequest(Document):
    """What a run may override: the Params form in Airflow, the options of `headwater run`.

    `window_start` and `window_end` select files by modification time, half open: start < time <= end. `reprocess` takes
    files that are already loaded and supersedes their rows. `dry_run` checks and loads nothing; `row_limit` checks only
    the first records of each file and implies `dry_run`. The run's batch replaces the batches in `replaces`, of the
    same dataset: their rows go when its own come. `replay_of` is the batch whose rejected records the run takes again,
    in place of files.
    """

    account: str | None = None
    path: str | None = None
    files: str | None = None
    window_start: AwareDatetime | None = None
    window_end: AwareDatetime | None = None
    reprocess: bool = False
    dry_run: bool = False
    row_limit: int | None = Field(default=None, ge=1)
    replaces: tuple[str, ...] = ()
    replay_of: str | None = None
    trigger: Literal["scheduled", "manual", "backfill", "asset"] = "manual"
    dag_run_id: str | None = None
    logical_date: datetime | None = None

    @property
    def loads(self) -> bool:
        """Whether the run loads what it reads."""
        return not self.dry_run and self.row_limit is None
