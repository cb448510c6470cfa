from collections.abc import Iterator

import pytest

from tests.airflow.environment import isolate_airflow
from tests.airflow.home import prepare_home
from tests.airflow.stack import Stack, airflow_stack

isolate_airflow()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Airflow with one dataflow that works, one whose folder is missing, and one broken document."""
    home = prepare_home(tmp_path_factory.mktemp("stack"))
    home.write_flow("luma-loyalty")
    home.write_flow("luma-lost", **{"path: /outbox": "path: /nowhere"})
    broken = home.write_flow("luma-broken")
    broken.write_text(broken.read_text().replace("target:", "targt:"))
    with airflow_stack(home) as stack:
        yield stack
