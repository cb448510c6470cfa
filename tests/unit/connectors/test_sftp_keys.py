import asyncssh
import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors import ConfigurationError
from connectors.sftp.keys import add_certificate, load_private_key
from tests.servers.sftp import new_key, privatekeycontent

ALGORITHMS = ["ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]


def fingerprint(key: paramiko.PKey) -> str:
    return key.fingerprint


def locked_text(key: asyncssh.SSHKey, form: str, passphrase: str | None) -> str:
    return key.export_private_key(form, passphrase=passphrase, rounds=4, ignore_few_rounds=True).decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem", "pkcs1-pem"])
def test_every_form_of_key(algorithm: str, form: str) -> None:
    if form == "pkcs1-pem" and algorithm == "ssh-ed25519":
        form = "pkcs8-pem"  # PKCS #1 has no Ed25519
    key = new_key(algorithm)
    text = key.export_private_key(form).decode()
    assert fingerprint(load_private_key(text, None)) == key.get_fingerprint()


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem", "pkcs1-pem"])
def test_encrypted_keys(form: str) -> None:
    key = new_key("ssh-rsa")
    text = locked_text(key, form, "opera häuser")
    assert fingerprint(load_private_key(text, "opera häuser")) == key.get_fingerprint()


def test_base64_of_the_whole_file_as_aep_has_it() -> None:
    key = new_key("ssh-rsa")
    assert fingerprint(load_private_key(privatekeycontent(key), None)) == key.get_fingerprint()


def test_line_ends_and_blanks_around_do_no_harm() -> None:
    key = new_key()
    text = "\r\n  " + key.export_private_key().decode().replace("\n", "\r\n") + "  "
    assert fingerprint(load_private_key(text, None)) == key.get_fingerprint()


@pytest.mark.parametrize(
    "text",
    ["", "secret", "c2VjcmV0", "PuTTY-User-Key-File-3: ssh-ed25519\nsecret", "ssh-ed25519 AAAA secret", "/secret"],
)
def test_what_is_no_private_key(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_private_key(text, None)
    assert str(caught.value) == (
        "`private_key` is no private key: expected text that starts with `-----BEGIN … PRIVATE KEY-----`, or the "
        "Base64 of such a file. A PuTTY key (.ppk) has to be exported as an OpenSSH key first."
    )


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem", "pkcs1-pem"])
@pytest.mark.parametrize(("locked", "given"), [("right", "wrong"), ("right", None), (None, "wrong")])
def test_a_passphrase_that_does_not_fit(form: str, locked: str | None, given: str | None) -> None:
    text = locked_text(new_key("ssh-rsa"), form, locked)
    with pytest.raises(ConfigurationError) as caught:
        load_private_key(text, given)
    assert str(caught.value) == (
        "`private_key` can't be read. Paste the whole file, unchanged, and check `passphrase`: it has to be there if, "
        "and only if, the key is encrypted."
    )


def test_half_a_key() -> None:
    text = new_key("ssh-rsa").export_private_key().decode()
    with pytest.raises(ConfigurationError, match="`private_key` can't be read"):
        load_private_key(text[: len(text) // 2], None)


def test_dsa_is_refused() -> None:
    key = dsa.generate_private_key(2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ConfigurationError, match="Use RSA, ECDSA or Ed25519: `ssh-keygen -t ed25519`"):
        load_private_key(text, None)


def certificate_problem(text: str) -> str:
    key = load_private_key(new_key().export_private_key().decode(), None)
    with pytest.raises(ConfigurationError) as caught:
        add_certificate(key, text)
    return str(caught.value)


def test_a_certificate_that_is_none() -> None:
    assert certificate_problem("/etc/passwd").startswith("`certificate` can't be read: expected the text of a ")
    plain = new_key().export_public_key().decode()
    assert certificate_problem(plain).startswith("`certificate` is no user's certificate, but a plain key or a host's.")


def test_a_certificate_of_a_host_or_of_another_key() -> None:
    authority, key = new_key(), new_key()
    host = authority.generate_host_certificate(key, "h").export_certificate().decode()
    assert certificate_problem(host).startswith("`certificate` is no user's certificate, but a plain key or a host's.")
    other = authority.generate_user_certificate(key, "u").export_certificate().decode()
    assert certificate_problem(other) == "`certificate` belongs to another key than `private_key`. Give the pair."
