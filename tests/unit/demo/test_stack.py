import json
import socket
from pathlib import Path
from typing import Any

import pytest

from demo.documents import documents_to_apply, render_documents
from demo.environment import headwater_settings, plain_environment, stack_environment
from demo.errors import DemoError
from demo.lessons import LESSONS
from demo.sources import SOURCES, RunningSource, kind_of
from demo.stack import PREFERRED_PORT, choose_port
from demo.state import EXAMPLES, OUTLETS, SECRETS_FILE, SERVED_FOLDERS, State
from headwater.model.documents import Account, Dataflow, Resource, Webhook
from headwater.model.yaml import parse_document
from headwater.settings import Settings

HOST_KEY = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
SERVER = {"host": "127.0.0.1", "port": 2345, "username": "luma"}
PARAMS: dict[str, dict[str, Any]] = {
    "sftp": {**SERVER, "host_key": HOST_KEY},
    "ftps": {**SERVER, "ca_certificate": "-----BEGIN CERTIFICATE-----"},
    "ftp": SERVER,
    "s3": {"service_url": "http://127.0.0.1:2346", "bucket_name": "luma-exchange", "access_key": "luma"},
    "gcs": {"endpoint": "http://127.0.0.1:2347", "bucket_name": "luma-outlets", "anonymous": True},
}
RUNNING = tuple(RunningSource(source=source, params=PARAMS[source.kind]) for source in SOURCES)


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
    (first.outbox("ftps") / "luma-crm.json").touch()
    again = State.prepare(tmp_path / "demo", fresh=True)
    assert again.secrets != first.secrets
    assert list(again.outbox("ftps").iterdir()) == []


def test_secrets_that_an_earlier_demo_did_not_need_are_made_up(tmp_path: Path) -> None:
    first = State.prepare(tmp_path / "demo", fresh=False)
    stored = json.loads((first.root / SECRETS_FILE).read_text())
    del stored["s3_secret_key"]
    (first.root / SECRETS_FILE).write_text(json.dumps(stored))
    again = State.prepare(tmp_path / "demo", fresh=False)
    assert again.secrets.sftp_password == first.secrets.sftp_password
    assert again.secrets.s3_secret_key not in ("", first.secrets.s3_secret_key)
    assert State.prepare(tmp_path / "demo", fresh=False).secrets == again.secrets


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


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    render_documents(tmp_path, sources=RUNNING, webhook_url="http://127.0.0.1:4567/")
    return tmp_path


def read_rendered(rendered: Path, name: str) -> Resource:
    return parse_document((rendered / name).read_text(), file=name)


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("sftp", {"password": {"env": "LUMA_SFTP_PASSWORD"}}),
        ("ftps", {"password": {"env": "LUMA_FTPS_PASSWORD"}}),
        ("ftp", {"password": {"env": "LUMA_FTP_PASSWORD"}}),
        ("s3", {"secret_key": {"env": "LUMA_S3_SECRET_KEY"}}),
        ("gcs", {}),
    ],
    ids=SERVED_FOLDERS,
)
def test_rendered_accounts_hold_addresses_and_no_secret(rendered: Path, kind: str, secret: dict[str, Any]) -> None:
    account = read_rendered(rendered, f"accounts/luma-{kind}.yaml")
    assert isinstance(account, Account)
    assert (account.name, account.type, account.params) == (f"luma_{kind}", kind, PARAMS[kind] | secret)


def test_the_rendered_webhook_has_the_receivers_address(rendered: Path) -> None:
    webhook = read_rendered(rendered, "webhooks/luma-webhook.yaml")
    assert isinstance(webhook, Webhook)
    assert str(webhook.url) == "http://127.0.0.1:4567/"
    assert webhook.secret is not None
    assert webhook.secret.env == "LUMA_WEBHOOK_SECRET"


def test_rendered_dataflows_are_the_examples_with_another_account(rendered: Path) -> None:
    flow = read_rendered(rendered, "dataflows/luma-crm.yaml")
    original = parse_document((EXAMPLES / "dataflows" / "luma-crm.yaml").read_text(), file="luma-crm.yaml")
    assert isinstance(flow, Dataflow)
    assert isinstance(original, Dataflow)
    assert flow.source.account == "luma_ftps"
    assert flow == original.model_copy(update={"source": original.source.model_copy(update={"account": "luma_ftps"})})


def test_files_in_buckets_need_no_time_to_settle(rendered: Path) -> None:
    flows = [read_rendered(rendered, f"dataflows/{source.flow}.yaml") for source in SOURCES]
    assert {flow.source.account: flow.source.ready.settle_seconds for flow in flows if isinstance(flow, Dataflow)} == {
        "luma_sftp": 60,
        "luma_ftps": 60,
        "luma_ftp": 60,
        "luma_s3": 0,
        "luma_gcs": 0,
    }


def test_there_is_a_dataflow_from_each_kind_of_source() -> None:
    assert [source.kind for source in SOURCES] == list(SERVED_FOLDERS)
    assert [source.flow for source in SOURCES] == [lesson.flow for lesson in LESSONS]
    assert kind_of("luma-crm") == "FTPS"


def test_rendered_documents_stand_in_for_those_of_the_example(tmp_path: Path) -> None:
    folders = documents_to_apply(tmp_path)
    assert tmp_path in folders
    assert EXAMPLES / "schemas" in folders
    assert OUTLETS / "datasets" in folders
    assert {folder.name for folder in folders} & {"accounts", "webhooks", "dataflows"} == set()


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
    assert settings.flow_folders == (state.rendered / "dataflows",)
    assert settings.allow_private_webhooks
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
