"""What every test shares."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("headwater", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("headwater")


def _encodable(value: object) -> object:
    """``value`` with the lone surrogates of its texts written as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(name): _encodable(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_encodable(held) for held in value)
    return value


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Let a worker report a file name that is no UTF-8, in a log or a message: it would stop the whole run."""
    return _encodable((yield))
