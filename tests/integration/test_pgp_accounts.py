"""What `headwater account` says of keys, and of files that are encrypted with them."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headwater.cli.app import app
from headwater.flows.workspace import open_workspace
from headwater.model.documents import Dataflow
from headwater.settings import Settings
from tests.servers.pgp import PASSPHRASE, KeyRing, key_ring

CSV = b"id;name\n1;Ada\n2;Grace\n"


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyRing]:
    with key_ring() as ring:
        yield ring


class Shell:
    """The command line, with a source in a local folder and accounts with keys."""

    def __init__(self, folder: Path, keys: KeyRing) -> None:
        self.folder = folder
        self.outbox = folder / "drop" / "outbox"
        self.outbox.mkdir(parents=True)
        self.environment = {
            "HEADWATER_HOME": str(folder / "home"),
            "KEY": keys.us.private_key,
            "PASSPHRASE": PASSPHRASE,
            "WRONG": "not this one",
        }
        self.apply(f"kind: account\nname: partner\ntype: local\nparams: {{root_path: {folder}/drop}}\n")
        self.account("ours", private_key={"env": "KEY"}, passphrase={"env": "PASSPHRASE"})

    def account(self, name: str, **params: object) -> None:
        """Apply an account of type `pgp`; a private key that is given as text is put into a file."""
        if isinstance(params.get("private_key"), str):
            secret = self.folder / f"{name}.asc"
            secret.write_text(str(params["private_key"]))
            params["private_key"] = {"file": str(secret)}
        self.apply(json.dumps({"kind": "account", "name": name, "type": "pgp", "params": params}))

    def flow(self, name: str, *, keys: str) -> None:
        """Store a dataflow of encrypted files; there is no dataset, which `apply` would ask for."""
        source = {"account": "partner", "path": "/outbox", "files": "*.pgp", "encryption": {"public_key_id": keys}}
        document = {"name": name, "source": source, "target": {"dataset": "orders"}, "schedule": {"frequency": "day"}}
        with open_workspace(Settings(home=self.folder / "home")) as opened:
            opened.catalog.resources.put(Dataflow.from_json(document))

    def apply(self, document: str) -> None:
        path = self.folder / "document.yaml"
        path.write_text(document)
        done = self.run("apply", str(path))
        assert done.exit_code == 0, done.stderr

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, env=self.environment)

    def checked(self, name: str) -> tuple[int, dict[str, tuple[str, str]]]:
        """Exit status, and each step's outcome and detail."""
        done = self.run("account", "check", name, "--json")
        steps: list[dict[str, str]] = json.loads(done.stdout)["steps"]
        assert PASSPHRASE not in done.output
        return done.exit_code, {step["name"]: (step["outcome"], step["detail"]) for step in steps}

    def preview(self, file: str, *options: str) -> dict[str, Any]:
        done = self.run("account", "preview", "partner", f"outbox/{file}", "--json", *options)
        assert done.exit_code == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def shell(tmp_path: Path, keys: KeyRing) -> Shell:
    return Shell(tmp_path, keys)


def test_keys_that_decrypt_pass(shell: Shell, keys: KeyRing) -> None:
    status, steps = shell.checked("ours")
    assert status == 0
    assert steps == {
        "keys": ("passed", f"private_key: {keys.us.fingerprint}"),
        "secret": ("passed", "the private key has a secret part that decrypts"),
        "passphrase": ("passed", "the passphrase opens it"),
    }


def test_a_key_without_a_passphrase_passes_too(shell: Shell, keys: KeyRing) -> None:
    shell.account("open", private_key=keys.stranger.private_key)
    assert shell.checked("open")[1]["passphrase"] == ("passed", "it has no passphrase")


def test_keys_of_senders_have_no_secret_to_open(shell: Shell, keys: KeyRing) -> None:
    shell.account("senders", public_keys=keys.partner.public_key)
    status, steps = shell.checked("senders")
    assert status == 0
    assert steps["keys"] == ("passed", f"public_keys: {keys.partner.fingerprint}")
    assert steps["secret"][0] == steps["passphrase"][0] == "notTried"
    assert "the account verifies signatures and does not decrypt" in steps["secret"][1]


