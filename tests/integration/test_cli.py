import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from demo.data import file_contents, write_files
from headwater.cli.app import app
from tests.samples import sample_of_few_days
from tests.servers.asyncssh_sftp import asyncssh_server
from tests.servers.sftp import new_key

EXAMPLES = Path(__file__).parents[2] / "examples" / "luma"
HEADWATER = Path(sys.executable).with_name("headwater")


class Shell:
    """The command line on an installation of its own, which reads the Luma files from a local folder."""

    def __init__(self, folder: Path) -> None:
        self.outbox = folder / "drop" / "outbox"
        self.outbox.mkdir(parents=True)
        self.resources = folder / "resources"
        shutil.copytree(EXAMPLES, self.resources)
        account = f"kind: account\nname: luma_sftp\ntype: local\nparams: {{root_path: {folder}/drop}}\n"
        (self.resources / "accounts" / "luma-sftp.yaml").write_text(account)
        self.environment = {"HEADWATER_HOME": str(folder / "home"), "HEADWATER_TENANT": "techmarketingdemos"}

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, env=self.environment)

    def text(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.stderr
        return result.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.text(*arguments, "--json"))

    def refusal(self, *arguments: str) -> str:
        """What a command that fails says."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        return result.stderr

    def failed_step(self, *arguments: str) -> tuple[str, str]:
        """Name and detail of the step at which an account's check fails."""
        result = self.run(*arguments, "--json")
        assert (result.exit_code, result.stderr) == (1, "")
        [failed] = [step for step in json.loads(result.stdout)["steps"] if step["outcome"] == "failed"]
        return failed["name"], failed["detail"]

    def load(self, *flows: str) -> None:
        """Apply the documents, drop the files, run dataflows."""
        self.text("apply", str(self.resources))
        write_files(self.outbox, file_contents(sample_of_few_days()))
        for flow in flows:
            self.text("run", flow)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_documents_make_a_round_trip(shell: Shell) -> None:
    planned = shell.text("diff", str(shell.resources))
    applied = shell.text("apply", str(shell.resources))
    again = shell.text("apply", str(shell.resources))
    document = shell.text("get", "dataflow", "luma-crm")
    (shell.resources / "dataflows" / "luma-crm.yaml").write_text(document)

    assert "+ dataflow luma-crm\n" in planned
    assert planned.splitlines()[-1].endswith(" to create, 0 to change, 0 unchanged")
    assert applied.splitlines()[-1].endswith(" created, 0 changed, 0 unchanged")
    assert again.startswith("0 created, 0 changed, ")
    assert document.startswith("kind: dataflow\nname: luma-crm\n")
    assert shell.text("diff", str(shell.resources)).startswith("0 to create, 0 to change, ")


def test_diff_shows_fields_and_writes_nothing(shell: Shell) -> None:
    shell.text("apply", str(shell.resources))
    flow = shell.resources / "dataflows" / "luma-crm.yaml"
    flow.write_text(flow.read_text().replace("threshold_percent: 5", "threshold_percent: 7"))

    difference = shell.text("diff", str(flow))

    assert difference == (
        "~ dataflow luma-crm\n"
        "    partial_ingestion.threshold_percent: 5.0 → 7.0\n"
        "0 to create, 1 to change, 0 unchanged\n"
    )
    assert shell.json("get", "dataflow", "luma-crm")["partialIngestion"] == {"thresholdPercent": 5.0}
    assert shell.json("diff", str(flow))["changes"] == [
        {
            "action": "change",
            "kind": "dataflow",
            "name": "luma-crm",
            "file": str(flow),
            "fields": [{"path": "partial_ingestion.threshold_percent", "before": 5.0, "after": 7.0}],
        }
    ]


def test_wrong_documents_are_refused_with_their_places(shell: Shell) -> None:
    flow = shell.resources / "dataflows" / "luma-crm.yaml"
    flow.write_text(flow.read_text().replace("schedule:", "shedule:"))
    line = flow.read_text().splitlines().index(next(t for t in flow.read_text().splitlines() if "shedule" in t)) + 1

    assert shell.refusal("apply", str(shell.resources)) == (
        f"error: {flow}:{line}: shedule: unknown key `shedule`; did you mean `schedule`?\n"
    )


