import base64

import asyncssh
import paramiko
import pytest

from connectors import ConfigurationError
from connectors.sftp.trust import Pin, looks_like_known_hosts, parse_known_hosts, parse_pin
from tests.servers.sftp import new_key, public_line

ED25519, RSA = new_key(), new_key("ssh-rsa")
PIN = Pin(fingerprint=ED25519.get_fingerprint(), key_type="ssh-ed25519")


def pins(text: str, host: str = "files.example.com", port: int = 22) -> tuple[Pin, ...]:
    return parse_known_hosts(text, host=host, port=port)


SALT = base64.b64encode(b"twenty bytes of salt").decode()
"""Always the same, so that every worker of a test run sees the same names of tests."""


@pytest.mark.parametrize("key", [ED25519, RSA, new_key("ecdsa-sha2-nistp256")])
def test_fingerprint_and_public_key_pin_the_same(key: asyncssh.SSHKey) -> None:
    line = public_line(key)
    pinned = parse_pin(f"{line} a comment")
    assert parse_pin(pinned.fingerprint).fingerprint == pinned.fingerprint
    assert pinned.key_type == line.split()[0]


def test_the_fingerprint_is_the_one_that_openssh_prints() -> None:
    assert parse_pin(public_line(ED25519)) == PIN


def test_a_public_key_of_another_type_than_it_says() -> None:
    encoded = public_line(ED25519).split()[1]
    with pytest.raises(ConfigurationError, match="This is no host key"):
        parse_pin(f"ssh-rsa {encoded}")


@pytest.mark.parametrize(
    ("names", "port", "applies"),
    [
        ("files.example.com", 22, True),
        ("FILES.example.com", 22, True),
        ("other.example.com,files.example.com", 22, True),
        ("files.example.com", 2222, False),
        ("[files.example.com]:2222", 2222, True),
        ("[files.example.com]:2222", 22, False),
        ("*.example.com", 22, True),
        ("file?.example.com", 22, True),
        ("*.example.com,!files.example.com", 22, False),
        ("example.com", 22, False),
        (paramiko.HostKeys.hash_host("files.example.com", SALT), 22, True),
        (paramiko.HostKeys.hash_host("[files.example.com]:2222", SALT), 2222, True),
        (paramiko.HostKeys.hash_host("other.example.com", SALT), 22, False),
        ("|1|bad|hash", 22, False),
        ("|1|bad", 22, False),
    ],
)
def test_which_lines_of_known_hosts_apply(names: str, port: int, applies: bool) -> None:
    assert pins(f"{names} {public_line(ED25519)}", port=port) == ((PIN,) if applies else ())


def test_known_hosts_with_everything_around() -> None:
    text = f"# ours\n\nother {public_line(RSA)}\r\n  files.example.com\t{public_line(ED25519)} comment here\n"
    assert pins(text) == (PIN,)


@pytest.mark.parametrize(
    "line", ["files.example.com", "files.example.com ssh-ed25519", "h ssh-ed25519 !!", "h what AAAA"]
)
def test_a_line_that_can_not_be_read_is_named(line: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^Line 2 of `known_hosts` can't be read: expected names, a key type"):
        pins(f"# first\n{line}\n")


@pytest.mark.parametrize("marker", ["@revoked", "@cert-authority"])
def test_markers_are_refused_rather_than_ignored(marker: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^Line 1 of `known_hosts` starts with the marker '{marker}'"):
        pins(f"{marker} * {public_line(ED25519)}")


def test_text_and_path_of_known_hosts_are_told_apart() -> None:
    assert looks_like_known_hosts(f"h {public_line(ED25519)}")
    assert looks_like_known_hosts("# a\n# b")
    assert not looks_like_known_hosts("/etc/ssh/known_hosts")
    assert not looks_like_known_hosts("/etc/my hosts")


def test_base64_that_decodes_to_something_short() -> None:
    with pytest.raises(ConfigurationError, match="This is no host key"):
        parse_pin(f"ssh-ed25519 {base64.b64encode(b'x').decode()}")
