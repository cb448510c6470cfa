import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors import ConfigurationError, config_model, connector_kinds, create_connector

OUTSIDE_MODULE = """
from typing import ClassVar
from connectors import ConnectorConfig
from connectors.local import LocalConfig, LocalConnector

class PigeonConfig(ConnectorConfig):
    kind: ClassVar[str] = "pigeon"
    loft: str
    def create_connector(self):
        return LocalConnector(LocalConfig(root_path=self.loft))

not_a_config = 1
"""


def in_fresh_python(code: str, *path: Path) -> object:
    """Run code in a new interpreter, with folders on its path, and return the JSON that it prints."""
    places = os.pathsep.join([*map(str, path), str(Path.cwd())])
    done = subprocess.run(  # noqa: S603 (our own interpreter)
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": places},
    )
    return json.loads(done.stdout)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with an installed package that adds connector kinds."""
    (tmp_path / "pigeon_post.py").write_text(OUTSIDE_MODULE)
    metadata = tmp_path / "pigeon_post-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon-post\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[headwater.connectors]\n"
        "pigeon = pigeon_post:PigeonConfig\n"
        "local = pigeon_post:PigeonConfig\n"
        "lost = pigeon_post:NoSuchClass\n"
        "odd = pigeon_post:not_a_config\n"
    )
    return tmp_path


def test_the_shipped_kinds() -> None:
    assert connector_kinds() == ("ftp", "ftps", "local", "sftp")
    assert all(config_model(kind).kind == kind for kind in connector_kinds())


def test_an_unknown_kind_names_the_valid_ones() -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_connector("smb", {})
    assert str(caught.value) == "There is no connector kind 'smb'. Valid kinds: ftp, ftps, local, sftp."


def test_wrong_settings_are_named_all_at_once_and_without_their_values() -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_connector("sftp", {"port": 0, "username": "u", "pasword": "hunter2", "timeout_seconds": "hunter2"})
    message = str(caught.value)
    assert message.startswith("The configuration of connector kind 'sftp' is wrong: ")
    assert "`host` is missing" in message
    assert "`port`: Input should be greater than or equal to 1" in message
    assert "`pasword` is not a field (valid: host, port, username, password, " in message
    assert "`timeout_seconds`: Input should be a valid number" in message
    assert "hunter2" not in message


def test_another_package_adds_a_kind(outside: Path) -> None:
    code = (
        "import json, connectors as c\n"
        f"connector = c.create_connector('pigeon', {{'loft': {str(outside)!r}}})\n"
        "print(json.dumps([c.connector_kinds(), sorted(f.path for f in connector.list_files(''))]))"
    )
    assert in_fresh_python(code, outside) == [
        ["ftp", "ftps", "local", "lost", "odd", "pigeon", "sftp"],
        ["pigeon_post.py"],
    ]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "local",
            "Connector kind 'local' is offered more than once: connectors.local:LocalConfig, pigeon_post:PigeonConfig. "
            "Uninstall all but one of the packages.",
        ),
        (
            "lost",
            "Connector kind 'lost' names 'pigeon_post:NoSuchClass', which can't be imported (module 'pigeon_post' has "
            "no attribute 'NoSuchClass'). Repair or uninstall the package that provides it.",
        ),
        (
            "odd",
            "Connector kind 'odd' names 'pigeon_post:not_a_config', which is no subclass of ConnectorConfig. "
            "Repair or uninstall the package that provides it.",
        ),
    ],
)
def test_a_kind_that_can_not_be_loaded(outside: Path, kind: str, message: str) -> None:
    code = (
        "import json, connectors as c\n"
        f"try: c.config_model({kind!r})\n"
        "except c.ConfigurationError as error: print(json.dumps(str(error)))"
    )
    assert in_fresh_python(code, outside) == message


def test_no_client_library_is_imported_before_a_connector_is_created() -> None:
    code = (
        "import json, sys, connectors as c\n"
        "schemas = [c.config_model(kind).model_json_schema() for kind in c.connector_kinds()]\n"
        "print(json.dumps(sorted({'paramiko', 'cryptography', 'airflow', 'headwater', 'pytest'} & set(sys.modules))))"
    )
    assert in_fresh_python(code) == []
