"""The catalog's tables. Their history is in `migrations`; a test holds the two together."""

import sqlalchemy as sa

from headwater.database.types import Json, UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

resource = sa.Table(
    "resource",
    metadata,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("etag", sa.String(36), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

xdm_definition = sa.Table(
    "xdm_definition",
    metadata,
    sa.Column("id", sa.String(500), primary_key=True),
    sa.Column("body", Json, nullable=False),
    sa.Column("imported_at", UtcDateTime, nullable=False),
)
"""XDM resources that nobody here authors: JSON Schemas of Adobe's public repository, by `$id`."""

flow_run = sa.Table(
    "flow_run",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("flow", sa.String(128), nullable=False),
    sa.Column("dataset", sa.String(128), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("trigger", sa.String(16), nullable=False),
    sa.Column("dag_run_id", sa.String(250)),
    sa.Column("batch_id", sa.String(26)),
    sa.Column("window_start", UtcDateTime),
    sa.Column("window_end", UtcDateTime),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("completed_at", UtcDateTime),
    sa.Column("holder", sa.String(300), nullable=False),
    sa.Column("lease_until", UtcDateTime, nullable=False),
    sa.Column("document", Json, nullable=False),
    sa.Column("request", Json, nullable=False),
    sa.Column("profiles", Json, nullable=False),
    sa.Column("errors", Json, nullable=False),
    sa.Column("notes", Json, nullable=False),
    sa.Index(None, "flow", "started_at"),
    sa.Index(None, "flow", "dag_run_id"),
)

batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("dataset", sa.String(128), nullable=False),
    sa.Column("flow_run_id", sa.String(26), sa.ForeignKey("flow_run.id"), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("completed_at", UtcDateTime),
    sa.Column("snapshot_id", sa.BigInteger),
    sa.Column("errors", Json, nullable=False),
    sa.Column("replaces", Json, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("replay_of", sa.String(26)),
    sa.Column("removing", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("release_files", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("remover", sa.String(300)),
    sa.Column("removal_lease_until", UtcDateTime),
    sa.Index(None, "dataset", "created_at"),
    sa.Index(
        "uq_batch_replay_of",
        "replay_of",
        unique=True,
        sqlite_where=sa.text("status IN ('loading', 'staged', 'success')"),
        postgresql_where=sa.text("status IN ('loading', 'staged', 'success')"),
    ),
)
"""`removing` and `release_files` say what is still to be done for an inactive batch, and survive a kill in between.

`remover` does it, for as long as the lease is renewed.
"""

batch_group = sa.Table(
    "batch_group",
    metadata,
    sa.Column("batch_id", sa.String(26), sa.ForeignKey("batch.id"), primary_key=True),
    sa.Column("group_number", sa.Integer, primary_key=True),
    sa.Column("files", sa.Integer, nullable=False),
    sa.Column("input_bytes", sa.BigInteger, nullable=False),
    sa.Column("records_read", sa.BigInteger, nullable=False),
    sa.Column("records_loaded", sa.BigInteger, nullable=False),
    sa.Column("records_failed", sa.BigInteger, nullable=False),
    sa.Column("failed_by_code", Json, nullable=False),
    sa.Column("notes", Json, nullable=False),
    sa.Column("stopped", sa.Text),
)
"""`stopped` says where reading was given up, if it was: the batch cannot load."""

profile_reload = sa.Table(
    "profile_reload",
    metadata,
    sa.Column("batch_id", sa.String(26), sa.ForeignKey("batch.id"), primary_key=True),
    sa.Column("superseded_by", sa.String(26), sa.ForeignKey("batch.id"), primary_key=True),
)
"""Batches that lost rows, until their profiles have lost them too; see `headwater.catalog.reloads`."""

staged_file = sa.Table(
    "staged_file",
    metadata,
    sa.Column("uri", sa.String(2000), primary_key=True),
    sa.Column("batch_id", sa.String(26), sa.ForeignKey("batch.id"), nullable=False, index=True),
    sa.Column("group_number", sa.Integer, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

source_file = sa.Table(
    "source_file",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("flow", sa.String(128), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("signature", sa.String(400), nullable=False),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("modified_at", UtcDateTime),
    sa.Column("version", sa.String(300).with_variant(sa.Text, "postgresql")),
    sa.Column("sha256", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("flow_run_id", sa.String(26), sa.ForeignKey("flow_run.id"), nullable=False, index=True),
    sa.Column("group_number", sa.Integer, nullable=False),
    sa.Column("supersedes", Json, nullable=False),
    sa.Column("expected", Json),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Index("ix_source_file_known", "flow", "path", "signature", "state", "id"),
    sa.Index(None, "flow", "sha256"),
    sa.Index(
        "uq_source_file_claimed",
        "flow",
        "path",
        "signature",
        unique=True,
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    ),
    sa.Index(
        "uq_source_file_claimed_content",
        "flow",
        "sha256",
        "size_bytes",
        unique=True,
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    ),
    sa.Index(
        "uq_source_file_content",
        "flow",
        "sha256",
        "size_bytes",
        unique=True,
        sqlite_where=sa.text("state = 'loaded'"),
        postgresql_where=sa.text("state = 'loaded'"),
    ),
)
"""The ledger. `signature` is what a listing tells of a version; `sha256` is known once it was fetched."""

file_part = sa.Table(
    "file_part",
    metadata,
    sa.Column("source_file_id", sa.String(26), sa.ForeignKey("source_file.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("group_number", sa.Integer, nullable=False),
    sa.Column("byte_offset", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("format", sa.String(16), nullable=False),
    sa.Column("records_before", sa.BigInteger, nullable=False),
    sa.Column("first_line", sa.BigInteger, nullable=False),
    sa.Column("header", sa.LargeBinary),
)
"""Ranges of divided files; see `headwater.model.parts`."""

observation = sa.Table(
    "observation",
    metadata,
    sa.Column("flow", sa.String(128), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("signature", sa.String(400), nullable=False),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("waiting_since", UtcDateTime, nullable=False),
    sa.Column("cut", sa.Text),
)
"""Files seen but not yet ready: since when each has looked as it looks now, and since when we wait for it.

`cut` says why a version that was read looked cut off; it is empty until then, and when the file changes.
"""

event = sa.Table(
    "event",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(26), nullable=False),
    sa.Column("dataset", sa.String(128)),
    sa.Column("flow", sa.String(128)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.UniqueConstraint("subject", "code"),
    sa.Index(None, "created_at"),
    sqlite_autoincrement=True,
)
"""`sequence` is a place in the journals: readers go on after the last one they saw, so none is ever given again."""

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("event_id", sa.String(36), sa.ForeignKey("event.id"), primary_key=True),
    sa.Column("webhook", sa.String(128), primary_key=True),
    sa.Column("replay", sa.Integer, primary_key=True, autoincrement=False, server_default="0"),
    sa.Column("queued_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime, nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("given_up_at", UtcDateTime),
    sa.Column("last_error", sa.Text),
    sa.Index(
        "ix_delivery_due",
        "webhook",
        "next_attempt_at",
        "event_id",
        "replay",
        sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
    ),
)
"""Who is told of an event. `replay` is 0 for the first record of it, which is the webhook's journal entry, too.

`webhook` is the name of a webhook, or of a notifier.
"""

webhook_state = sa.Table(
    "webhook_state",
    metadata,
    sa.Column("webhook", sa.String(128), primary_key=True),
    sa.Column("etag", sa.String(36), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, server_default="active"),
    sa.Column("verified", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("reason", sa.Text),
)
"""How a webhook stands, and since when; about the version with that etag: any other has not been challenged yet."""

attempt_count = sa.Table(
    "attempt_count",
    metadata,
    sa.Column("webhook", sa.String(128), primary_key=True),
    sa.Column("hour", UtcDateTime, primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
)
"""Attempts to tell a webhook, by the hour, for a day."""
