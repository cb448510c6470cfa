"""Airflow homes of the tests' own: nobody's settings are read, and nobody's home is written to."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_OWN_PREFIXES = ("AIRFLOW", "HEADWATER_")
_homes: list[Path] = []


def isolate_airflow() -> None:
    """Give this process an Airflow home that lasts as long as it does; call before anything imports Airflow.

    Raises:
        RuntimeError: Airflow was imported before, so that it has read somebody's settings.
    """
    if _homes:
        return
    if "airflow" in sys.modules:
        raise RuntimeError("Airflow was imported before its home was set; call isolate_airflow() in a conftest.py")
    home = Path(tempfile.mkdtemp(prefix="headwater-airflow-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ.update(airflow_variables(home))
    _homes.append(home)


def plain_environment() -> dict[str, str]:
    """The environment without anybody's settings of Airflow or Headwater."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIXES)}


def airflow_variables(home: Path) -> Mapping[str, str]:
    """Settings of an Airflow whose home this is, with our Dags and our plugin."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
