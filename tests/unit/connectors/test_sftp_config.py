import pytest

from connectors import ConfigurationError, create_connector
from connectors.sftp import SftpConfig

FINGERPRINT = "SHA256:" + "A" * 43


def problem(**settings: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        create_connector("sftp", {"host": "h", "username": "u", "password": "p", **settings})
    return str(caught.value).removeprefix("The configuration of connector kind 'sftp' is wrong: ")


@pytest.mark.parametrize("host", ["", "sftp://h", "u@h", "h/in", "h\n"])
def test_a_host_is_only_a_host(host: str) -> None:
    assert problem(host=host) == "`host`: give a host name or an IP address alone, such as files.example.com."


def test_credentials_are_needed() -> None:
    assert problem(password=None) == "give `password`, `private_key` or `agent_socket`."
    assert problem(passphrase="x") == "`passphrase` belongs to `private_key`, which is missing."


@pytest.mark.parametrize(
    "text", ["MD5:16:27:ac:a5", "16:27:ac:a5", "SHA256:short", "ssh-ed25519 ????", "ssh-ed25519", ""]
)
def test_a_host_key_that_is_none(text: str) -> None:
    assert problem(host_key=[FINGERPRINT, text]) == (
        "`host_key`: This is no host key: expected a fingerprint (SHA256:…, as `ssh-keygen -l` prints it) or a public "
        "key (ssh-ed25519 AAAA…)."
    )


def test_one_host_key_or_several() -> None:
    base = {"host": "h", "username": "u", "password": "p"}
    assert SftpConfig.model_validate(base).host_keys == ()
    assert SftpConfig.model_validate({**base, "host_key": FINGERPRINT}).host_keys == (FINGERPRINT,)
    assert SftpConfig.model_validate({**base, "host_key": [FINGERPRINT, FINGERPRINT]}).host_keys == (FINGERPRINT,) * 2


def test_the_schema_hides_secrets_and_requires_what_is_needed() -> None:
    schema = SftpConfig.model_json_schema()
    assert schema["required"] == ["host", "username"]
    for secret in ("password", "private_key", "passphrase"):
        assert schema["properties"][secret]["anyOf"][0] == {"format": "password", "type": "string", "writeOnly": True}
