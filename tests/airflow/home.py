"""A prepared Airflow home: its database, its users, and an installation of Headwater with something to load."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from demo.data import file_contents, write_files
from headwater.flows import Workspace, open_workspace
from headwater.flows.resources import apply_documents, read_documents
from headwater.settings import Settings
from tests.airflow.environment import REPOSITORY, airflow_variables, plain_environment
from tests.samples import sample_of_few_days

EXAMPLES = REPOSITORY / "examples" / "luma"
TENANT = "techmarketingdemos"
PASSWORDS = {"ada": "of ada", "vera": "of vera"}
_DATABASE_SECONDS = 180
_LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where everything of one test lies.

    Attributes:
        flows: The folder of dataflow documents.
        outbox: The folder that they read, through account `luma_sftp`, which is a Connection to a local folder.
        variables: The environment of every process.
    """

    folder: Path
    flows: Path
    outbox: Path
    variables: dict[str, str]

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The installation."""
        with open_workspace(Settings.load(home=self.folder / "headwater", tenant=TENANT)) as workspace:
            yield workspace

    def put(self, name: str, text: str) -> None:
        """Put a settled file where the dataflows look."""
        path = self.outbox / name
        path.write_text(text)
        os.utime(path, (_LONG_AGO, _LONG_AGO))

    def write_flow(self, name: str, *, like: str = "luma-loyalty", **replaced: str) -> Path:
        """Write a dataflow document, made from one of the examples; `replaced` maps old text to new."""
        text = (EXAMPLES / "dataflows" / f"{like}.yaml").read_text().replace("enabled: false", "enabled: true")
        for old, new in {f"name: {like}": f"name: {name}", "notify: [luma_webhook]\n": "", **replaced}.items():
            assert old in text, f"{old!r} is not in {like}.yaml"
            text = text.replace(old, new, 1)
        path = self.flows / f"{name}.yaml"
        path.write_text(text)
        return path


def prepare_home(folder: Path) -> Home:
    """Create the folders, apply the Luma example without its dataflows, and write its sample files."""
    home = Home(
        folder=folder,
        flows=folder / "flows",
        outbox=folder / "source" / "outbox",
        variables=_variables(folder),
    )
    for path in (home.flows, home.outbox, folder / "airflow"):
        path.mkdir(parents=True)
    write_files(home.outbox, file_contents(sample_of_few_days()))
    (folder / "airflow" / "passwords.json").write_text(json.dumps(PASSWORDS))
    with home.workspace() as workspace:
        apply_documents(workspace.catalog, read_documents([EXAMPLES]), tenant=TENANT)
    return home


def migrate_database(home: Home) -> None:
    """Create Airflow's database."""
    shutil.copyfile(_migrated_database(), home.folder / "airflow" / "airflow.db")


@cache
def _migrated_database() -> Path:
    """A database that is migrated once in a process, and copied for each home."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-airflow-database-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(  # noqa: S603 (the tests' own command)
        [airflow_command(), "db", "migrate"],
        env={**plain_environment(), **airflow_variables(folder)},
        check=True,
        capture_output=True,
        timeout=_DATABASE_SECONDS,
    )
    return folder / "airflow.db"


def airflow_command() -> str:
    """Airflow's command, of the environment that runs the tests."""
    return str(Path(sys.executable).with_name("airflow"))


def _variables(folder: Path) -> dict[str, str]:
    connection = {"conn_type": "headwater_local", "extra": {"root_path": str(folder / "source")}}
    return {
        **plain_environment(),
        **airflow_variables(folder / "airflow"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ada:admin,vera:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "airflow" / "passwords.json"),
        "AIRFLOW_CONN_LUMA_SFTP": json.dumps(connection),
        "HEADWATER_HOME": str(folder / "headwater"),
        "HEADWATER_FLOWS": str(folder / "flows"),
        "HEADWATER_TENANT": TENANT,
        "PATH": os.environ["PATH"],
    }
