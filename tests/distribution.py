"""Which tests go to the same worker, and which begin first, when several share the suite (`--dist loadscope`).

A file goes to one worker as a whole, so that what its fixtures prepare is prepared once. What takes longest begins
first: else one worker would be left alone with it at the end. Airflow and the demo keep more than one processor busy,
and seeds of the crash certificate wait for much of their time: so they take turns, and are played side by side.
"""

from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

_ONE_AIRFLOW: Final = (
    "tests/airflow/test_stack.py",
    "tests/airflow/test_browser.py",
    "tests/airflow/test_arrivals.py",
)
"""Files whose tests share a running Airflow."""
_APART: Final = frozenset({"tests/crash/test_crash.py", "tests/crash/test_sensitivity.py"})
"""Files whose tests share nothing and take long: each goes to whoever has time."""
LONGEST: Final = (
    *_ONE_AIRFLOW,
    "tests/crash/test_crash.py::test_nothing_is_lost_doubled_or_stuck[",
    "tests/integration/test_demo.py",
    "tests/crash/test_crash.py::test_nothing_is_lost_doubled_or_stuck_on_postgresql[",
    "tests/airflow/test_dag_run.py",
    "tests/crash/test_sensitivity.py",
    "tests/airflow/test_secrets.py",
    "tests/integration/test_killed.py",
    "tests/unit/ingest/test_differential.py",
    "tests/airflow/test_large_file.py",
    "tests/integration/test_luma_sources.py",
    "tests/integration/test_large_listing.py",
    "tests/integration/test_large_files.py",
    "tests/integration/test_tutorial.py",
    "tests/integration/test_luma.py",
)
"""Files, or the beginnings of tests' names, in the order in which they begin, before all others."""


class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands the workers what belongs together, in the order of the tests."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """What a test shares with the others that go to the same worker."""
    file = nodeid.partition("::")[0]
    if file in _APART:
        return nodeid
    return _ONE_AIRFLOW[0] if file in _ONE_AIRFLOW else file


def rank_of(nodeid: str) -> int:
    """When a test begins: those of a lower rank first, those of the same rank in their order."""
    return next((rank for rank, start in enumerate(LONGEST) if nodeid.startswith(start)), len(LONGEST))
