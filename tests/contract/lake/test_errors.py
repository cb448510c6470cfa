import pickle

import pytest
from pyiceberg import exceptions as iceberg
from sqlalchemy.exc import OperationalError

from headwater.errors import HeadwaterError, LakeError, NotFoundError, SettingsError
from headwater.lake.errors import explained


def translate(error: Exception) -> HeadwaterError:
    """What becomes of an error raised within an explained block."""
    with pytest.raises(HeadwaterError) as raised, explained("reading dataset 'sales'", "sales"):
        raise error
    assert raised.value.__cause__ is error or raised.value is error
    return raised.value


@pytest.mark.parametrize(
    ("error", "retryable", "message"),
    [
        (
            iceberg.CommitFailedException("branch main has changed"),
            True,
            "reading dataset 'sales' failed: other writers changed the table at the same time, again and again. "
            "Nothing was changed; run it again.",
        ),
        (
            iceberg.ForbiddenError("not for you"),
            False,
            "reading dataset 'sales' failed: access was refused (ForbiddenError: not for you). Check the rights of the "
            "account that Headwater uses for the Iceberg catalog and the warehouse.",
        ),
        (
            OSError("When reading key 'x' in bucket 'b': AWS Error ACCESS_DENIED during HeadObject operation"),
            False,
            "reading dataset 'sales' failed: access was refused (OSError: When reading key 'x' in bucket 'b': AWS "
            "Error ACCESS_DENIED during HeadObject operation). Check the rights of the account that Headwater uses for "
            "the Iceberg catalog and the warehouse.",
        ),
        (
            iceberg.ServiceUnavailableError("try later"),
            True,
            "reading dataset 'sales' failed: the Iceberg catalog or the warehouse could not be reached "
            "(ServiceUnavailableError: try later). Check HEADWATER_ICEBERG_URL and HEADWATER_WAREHOUSE, and that both "
            "answer; then run it again.",
        ),
        (
            ValueError("┏━━━┓\nthe drawn table follows"),
            False,
            "reading dataset 'sales' failed: ValueError: ┏━━━┓",
        ),
    ],
    ids=["outrun", "forbidden", "forbidden-by-s3", "unavailable", "other"],
)  # fmt: skip
def test_errors_say_what_failed_and_what_to_do(error: Exception, retryable: bool, message: str) -> None:
    translated = translate(error)

    assert isinstance(translated, LakeError)
    assert (str(translated), translated.retryable) == (message, retryable)
    copy = pickle.loads(pickle.dumps(translated))  # noqa: S301 (our own bytes: errors cross processes)
    assert (str(copy), copy.retryable) == (message, retryable)


def test_the_statement_and_its_values_are_not_told() -> None:
    cause = RuntimeError("connection to server failed\nDETAIL: more")

    told = str(translate(OperationalError("SELECT * FROM iceberg_tables WHERE x = :x", {"x": "v4lue"}, cause)))

    assert "RuntimeError: connection to server failed)" in told
    assert "iceberg_tables" not in told
    assert "v4lue" not in told


def test_a_missing_table_is_not_found() -> None:
    translated = translate(iceberg.NoSuchTableError("headwater.sales"))

    assert isinstance(translated, NotFoundError)
    assert str(translated) == (
        "reading dataset 'sales' failed: dataset 'sales' has no table in the lake. It gets one with its first load."
    )


def test_our_own_errors_stay_as_they_are() -> None:
    own = SettingsError("a setting is missing")

    assert translate(own) is own


def test_mistakes_in_our_code_are_not_disguised() -> None:
    with pytest.raises(KeyError), explained("reading dataset 'sales'", "sales"):
        raise KeyError("row_number")