def test_get_lists_kinds_in_any_spelling(shell: Shell) -> None:
    shell.text("apply", str(shell.resources))

    assert [found["name"] for found in shell.json("get", "merge-policies")] == [
        "default",
        "loyalty_only",
        "loyalty_prioritized",
    ]
    assert shell.text("get", "Datasets").splitlines()[1].startswith("luma_crm_dataset")
    assert shell.refusal("get", "datasett").startswith(
        "error: no kind 'datasett'; did you mean `dataset`? Kinds are account, "
    )
    assert shell.refusal("get", "dataset", "nope").startswith(
        "error: no dataset 'nope' in the catalog; there are luma_"
    )


def test_a_run_shows_what_it_did(shell: Shell) -> None:
    shell.load()

    summary = shell.text("run", "luma-crm")
    again = shell.json("run", str(shell.resources / "dataflows" / "luma-crm.yaml"))

    fields = dict(line.rstrip().split("  ", 1) for line in summary.splitlines())
    assert fields["state"].strip() == "success"
    assert fields["records read"].strip() == fields["records loaded"].strip() == "1,000"
    assert again["state"] == "noNewData"
    assert [run["state"] for run in shell.json("flow-run", "list")] == ["noNewData", "success"]
    assert shell.json("flow-run", "show", again["id"]) == again


def test_a_dry_run_loads_nothing(shell: Shell) -> None:
    shell.load()

    shell.text("run", "luma-crm", "--dry-run")
    shell.text("run", "luma-crm", "--row-limit", "10")

    assert [dataset["records"] for dataset in shell.json("dataset", "list")] == [0, 0, 0, 0]
    assert shell.json("run", "luma-crm")["counts"] == {"read": 1000, "loaded": 1000, "failed": 0}


def test_a_run_takes_what_its_options_say(shell: Shell) -> None:
    shell.load()

    assert shell.json("run", "luma-crm", "--files", "nothing*")["state"] == "noNewData"
    assert shell.json("run", "luma-crm", "--to", "2000-01-01T00:00:00Z")["state"] == "noNewData"
    assert shell.refusal("run", "luma-crm", "--from", "yesterday", "--row-limit", "0") == (
        'error: --from: expected a time with its zone, such as "2026-11-01T02:00:00Z", found `yesterday`\n'
        "--row-limit: expected greater than or equal to 1, found `0`\n"
    )


def test_a_run_needs_its_dataset_applied(shell: Shell) -> None:
    flow = str(shell.resources / "dataflows" / "luma-crm.yaml")

    assert shell.refusal("run", flow) == (
        "error: no dataset 'luma_crm_dataset' in the catalog; there is none of that kind. "
        "Add it with `headwater apply`.\n"
    )
    assert shell.refusal("run", str(shell.resources / "accounts" / "luma-sftp.yaml")).endswith(
        "kind is 'account'; only a dataflow can be run\n"
    )


def test_a_failed_run_exits_with_1_and_shows_its_bad_records(shell: Shell) -> None:
    shell.load()
    (shell.outbox / "luma-crm.json").write_text('{"personID": 7, "person": 3}\nnot json\x1b[31m\n')
    os.utime(shell.outbox / "luma-crm.json", (1_600_000_000, 1_600_000_000))

    result = shell.run("run", "luma-crm", "--json")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: CONNECTOR-2001-500: 2 of 2 records of batch ")
    run = json.loads(result.stdout)
    assert (run["state"], run["counts"]) == ("failed", {"read": 2, "loaded": 0, "failed": 2})
    batch = shell.json("batch", "show", run["batchId"])
    assert batch["status"] == "failed"
    assert [found["id"] for found in shell.json("batch", "list", "--dataset", "luma_crm_dataset")] == [batch["id"]]
    rejected = shell.json("batch", "errors", batch["id"])
    assert [(record["_row"], record["_line"]) for record in rejected] == [(1, 1), (2, 2)]
    text = shell.text("batch", "errors", batch["id"], "--start", "1")
    assert "luma-crm.json: record 2, line 2, byte 29" in text
    assert "    1401 " in text
    assert "\\x1b[31m" in text
    assert "\x1b" not in text


def test_profiles_and_graph_show_what_is_known_and_from_where(shell: Shell) -> None:
    shell.load("luma-loyalty", "luma-crm", "luma-offline-purchases")

    profile = shell.text("profile", "show", "lumaLoyaltyId", "5625458", "--merge-policy", "loyalty_only")
    default = shell.json("profile", "show", "lumaLoyaltyId", "5625458")
    graph = shell.json("identity", "graph", "lumaLoyaltyId", "5625458")

    assert profile.splitlines()[0] == (
        "merge policy Loyalty Only; datasets luma_loyalty_dataset, luma_offline_purchase_events_dataset"
    )
    assert "/person/name/firstName" in profile
    assert default["policy"] == "default"
    assert default["attributes"]["person"]["name"]["lastName"] == "Wright"
    assert default["provenance"]["/person/name/firstName"]["dataset"] == "luma_crm_dataset"
    assert {identity["namespace"].lower() for identity in graph["identities"]} == {"lumaloyaltyid", "lumacrmid"}
    assert shell.text("identity", "graph", "lumaLoyaltyId", "5625458").startswith("namespace")
    assert shell.refusal("profile", "show", "lumaLoyaltyId", "0") == (
        "error: no profile has that identity in namespace 'lumaLoyaltyId'; values are compared exactly\n"
    )


