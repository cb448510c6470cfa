import base64
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from headwater.errors import SettingsError
from headwater.notify.signing import load_signing_keys, rotate_signing_keys


def test_there_are_none_until_they_are_made(tmp_path: Path) -> None:
    assert load_signing_keys(tmp_path / "nowhere") == ()


def test_two_are_made_for_nobody_else_to_read_and_the_older_one_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = rotate_signing_keys(folder)
    second = rotate_signing_keys(folder)

    assert len({key.id for key in first}) == 2
    assert second[1].id == first[0].id
    assert second[0].id not in {key.id for key in first}
    assert [key.id for key in load_signing_keys(folder)] == [key.id for key in second]
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {"1.pem": 0o600, "2.pem": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in repr(first)


def test_a_rotation_that_was_killed_half_way_leaves_a_key_and_can_be_repeated(tmp_path: Path) -> None:
    newer, _older = rotate_signing_keys(tmp_path)
    (tmp_path / "1.pem").replace(tmp_path / "2.pem")
    (tmp_path / "1.new").write_bytes(b"half")

    assert [key.id for key in load_signing_keys(tmp_path)] == [newer.id]
    assert rotate_signing_keys(tmp_path)[1].id == newer.id


def test_the_public_key_fits_the_signature_and_no_other_body(tmp_path: Path) -> None:
    key, other = rotate_signing_keys(tmp_path)
    signature = base64.b64decode(key.sign(b"body"))
    public = load_pem_public_key(key.public_pem)
    assert isinstance(public, RSAPublicKey)

    public.verify(signature, b"body", PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"bodY", PKCS1v15(), SHA256())
    assert key.path == f"/headwater/signing-keys/{key.id}.pem"
    assert other.sign(b"body") != key.sign(b"body")


def test_a_broken_key_is_said_to_be_broken_and_not_shown(tmp_path: Path) -> None:
    rotate_signing_keys(tmp_path)
    (tmp_path / "2.pem").write_text("hunter2")

    with pytest.raises(SettingsError, match=r"signing key .*2\.pem cannot be read \(ValueError\). Restore") as caught:
        load_signing_keys(tmp_path)
    assert "hunter2" not in str(caught.value)
