"""Replays beside first deliveries, the state of each webhook, and how its attempts of the last day went."""

import sqlalchemy as sa
from alembic import op

from headwater.database.types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Deliveries that wait keep their day, counted from their event."""
    with op.batch_alter_table("delivery") as delivery:
        delivery.add_column(sa.Column("replay", sa.Integer(), nullable=False, server_default="0"))
        delivery.add_column(sa.Column("queued_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE delivery SET queued_at = (SELECT created_at FROM event WHERE event.id = delivery.event_id)")
    with op.batch_alter_table("delivery") as delivery:
        delivery.alter_column("queued_at", nullable=False)
        delivery.drop_constraint("pk_delivery", type_="primary")
        delivery.create_primary_key("pk_delivery", ["event_id", "webhook", "replay"])
    with op.batch_alter_table("webhook_state") as state:
        state.alter_column("verified_at", new_column_name="since", existing_nullable=False)
        state.add_column(sa.Column("state", sa.String(length=16), nullable=False, server_default="active"))
        state.add_column(sa.Column("verified", sa.Boolean(), nullable=False, server_default=sa.true()))
        state.add_column(sa.Column("reason", sa.Text(), nullable=True))
    op.create_table(
        "attempt_count",
        sa.Column("webhook", sa.String(length=128), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("webhook", "hour", name=op.f("pk_attempt_count")),
    )
    op.create_index("ix_event_created_at", "event", ["created_at"])