def test_a_dataset_can_be_previewed(shell: Shell) -> None:
    shell.load("luma-products")

    records = shell.json("dataset", "preview", "luma_product_catalog_dataset", "--limit", "3")
    table = shell.text("dataset", "preview", "luma_product_catalog_dataset", "--limit", "3")

    assert len(records) == 3
    assert all(record["_techmarketingdemos"]["productSku"] for record in records)
    assert table.splitlines()[0].startswith("_techmarketingdemos.productSku")
    assert len(table.splitlines()) == 4
    [record] = shell.json("dataset", "preview", "luma_product_catalog_dataset", "--limit", "1", "--provenance")
    origin = record["_acp_system_metadata"]
    assert set(origin) == {"acp_sourceBatchId", "sourceFileId", "rowNumber", "byteOffset", "ingestTime"}
    shown = shell.text("dataset", "preview", "luma_product_catalog_dataset", "--limit", "1", "--provenance")
    assert "acp_" in shown
    assert shell.refusal("dataset", "preview", "nope").startswith("error: no dataset 'nope' in the catalog")


def test_an_account_is_checked_explored_and_previewed(shell: Shell) -> None:
    shell.load()

    assert shell.text("account", "check", "luma_sftp").startswith("✓ ")
    steps = shell.json("account", "check", "luma_sftp")["steps"]
    assert [(step["name"], step["outcome"]) for step in steps] == [
        ("reach", "passed"),
        ("list", "passed"),
        ("read", "passed"),
    ]
    assert steps[-1]["detail"].startswith("the first 512 bytes of 'outbox/luma-")
    assert [(e["type"], e["path"]) for e in shell.json("account", "explore", "luma_sftp")] == [("folder", "outbox")]
    paths = [e["path"] for e in shell.json("account", "explore", "luma_sftp", "outbox")]
    assert paths == sorted(paths)
    assert "outbox/luma-products.csv" in paths
    pages = [shell.json("account", "explore", "luma_sftp", "outbox", "--limit", "3", "--page", n) for n in "123"]
    assert [entry["path"] for page in pages for entry in page] == paths
    assert [len(page) for page in pages] == [3, 1, 0]
    first_page = shell.text("account", "explore", "luma_sftp", "outbox", "--limit", "3")
    assert first_page.splitlines()[-1] == "there are more entries; --page 2 shows the next"
    products = shell.json("account", "preview", "luma_sftp", "outbox/luma-products.csv", "--limit", "2")
    assert (products["format"], products["dialect"]["delimiter"], products["sampled"]) == ("csv", ",", 92)
    assert [column["name"] for column in products["columns"]][:2] == ["SKU", "Name"]
    assert len(products["rows"]) == 2
    assert "loyalty.joinDate" in shell.text("account", "preview", "luma_sftp", "outbox/luma-loyalty.json")
    assert shell.refusal("account", "check", "nope").startswith("error: account 'nope' does not exist")


def test_a_server_that_nobody_vouches_for_is_trusted_only_when_told_so(shell: Shell, tmp_path: Path) -> None:
    def account(host_key: str | None) -> None:
        params = server.config(host_key=host_key, private_key={"file": str(tmp_path / "key")})
        document = {"kind": "account", "name": "partner", "type": "sftp", "params": params}
        path = tmp_path / "partner.yaml"
        path.write_text(json.dumps(document))
        shell.text("apply", str(path))

    (tmp_path / "served").mkdir()
    with asyncssh_server(tmp_path / "served") as server:
        (tmp_path / "key").write_text(server.private_key)
        account(None)
        step, reason = shell.failed_step("account", "check", "partner")
        assert step == "trust"
        assert "Nothing was sent to it." in reason
        assert server.counts.logins_tried == []
        assert shell.text("account", "check", "partner", "--trust").splitlines()[-1] == f"  host_key: {server.host_key}"
        first_use = {"presented": f"ssh-ed25519 {server.host_key}", "field": "host_key", "value": server.host_key}
        assert shell.json("account", "check", "partner", "--trust")["firstUse"] == first_use
        assert shell.failed_step("account", "check", "partner") == (step, reason), "nothing is stored"
        account(new_key().get_fingerprint())
        assert "not one that is trusted" in shell.failed_step("account", "check", "partner", "--trust")[1]
        account(server.host_key)
        assert "vouches" not in shell.text("account", "check", "partner", "--trust")


