"""What every test shares."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.distribution import FileScheduling, rank_of

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


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling | None:
    """Share the tests out by what belongs together."""
    return FileScheduling(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let a worker begin with what takes longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Let a worker report a file name that is no UTF-8, in a log or a message: it would stop the whole run."""
    return _encodable((yield))
