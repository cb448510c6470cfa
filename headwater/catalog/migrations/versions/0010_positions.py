"""On SQLite, positions of events are never given twice, also once all events were forgotten, as on PostgreSQL."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Deliveries refer to events, so that they are put aside while the table is made anew."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("CREATE TEMPORARY TABLE delivery_aside AS SELECT * FROM delivery")
    op.execute("DELETE FROM delivery")
    with op.batch_alter_table("event", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
        pass
    op.execute("INSERT INTO delivery SELECT * FROM delivery_aside")
    op.execute("DROP TABLE delivery_aside")
