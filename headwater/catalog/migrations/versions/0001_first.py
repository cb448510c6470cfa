"""The first tables."""

import sqlalchemy as sa
from alembic import op

from headwater.database.types import Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "event",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=26), nullable=False),
        sa.Column("dataset", sa.String(length=128), nullable=True),
        sa.Column("flow", sa.String(length=128), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_event")),
        sa.UniqueConstraint("id", name=op.f("uq_event_id")),
        sa.UniqueConstraint("subject", "code", name=op.f("uq_event_subject_code")),
    )
    op.create_table(
        "flow_run",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("flow", sa.String(length=128), nullable=False),
        sa.Column("dataset", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("dag_run_id", sa.String(length=250), nullable=True),
        sa.Column("batch_id", sa.String(length=26), nullable=True),
        sa.Column("window_start", UtcDateTime(), nullable=True),
        sa.Column("window_end", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("holder", sa.String(length=300), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=False),
        sa.Column("document", Json, nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("profiles", Json, nullable=False),
        sa.Column("errors", Json, nullable=False),
        sa.Column("notes", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_run")),
    )
    op.create_index(op.f("ix_flow_run_flow_dag_run_id"), "flow_run", ["flow", "dag_run_id"], unique=False)
    op.create_index(op.f("ix_flow_run_flow_started_at"), "flow_run", ["flow", "started_at"], unique=False)
    op.create_table(
        "observation",
        sa.Column("flow", sa.String(length=128), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=400), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("flow", "path", name=op.f("pk_observation")),
    )
    op.create_table(
        "resource",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("etag", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_resource")),
        sa.UniqueConstraint("id", name=op.f("uq_resource_id")),
    )
    op.create_table(
        "webhook_state",
        sa.Column("webhook", sa.String(length=128), nullable=False),
        sa.Column("etag", sa.String(length=36), nullable=False),
        sa.Column("verified_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("webhook", name=op.f("pk_webhook_state")),
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("dataset", sa.String(length=128), nullable=False),
        sa.Column("flow_run_id", sa.String(length=26), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("snapshot_id", sa.BigInteger(), nullable=True),
        sa.Column("errors", Json, nullable=False),
        sa.ForeignKeyConstraint(["flow_run_id"], ["flow_run.id"], name=op.f("fk_batch_flow_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_dataset_created_at"), "batch", ["dataset", "created_at"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("webhook", sa.String(length=128), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("given_up_at", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_delivery_event_id")),
        sa.PrimaryKeyConstraint("event_id", "webhook", name=op.f("pk_delivery")),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
    )
    op.create_table(
        "source_file",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("flow", sa.String(length=128), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=400), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("modified_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.String(length=300), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("flow_run_id", sa.String(length=26), nullable=False),
        sa.Column("group_number", sa.Integer(), nullable=False),
        sa.Column("supersedes", Json, nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["flow_run_id"], ["flow_run.id"], name=op.f("fk_source_file_flow_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_file")),
    )
    op.create_index(op.f("ix_source_file_flow_run_id"), "source_file", ["flow_run_id"], unique=False)
    op.create_index("ix_source_file_known", "source_file", ["flow", "path", "signature"], unique=False)
    op.create_index(
        "uq_source_file_claimed",
        "source_file",
        ["flow", "path", "signature"],
        unique=True,
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.create_index(
        "uq_source_file_claimed_content",
        "source_file",
        ["flow", "sha256", "size_bytes"],
        unique=True,
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.create_index(
        "uq_source_file_content",
        "source_file",
        ["flow", "sha256", "size_bytes"],
        unique=True,
        sqlite_where=sa.text("state = 'loaded'"),
        postgresql_where=sa.text("state = 'loaded'"),
    )
    op.create_table(
        "batch_group",
        sa.Column("batch_id", sa.String(length=26), nullable=False),
        sa.Column("group_number", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("input_bytes", sa.BigInteger(), nullable=False),
        sa.Column("records_read", sa.BigInteger(), nullable=False),
        sa.Column("records_loaded", sa.BigInteger(), nullable=False),
        sa.Column("records_failed", sa.BigInteger(), nullable=False),
        sa.Column("failed_by_code", Json, nullable=False),
        sa.Column("notes", Json, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_group_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "group_number", name=op.f("pk_batch_group")),
    )
    op.create_table(
        "staged_file",
        sa.Column("uri", sa.String(length=2000), nullable=False),
        sa.Column("batch_id", sa.String(length=26), nullable=False),
        sa.Column("group_number", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_staged_file_batch_id")),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_staged_file")),
    )
    op.create_index(op.f("ix_staged_file_batch_id"), "staged_file", ["batch_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_staged_file_batch_id"), table_name="staged_file")
    op.drop_table("staged_file")
    op.drop_table("batch_group")
    op.drop_index(
        "uq_source_file_claimed_content",
        table_name="source_file",
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.drop_index(
        "uq_source_file_content",
        table_name="source_file",
        sqlite_where=sa.text("state = 'loaded'"),
        postgresql_where=sa.text("state = 'loaded'"),
    )
    op.drop_index(
        "uq_source_file_claimed",
        table_name="source_file",
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.drop_index("ix_source_file_known", table_name="source_file")
    op.drop_index(op.f("ix_source_file_flow_run_id"), table_name="source_file")
    op.drop_table("source_file")
    op.drop_index(
        "ix_delivery_due",
        table_name="delivery",
        sqlite_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
    )
    op.drop_table("delivery")
    op.drop_index(op.f("ix_batch_dataset_created_at"), table_name="batch")
    op.drop_table("batch")
    op.drop_table("webhook_state")
    op.drop_table("resource")
    op.drop_table("observation")
    op.drop_index(op.f("ix_flow_run_flow_started_at"), table_name="flow_run")
    op.drop_index(op.f("ix_flow_run_flow_dag_run_id"), table_name="flow_run")
    op.drop_table("flow_run")
    op.drop_table("event")
