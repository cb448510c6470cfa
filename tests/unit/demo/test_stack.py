import socket
from pathlib import Path

import pytest

from demo.documents import SftpAddress, documents_to_apply, render_documents
from demo.environment import headwater_settings, plain_environment, stack_environment
from demo.errors import DemoError
from demo.stack import PREFERRED_PORT, choose_port
from demo.state import EXAMPLES, State
from headwater.model.documents import Account, Webhook
from headwater.model.yaml import parse_document
from headwater.settings import Settings

SFTP = SftpAddress(port=2345, host_key="SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    expected = f"{tmp_path} is not a folder of the demo; nothing was changed. Name another one with --state."
    with pytest.raises(DemoError) as raised:
        State.prepare(tmp_path, fresh=True)
    assert str(raised.value) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_secrets_are_kept_and_only_the_owner_may_read_them(tmp_path: Path) -> None:
    first = State.prepare(tmp_path / "demo", fresh=False)
    again = State.prepare(tmp_path / "demo", fresh=False)
    assert again.secrets == first.secrets
    assert first.root.stat().st_mode & 0o077 == 0
    assert (first.root / "secrets.json").stat().st_mode & 0o077 == 0
    assert first.secrets.sftp_password not in repr(first)


def test_fresh_forgets_everything(tmp_path: Path) -> None:
    first = State.prepare(tmp_path / "demo", fresh=False)
    (first.outbox / "luma-crm.json").touch()
    again = State.prepare(tmp_path / "demo", fresh=True)
    assert again.secrets != first.secrets
    assert list(again.outbox.iterdir()) == []


def test_a_port_that_is_taken_is_refused_if_it_was_wished_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        expected = f"Port {port} of 127.0.0.1 is taken. Name another one with --port, or leave it to the demo."
        with pytest.raises(DemoError) as raised:
            choose_port(port)
    assert str(raised.value) == expected
    assert choose_port(port) == port


def test_without_a_wish_some_free_port_is_chosen() -> None:
    try:
        other = socket.create_server(("127.0.0.1", PREFERRED_PORT))
    except OSError:
        assert choose_port(None) != PREFERRED_PORT
    else:
        with other:
            assert choose_port(None) != PREFERRED_PORT


def test_rendered_documents_hold_addresses_and_no_secret(tmp_path: Path) -> None:
    render_documents(tmp_path, sftp=SFTP, webhook_url="http://127.0.0.1:4567/")
    account, webhook = (parse_document(path.read_text(), file=path.name) for path in sorted(tmp_path.rglob("*.yaml")))
    assert isinstance(account, Account)
    assert account.params == {
        "host": "127.0.0.1",
        "port": 2345,
        "username": "luma",
        "password": {"env": "LUMA_SFTP_PASSWORD"},
        "host_key": SFTP.host_key,
    }
    assert isinstance(webhook, Webhook)
    assert str(webhook.url) == "http://127.0.0.1:4567/"
    assert webhook.secret is not None
    assert webhook.secret.env == "LUMA_WEBHOOK_SECRET"


def test_rendered_documents_stand_in_for_those_of_the_example(tmp_path: Path) -> None:
    folders = documents_to_apply(tmp_path)
    assert tmp_path in folders
    assert EXAMPLES / "dataflows" in folders
    assert EXAMPLES / "accounts" not in folders
    assert EXAMPLES / "webhooks" not in folders


def test_settings_of_other_installations_are_left_out() -> None:
    inherited = {
        "PATH": "/bin",
        "AIRFLOW_HOME": "/srv/airflow",
        "HEADWATER_HOME": "/srv/headwater",
        "AIRFLOW__A__B": "c",
    }
    assert plain_environment(inherited) == {"PATH": "/bin"}


def test_environment_is_what_the_settings_say(tmp_path: Path) -> None:
    state = State.prepare(tmp_path / "demo", fresh=False)
    environment = stack_environment(state, 8123)
    settings = Settings.load(**headwater_settings(state, "http://127.0.0.1:8123"))
    for name, value in headwater_settings(state, "http://127.0.0.1:8123").items():
        assert environment[f"HEADWATER_{name.upper()}"] == value
    assert settings.flow_folders == (EXAMPLES / "dataflows",)
    assert settings.allow_private_webhooks
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
