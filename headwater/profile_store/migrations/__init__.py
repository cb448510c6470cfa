"""Alembic's migrations of the profile store, run by `headwater.database.migrate`."""
