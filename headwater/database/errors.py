"""What a database's errors mean to us, without the values that were being written."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from headwater.errors import HeadwaterError

_PASSING = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


@contextmanager
def translated(engine: sa.Engine, what: str) -> Iterator[None]:
    """Turn SQLAlchemy's and the driver's errors into ours; `what` names the database, as in "the catalog".

    Raises:
        HeadwaterError: the database refused, or could not be reached (then `retryable`).
    """
    try:
        yield
    except (sa.exc.SQLAlchemyError, _driver(engine).Error) as error:
        cause = getattr(error, "orig", None) or error
        retryable = isinstance(error, (*_PASSING, _driver(engine).OperationalError, _driver(engine).InterfaceError))
        reason = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause).partition("\n")[0]
        advice = "Is it running, and may Headwater write to it?" if retryable else "Please report this."
        raise HeadwaterError(
            f"{what} {place(engine.url)}: {type(cause).__name__}: {reason.rstrip('.')}. Nothing was changed. {advice}",
            retryable=retryable,
        ) from None


def _driver(engine: sa.Engine) -> Any:  # noqa: ANN401 - a module of PEP 249
    """The driver's module: rows that are written at once go to it directly, and its errors come as they are."""
    return engine.dialect.loaded_dbapi


def place(url: sa.URL) -> str:
    """Which database a URL means, for people: without user, password and query, which may hold secrets."""
    return sa.URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()
