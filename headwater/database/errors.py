"""What a database's errors mean to us, without the values that were being written."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from headwater.errors import HeadwaterError

_PASSING = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


@contextmanager
def translated(engine: sa.Engine, what: str) -> Iterator[None]:
    """Turn SQLAlchemy's errors into ours; `what` names the database in the message, as in "the catalog".

    Raises:
        HeadwaterError: the database refused, or could not be reached (then `retryable`).
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        retryable = isinstance(error, _PASSING)
        reason = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause).partition("\n")[0]
        advice = "Is it running, and may Headwater write to it?" if retryable else "Please report this."
        raise HeadwaterError(
            f"{what} {place(engine.url)}: {type(cause).__name__}: {reason.rstrip('.')}. Nothing was changed. {advice}",
            retryable=retryable,
        ) from None


def place(url: sa.URL) -> str:
    """Which database a URL means, for people: without user, password and query, which may hold secrets."""
    return sa.URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()
