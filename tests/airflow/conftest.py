from collections.abc import Iterator

import pytest

from headwater.model.documents import Dataset
from tests.airflow.environment import isolate_airflow
from tests.airflow.home import Home, prepare_home
from tests.airflow.stack import Stack, airflow_stack

isolate_airflow()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Airflow, for all tests that need one.

    It has a dataflow that works, one whose folder is missing, a broken document, and two that wait for arrivals, which
    they load into a dataset of their own.
    """
    home = prepare_home(tmp_path_factory.mktemp("stack"))
    home.write_flow("luma-loyalty")
    home.write_flow("luma-lost", **{"path: /outbox": "path: /nowhere"})
    broken = home.write_flow("luma-broken")
    broken.write_text(broken.read_text().replace("target:", "targt:"))
    _prepare_arrivals(home)
    with airflow_stack(home) as stack:
        yield stack


def _prepare_arrivals(home: Home) -> None:
    with home.workspace() as workspace:
        loyalty = workspace.catalog.resources.typed(Dataset, "luma_loyalty_dataset")
        workspace.catalog.resources.put(loyalty.model_copy(update={"name": "arrivals_dataset", "title": "Arrivals"}))
    for name in ("arrivals", "arrivals-too"):
        home.write_flow(
            name,
            **{
                "title: Luma loyalty members": "title: Arrivals",
                'files: "luma-loyalty*.json*"': 'files: "arrivals-*.json"',
                "luma_loyalty_dataset": "arrivals_dataset",
                "{frequency: once}": "{on_arrival: true, poll_seconds: 1}",
            },
        )
