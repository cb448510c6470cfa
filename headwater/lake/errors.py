"""What pyiceberg, SQLAlchemy and the file systems raise, in Headwater's words."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyiceberg import exceptions as iceberg
from sqlalchemy import exc as sql

from headwater.errors import HeadwaterError, LakeError, NotFoundError

_REFUSED = (iceberg.ForbiddenError, iceberg.UnauthorizedError, iceberg.OAuthError, PermissionError)
_REFUSED_BY_S3 = ("ACCESS_DENIED", "SIGNATURE_DOES_NOT_MATCH", "INVALID_ACCESS_KEY_ID", "INVALID_CLIENT_TOKEN_ID")
_UNREACHABLE = (iceberg.RESTError, sql.OperationalError, sql.InterfaceError, OSError)
_OTHER = (
    sql.SQLAlchemyError,
    pa.ArrowException,
    iceberg.ValidationError,
    iceberg.ValidationException,
    iceberg.NoSuchPropertyException,
    iceberg.NotInstalledError,
    ValueError,
)


@contextmanager
def explained(doing: str, dataset: str | None = None) -> Iterator[None]:
    """Translate what a library raises within the block.

    Args:
        doing: What is being done, as the beginning of the message: "reading dataset 'sales'".
        dataset: The dataset it is done to, if any.

    Raises:
        NotFoundError: the dataset has no table.
        LakeError: anything else; `retryable` where the lake could not be reached or others were faster.
    """
    try:
        yield
    except HeadwaterError:
        raise
    except iceberg.NoSuchTableError as error:
        raise NotFoundError(
            f"{doing} failed: dataset {dataset!r} has no table in the lake. It gets one with its first load."
        ) from error
    except iceberg.CommitFailedException as error:
        raise LakeError(
            f"{doing} failed: other writers changed the table at the same time, again and again. Nothing was changed; "
            "run it again.",
            retryable=True,
        ) from error
    except _REFUSED as error:
        raise _refused(doing, error) from error
    except iceberg.BadRequestError as error:
        raise LakeError(f"{doing} failed: {_first_line(error)}") from error
    except _UNREACHABLE as error:
        if any(sign in str(error) for sign in _REFUSED_BY_S3):
            raise _refused(doing, error) from error
        raise LakeError(
            f"{doing} failed: the Iceberg catalog or the warehouse could not be reached ({_first_line(error)}). "
            "Check HEADWATER_ICEBERG_URL and HEADWATER_WAREHOUSE, and that both answer; then run it again.",
            retryable=True,
        ) from error
    except _OTHER as error:
        raise LakeError(f"{doing} failed: {_first_line(error)}") from error


def _refused(doing: str, error: Exception) -> LakeError:
    return LakeError(
        f"{doing} failed: access was refused ({_first_line(error)}). Check the rights of the account that Headwater "
        "uses for the Iceberg catalog and the warehouse."
    )


def _first_line(error: Exception) -> str:
    """The cause in one line; SQLAlchemy's own text would add the statement, pyiceberg's a drawn table."""
    cause = error.orig if isinstance(error, sql.DBAPIError) and error.orig is not None else error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__
