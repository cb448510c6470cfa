import pickle

import pytest

from connectors import errors

EVERY_ERROR = [
    errors.ConnectorError("m", "s"),
    errors.ConfigurationError("m"),
    errors.UnreachableError("m", "s"),
    errors.AuthenticationError("m", "s"),
    errors.UntrustedHostError("m", "s", "SHA256:a", ("SHA256:b",)),
    errors.AccessDeniedError("m", "s", "p"),
    errors.FileGoneError("m", "s", "caf\udce9", True),
    errors.TransferError("m", "s", "p", 10, 9),
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling_with_its_facts(error: errors.ConnectorError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (what was pickled here)
    assert (type(again), str(again), vars(again)) == (type(error), "m", vars(error))


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    assert {type(error) for error in EVERY_ERROR if error.retryable} == {errors.UnreachableError, errors.TransferError}


def test_every_error_stands_in_the_tree() -> None:
    assert errors.__doc__ is not None
    assert all(type(error).__name__ in errors.__doc__ for error in EVERY_ERROR)


def test_messages_show_names_that_are_no_text() -> None:
    error = errors.file_gone("SFTP server h:22", "caf\udce9\n.csv")
    assert str(error) == (
        r"SFTP server h:22 has no file 'caf\udce9\n.csv'. "
        "It was removed or renamed since it was listed, or the path is wrong."
    )
    str(error).encode()