@pytest.mark.parametrize(
    ("passphrase", "reason"),
    [
        ({"passphrase": {"env": "WRONG"}}, "its `passphrase` is wrong. Correct it."),
        ({}, "it needs a `passphrase`. Add it."),
    ],
    ids=["wrong", "missing"],
)
def test_a_passphrase_that_does_not_open_the_key_fails(
    shell: Shell, passphrase: dict[str, object], reason: str
) -> None:
    shell.account("locked", private_key={"env": "KEY"}, **passphrase)
    status, steps = shell.checked("locked")
    assert status == 1
    assert [outcome for outcome, _ in steps.values()] == ["passed", "passed", "failed"]
    assert steps["passphrase"][1] == f"the key of account 'locked' cannot be used: {reason}"


def test_a_public_key_in_place_of_the_private_one_fails(shell: Shell, keys: KeyRing) -> None:
    shell.account("half", private_key=keys.us.public_key)
    status, steps = shell.checked("half")
    assert status == 1
    assert [outcome for outcome, _ in steps.values()] == ["passed", "failed", "notTried"]
    assert "`private_key` is a public key, without its secret part" in steps["secret"][1]


def test_a_key_that_only_signs_fails(shell: Shell, keys: KeyRing) -> None:
    keys.run("--quick-gen-key", "signer@example.com", "ed25519", "sign", "never")
    shell.account("signer", private_key=keys.run("--armor", "--export-secret-keys", "signer@example.com").decode())
    status, steps = shell.checked("signer")
    assert status == 1
    assert "`private_key` has no secret part that decrypts, only such as sign" in steps["secret"][1]


def test_what_is_no_key_fails_at_once(shell: Shell) -> None:
    shell.account("none", private_key="-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nrubbish\n")
    status, steps = shell.checked("none")
    assert status == 1
    assert [outcome for outcome, _ in steps.values()] == ["failed", "notTried", "notTried"]
    assert steps["keys"][1] == "account 'none': GnuPG finds no key in `private_key`"


def test_a_file_is_looked_into_with_the_keys_that_are_named(shell: Shell, keys: KeyRing) -> None:
    (shell.outbox / "orders.csv.gz.pgp").write_bytes(keys.encrypt(gzip.compress(CSV)))
    found = shell.preview("orders.csv.gz.pgp", "--pgp", "ours")
    assert (found["compression"], found["rows"]) == (
        "pgp, gzip",
        [{"id": "1", "name": "Ada"}, {"id": "2", "name": "Grace"}],
    )
    done = shell.run("account", "preview", "partner", "outbox/orders.csv.gz.pgp")
    assert done.exit_code == 1
    assert "no dataflow that takes it says with which keys. Name the account of type `pgp`" in done.stderr


def test_a_file_is_looked_into_with_the_keys_that_its_dataflow_names(shell: Shell, keys: KeyRing) -> None:
    shell.flow("orders", keys="ours")
    (shell.outbox / "orders.csv.pgp").write_bytes(keys.encrypt(CSV))
    (shell.outbox / "plain.pgp").write_bytes(CSV)
    (shell.outbox / "orders.csv.asc").write_bytes(keys.encrypt(CSV))
    assert shell.preview("orders.csv.pgp")["compression"] == "pgp"
    assert shell.preview("plain.pgp")["compression"] is None
    assert "no dataflow that takes it" in shell.run("account", "preview", "partner", "outbox/orders.csv.asc").stderr


def test_two_dataflows_with_different_keys_are_not_guessed_between(shell: Shell, keys: KeyRing) -> None:
    shell.account("others", private_key=keys.stranger.private_key)
    shell.flow("one", keys="ours")
    shell.flow("two", keys="others")
    (shell.outbox / "orders.csv.pgp").write_bytes(keys.encrypt(CSV))
    done = shell.run("account", "preview", "partner", "outbox/orders.csv.pgp")
    assert "the dataflows one, two take it with different keys: others, ours. Say which with `--pgp ACCOUNT`." in (
        done.stderr
    )
    assert shell.preview("orders.csv.pgp", "--pgp", "ours")["sampled"] == 2


def test_keys_are_no_source(shell: Shell) -> None:
    for command in (("explore", "ours"), ("preview", "ours", "file")):
        done = shell.run("account", *command)
        assert done.exit_code == 1
        assert "account 'ours' is of type 'pgp': it holds keys, and is no source of files" in done.stderr
