import json
from pathlib import Path

from typer.testing import CliRunner

from headwater.cli.app import app


def test_a_document_is_deleted_and_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    environment = {"HEADWATER_HOME": str(tmp_path / "home")}
    document = tmp_path / "settings.yaml"
    document.write_text("kind: identity_settings\nname: mine\n")
    run = CliRunner()
    assert run.invoke(app, ["apply", str(document)], env=environment).exit_code == 0

    deleted = run.invoke(app, ["delete", "identity-settings", "mine", "--json"], env=environment)
    again = run.invoke(app, ["delete", "identity_settings", "mine"], env=environment)

    assert json.loads(deleted.stdout) == {"deleted": {"kind": "identity_settings", "name": "mine"}}
    assert (again.exit_code, again.stdout) == (1, "")
    assert "no identity_settings 'mine' in the catalog; there is none of that kind" in again.stderr