def test_a_schema_is_shown_and_validates_files(shell: Shell, tmp_path: Path) -> None:
    shell.text("apply", str(shell.resources))
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"_techmarketingdemos": {"productSku": "a", "productPrice": 1.5}}\n')
    bad.write_text('{"_techmarketingdemos": {"productPrice": "x"}}\n' * 3)

    assert shell.json("schema", "show", "luma_product_catalog_schema")["properties"]["_techmarketingdemos"]
    assert "_techmarketingdemos.productSku" in shell.text("schema", "show", "luma_product_catalog_schema")
    assert shell.text("schema", "validate", "luma_product_catalog_schema", str(good)) == (
        "1 records read, 1 valid, 0 rejected\n"
    )
    result = shell.run("schema", "validate", "luma_product_catalog_schema", str(bad), "--limit", "1")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f"{bad}: record 1, line 1"
    assert result.stdout.splitlines()[-1] == "3 records read, 0 valid, 3 rejected"
    assert "    1555 " in result.stdout


def test_deliver_says_what_it_did(shell: Shell) -> None:
    assert shell.text("deliver") == "0 delivered, 0 pending\n"


def test_the_journal_is_read_and_replayed(shell: Shell) -> None:
    shell.text("apply", str(shell.resources))

    assert shell.text("notifications", "list").split() == [
        "webhook",
        "state",
        "waiting",
        "reason",
        "luma_webhook",
        "new",
        "0",
    ]
    assert shell.json("notifications", "journal", "luma_webhook") == {"events": [], "_page": {"count": 0, "last": None}}
    assert (
        shell.text("notifications", "journal", "luma_webhook", "--seek", "-PT2H")
        == "nothing in the journal after that\n"
    )
    assert shell.refusal("notifications", "journal", "luma_webhook", "--seek", "2h") == (
        "error: `seek` '2h' is no ISO 8601 duration, such as -PT2H or -P1D\n"
    )
    assert shell.json("notifications", "replay", "luma_webhook", "--since", "2026-11-01") == {"queued": 0}
    assert "the journal of webhook 'luma_webhook' has no event x" in shell.refusal(
        "notifications", "replay", "luma_webhook", "--event", "x"
    )


def test_our_errors_have_no_traceback_unless_asked_for(shell: Shell) -> None:
    assert shell.refusal("batch", "show", "x") == "error: no batch 'x' in the catalog\n"
    assert type(shell.run("--debug", "batch", "show", "x").exception).__name__ == "NotFoundError"


def test_an_unknown_setting_is_an_error(shell: Shell) -> None:
    shell.environment["HEADWATER_HOEM"] = "/x"

    assert shell.refusal("get", "dataset").startswith("error: unknown settings HEADWATER_HOEM; known are HEADWATER_")


def test_a_database_that_cannot_be_reached_is_said_to_be_so(shell: Shell) -> None:
    shell.environment["HEADWATER_CATALOG_URL"] = "postgresql://u:hunter2@127.0.0.1:1/x"

    message = shell.refusal("get", "dataset")

    assert "127.0.0.1:1/x" in message
    assert "Connection refused" in message
    assert "hunter2" not in message


def test_the_installed_command_runs_in_a_process_of_its_own(shell: Shell) -> None:
    applied = process(HEADWATER, "apply", "--json", shell.resources, **shell.environment)
    failed = process(HEADWATER, "get", "dataset", "nope", **shell.environment)

    assert applied.returncode == 0
    assert {change["action"] for change in json.loads(applied.stdout)["changes"]} == {"create"}
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: no dataset 'nope' in the catalog; there are luma_")
    assert "Traceback" not in failed.stderr


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'pyarrow', 'pyiceberg', 'sqlalchemy', 'paramiko', 'airflow', 'httpx'}"
    code = f"import headwater.cli.app, sys; sys.exit(' '.join({heavy} & set(sys.modules)) or None)"

    loaded = process(sys.executable, "-c", code)

    assert (loaded.returncode, loaded.stderr) == (0, "")


def process(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        command, env=os.environ | environment, capture_output=True, check=False, text=True, timeout=120
    )
