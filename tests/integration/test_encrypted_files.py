"""Dataflows whose files come encrypted with OpenPGP."""

import gzip
import logging
from collections.abc import Iterator

import pytest

from demo.data import ndjson
from headwater.errors import DocumentError
from headwater.flows.resources import apply_documents, read_documents
from headwater.model.documents import Account, Dataflow, SecretRef
from headwater.model.records import RecordCounts
from headwater.model.runs import FlowRun, FlowRunState
from tests.integration.installation import LOYALTY, Installation, environment
from tests.servers.pgp import PASSPHRASE, KeyRing, key_ring

KEY_VARIABLE, PASSPHRASE_VARIABLE = "TEST_PGP_KEY", "TEST_PGP_PASSPHRASE"
DATASET = "luma_loyalty_dataset"


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyRing]:
    with key_ring() as ring:
        yield ring


@pytest.fixture
def shop(luma: Installation, keys: KeyRing) -> Iterator[Installation]:
    """The example, with an account that has our key."""
    params = {
        "private_key": SecretRef(env=KEY_VARIABLE).to_json(),
        "passphrase": SecretRef(env=PASSPHRASE_VARIABLE).to_json(),
        "public_keys": keys.partner.public_key,
    }
    luma.workspace.catalog.resources.put(Account(name="luma_pgp", type="pgp", params=params))
    with environment({KEY_VARIABLE: keys.us.private_key, PASSPHRASE_VARIABLE: PASSPHRASE}):
        yield luma


def run(shop: Installation, request: dict[str, object] | None = None, **encryption: object) -> FlowRun:
    document = shop.flow(LOYALTY).to_authored()
    source = document["source"] | {"files": "*", "encryption": {"public_key_id": "luma_pgp"} | encryption}
    flow = Dataflow.from_json(document | {"source": source})
    return shop.run(LOYALTY, flow, **{"trigger": "scheduled", **(request or {})})


def people(shop: Installation, count: int) -> bytes:
    return ndjson(shop.data.loyalty[:count])


def test_encrypted_files_load_once(shop: Installation, keys: KeyRing) -> None:
    shop.put("luma-1.json.pgp", keys.encrypt(people(shop, 3)))
    shop.put("luma-2.json.asc", keys.encrypt(ndjson(shop.data.loyalty[3:5]), "--armor"))
    shop.put("luma-3.json.gz.gpg", keys.encrypt(gzip.compress(ndjson(shop.data.loyalty[5:9]))))
    first = run(shop)
    assert (first.state, first.files, first.counts) == (FlowRunState.SUCCESS, 3, RecordCounts(read=9, loaded=9))
    assert run(shop).state is FlowRunState.NO_NEW_DATA
    assert shop.workspace.lake.count(DATASET) == 9


@pytest.mark.parametrize("place", [-5, -1000, 20_000], ids=["integrity-check", "end", "middle"])
def test_of_a_file_that_was_tampered_with_nothing_loads(shop: Installation, keys: KeyRing, place: int) -> None:
    message = bytearray(keys.encrypt(people(shop, 900), "--compress-level=0"))
    message[place] ^= 1
    shop.put("luma-1.json.pgp", bytes(message))
    shop.put("luma-2.json.pgp", keys.encrypt(people(shop, 1)))
    found = run(shop)
    assert found.state is FlowRunState.FAILED
    assert (
        "/outbox/luma-1.json.pgp: the OpenPGP message is damaged, cut short or was tampered with: its integrity check "
        "failed. Have it sent again. Nothing of the file is loaded."
    ) in found.errors[0].message
    assert shop.workspace.lake.count(DATASET) == 0
    assert shop.workspace.profile_store.counts().profiles == 0


def test_a_run_of_some_records_verifies_the_whole_file(shop: Installation, keys: KeyRing) -> None:
    message = bytearray(keys.encrypt(people(shop, 900), "--compress-level=0"))
    message[-5] ^= 1
    shop.put("luma-1.json.pgp", bytes(message))
    found = run(shop, {"row_limit": 2})
    assert found.state is FlowRunState.FAILED
    assert "its integrity check failed" in found.errors[0].message
    assert shop.workspace.lake.count(DATASET) == 0


