"""No secret of any kind of account is left anywhere by a run, whether it goes well or is refused.

Every kind of source is read under Airflow with secrets that stand nowhere else; then all that the runs wrote and said
is searched for them: databases (metadata, XCom and rendered fields among it), logs, lake, diagnostics and messages.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import HttpUrl

from headwater.model.documents import Webhook
from headwater.model.runs import FlowRunState
from tests.airflow.environment import REPOSITORY
from tests.airflow.home import Home, migrate_database, prepare_home
from tests.integration.installation import SECRET, SECRET_VARIABLE
from tests.servers.asyncssh_sftp import asyncssh_server
from tests.servers.odd_gcs import odd_gcs
from tests.servers.odd_s3 import SECRET_KEY, odd_s3
from tests.servers.pyftpdlib_ftp import pyftpdlib_server
from tests.servers.webhook import Answer, WebhookReceiver, webhook_receiver

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("run_dags.py")
CANARY = "canary-9d41c7"
RECORDS = 40
DATASET = "luma_loyalty_dataset"
Config = Mapping[str, object]


def records(home: Home) -> bytes:
    """Some members, one of them broken, so that there are diagnostics."""
    members = json.loads((home.outbox / "luma-loyalty.json").read_text())[:RECORDS]
    members[7]["loyalty"]["points"] = "many"
    return json.dumps(members).encode()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = prepare_home(tmp_path / "home")
    migrate_database(home)
    return home


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        receiver.answers.append(Answer(headers={"Content-Type": "text/plain"}, echo="CHALLENGE"))
        yield receiver


@pytest.fixture
def accounts(home: Home, tmp_path: Path) -> Iterator[dict[str, tuple[str, Config]]]:
    """Kind and configuration of accounts by name: those that can be used, and one whose secret is refused."""
    content = records(home)
    folders = {kind: tmp_path / kind for kind in ("ftp", "ftps", "sftp")}
    for folder in folders.values():
        (folder / "outbox").mkdir(parents=True)
        (folder / "outbox" / "luma-loyalty.json").write_bytes(content)
    with ExitStack() as stack:
        ftp = stack.enter_context(pyftpdlib_server(folders["ftp"], password=f"{CANARY} &ftp"))
        ftps = stack.enter_context(pyftpdlib_server(folders["ftps"], tls="explicit", password=f"{CANARY} &ftps"))
        sftp = stack.enter_context(asyncssh_server(folders["sftp"]))
        s3, gcs = stack.enter_context(odd_s3()), stack.enter_context(odd_gcs())
        s3.files["outbox/luma-loyalty.json"] = gcs.files["outbox/luma-loyalty.json"] = content
        yield {
            "ftp-refused": ("ftp", ftp.config(password=f"{CANARY} &wrong")),
            "ftps": ("ftps", ftps.config()),
            "sftp": ("sftp", sftp.config()),
            "s3": ("s3", s3.config()),
            "gcs": ("gcs", gcs.config()),
        }


def test_no_secret_is_left_anywhere(
    home: Home, receiver: WebhookReceiver, accounts: dict[str, tuple[str, Config]]
) -> None:
    tell(home, receiver)
    for name in accounts:
        fresh = {"account: luma_sftp": f"account: {name.replace('-', '_')}", "path: /outbox": SETTLED}
        path = home.write_flow(f"flow-{name}", **fresh)
        path.write_text(f"{path.read_text()}notify: [luma_webhook]\n")

    output = run_all(with_accounts(home, accounts), [f"flow-{name}" for name in accounts])

    states = {}
    with home.workspace() as workspace:
        for run in workspace.catalog.flow_runs.latest():
            states[run.flow] = run.state
        lake = repr(workspace.lake.scan(DATASET).to_pylist())
    assert states == {
        f"flow-{name}": FlowRunState.FAILED if name.endswith("refused") else FlowRunState.SUCCESS for name in accounts
    }
    places = {
        **{str(path): path.read_bytes() for path in home.folder.rglob("*") if path.is_file()},
        "output": output.encode(),
        "lake": lake.encode(),
        "webhook": b"\n".join(request.body for request in receiver.requests),
    }
    assert found(places, "flow-ftp-refused") >= {
        str(home.folder / "airflow" / "airflow.db"),
        str(home.folder / "headwater" / "catalog.db"),
        "output",
    }, "the search has to find what is there"
    assert found(places, "ing_load_success") >= {"webhook"}
    for secret in secrets(accounts):
        assert found(places, secret) == set()


SETTLED = "path: /outbox\n  ready: {settle_seconds: 0}"


def tell(home: Home, receiver: WebhookReceiver) -> None:
    """Let the example's webhook point to the receiver."""
    with home.workspace() as workspace:
        webhook = workspace.catalog.resources.typed(Webhook, "luma_webhook")
        workspace.catalog.resources.put(webhook.model_copy(update={"url": HttpUrl(receiver.url())}))


def with_accounts(home: Home, accounts: dict[str, tuple[str, Config]]) -> Home:
    """The home with a Connection for each account, in the environment, where a secrets backend would be."""
    standard = {"host": "host", "port": "port", "username": "login", "password": "password"}
    variables = {SECRET_VARIABLE: SECRET, "HEADWATER_ALLOW_PRIVATE_WEBHOOKS": "true"}
    for name, (kind, config) in accounts.items():
        connection = {own: config[field] for field, own in standard.items() if field in config}
        extra = {field: value for field, value in config.items() if field not in standard}
        text = json.dumps({"conn_type": f"headwater_{kind}", **connection, "extra": extra})
        variables[f"AIRFLOW_CONN_{name.replace('-', '_').upper()}"] = text
    return replace(home, variables={**home.variables, **variables})


def run_all(home: Home, dag_ids: list[str]) -> str:
    """Run the Dags, and return all that was said."""
    done = subprocess.run(  # noqa: S603 (the tests' own command)
        [sys.executable, PROGRAM, *(text for dag_id in dag_ids for text in (dag_id, "{}"))],
        env={**home.variables, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert done.stdout.count("RESULT ") == len(dag_ids), done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def secrets(accounts: dict[str, tuple[str, Config]]) -> Iterator[str]:
    """What must not be found: every password that begins with the canary, a line of each private key, and so on."""
    yield from (CANARY, SECRET, SECRET_KEY)
    for text in (str(accounts["sftp"][1]["private_key"]), json.loads(str(accounts["gcs"][1]["service_account_key"]))):
        key = text if isinstance(text, str) else text["private_key"]
        yield key.splitlines()[2]


def found(places: Mapping[str, bytes], text: str) -> set[str]:
    """Where a text is, as it is or in one of the forms that hide it: in a URL, or alone in Base64."""
    plain = text.encode()
    forms = {plain, quote(text).encode(), base64.b64encode(plain)[: len(plain)]}
    return {place for place, content in places.items() if any(form in content for form in forms)}
