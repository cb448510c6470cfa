"""Column types that mean the same on every database."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Json(TypeDecorator[Any]):
    """JSON; Python's None is SQL's NULL. NUL characters become escapes, since PostgreSQL's texts have none."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """JSONB on PostgreSQL."""
        kind = postgresql.JSONB if dialect.name == "postgresql" else sa.JSON
        return dialect.type_descriptor(kind(none_as_null=True))

    def process_bind_param(self, value: Any, _dialect: Dialect) -> Any:  # noqa: ANN401  (JSON)
        """To the database."""
        return _without_nul(value)


def _without_nul(value: Any) -> Any:  # noqa: ANN401  (JSON)
    if isinstance(value, str):
        return value.replace("\0", r"\u0000")
    if isinstance(value, Mapping):
        return {_without_nul(key): _without_nul(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(element) for element in value]
    return value


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, to the microsecond. A naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC; without its zone on SQLite, which keeps none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime is no point in time: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """From the database: aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