def test_what_is_not_encrypted_is_refused(shop: Installation, keys: KeyRing) -> None:
    shop.put("luma-1.json", people(shop, 2))
    found = run(shop)
    assert found.state is FlowRunState.FAILED
    assert "the file is not encrypted with OpenPGP, and `source.encryption` requires that" in found.errors[0].message
    assert run(shop, required=False).counts.loaded == 2


def test_a_signature_may_be_asked_for(shop: Installation, keys: KeyRing) -> None:
    shop.put("luma-1.json.pgp", keys.sign_and_encrypt(people(shop, 2), by=keys.stranger))
    found = run(shop, signer_fingerprints=[keys.partner.fingerprint])
    assert found.state is FlowRunState.FAILED
    assert f"a good signature by one of the keys {keys.partner.fingerprint}" in found.errors[0].message
    shop.put("luma-1.json.pgp", keys.sign_and_encrypt(people(shop, 2), by=keys.partner))
    assert run(shop, signer_fingerprints=[keys.partner.fingerprint]).counts.loaded == 2


def test_an_account_without_secrets_is_told(shop: Installation, keys: KeyRing) -> None:
    shop.put("luma-1.json.pgp", keys.encrypt(people(shop, 2)))
    found = run(shop, public_key_id="luma_sftp")
    assert found.state is FlowRunState.FAILED
    message = "account 'luma_sftp' is of type 'sftp'; `source.encryption` needs one of type 'pgp'"
    assert message in found.errors[0].message


def test_a_large_encrypted_file_is_not_divided(shop: Installation, keys: KeyRing) -> None:
    settings = shop.workspace.settings
    shop.workspace.settings = settings.model_copy(update={"split_bytes": 65_536})
    shop.put("luma-1.json.pgp", keys.encrypt(people(shop, 900), "--compress-level=0"))
    found = run(shop)
    assert found.counts.loaded == 900
    assert "'/outbox/luma-1.json.pgp' was not divided: it is encrypted with OpenPGP" in found.notes
    shop.workspace.settings = settings


def test_no_secret_is_logged_or_stored(shop: Installation, keys: KeyRing, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shop.put("luma-1.json.pgp", keys.encrypt(people(shop, 2)))
    shop.put("luma-2.json.pgp", keys.encrypt(people(shop, 2), to=keys.stranger))
    found = run(shop)
    texts = [caplog.text, repr(found), *(error.message for error in found.errors)]
    home = shop.workspace.settings.home
    texts += [path.read_text(errors="replace") for path in home.rglob("*") if path.is_file()]
    for secret in (PASSPHRASE, keys.us.private_key.splitlines()[3]):
        assert [text for text in texts if secret in text] == []


def test_documents_name_the_keys_and_hold_no_secret(
    luma: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = tmp_path_factory.mktemp("documents") / "luma-pgp.yaml"
    document.write_text("kind: account\nname: luma_pgp\ntype: pgp\nparams:\n  passphrase: in plain sight\n")
    with pytest.raises(DocumentError, match=r"a secret is not written into a document; give `\{env: VARIABLE\}`"):
        apply_documents(luma.workspace.catalog, read_documents([document]), tenant="t")
    document.write_text("kind: account\nname: luma_pgp\ntype: pgp\nparams: {privatekey: x}\n")
    with pytest.raises(DocumentError, match=r"unknown parameter `privatekey` of pgp; did you mean `private_key`\?"):
        apply_documents(luma.workspace.catalog, read_documents([document]), tenant="t")
    with pytest.raises(ValueError, match="'12AB' is no fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits"):
        Dataflow.from_json(
            luma.flow(LOYALTY).to_json()
            | {"source": {"account": "a", "encryption": {"publicKeyId": "k", "signerFingerprints": ["12AB"]}}}
        )
