import pytest

from connectors import ConfigurationError, create_connector
from connectors.ftp import FtpConfig, FtpsConfig

FINGERPRINT = ":".join(["AB"] * 32)


def problem(kind: str, **settings: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        create_connector(kind, {"host": "h", "username": "u", "password": "p", **settings})
    return str(caught.value).removeprefix(f"The configuration of connector kind '{kind}' is wrong: ")


@pytest.mark.parametrize("host", ["", "ftp://h", "u@h", "h/in", "h\n"])
def test_a_host_is_only_a_host(host: str) -> None:
    assert problem("ftp", host=host) == "`host`: give a host name or an IP address alone, such as files.example.com."


@pytest.mark.parametrize("text", ["a\r\nDELE b", "a\nb", "a\0b"])
@pytest.mark.parametrize("field", ["username", "password"])
def test_a_line_break_never_becomes_a_command(field: str, text: str) -> None:
    message = problem("ftp", **{field: text})
    assert message == f"`{field}`: give it without line breaks, which FTP takes for the end of a command."


@pytest.mark.parametrize(
    "encoding", ["", "utf-16", "utf-7", "utf-8-sig", "cp037", "rot13", "base64", "idna", "no-such"]
)
def test_an_encoding_contains_ascii(encoding: str) -> None:
    assert problem("ftp", encoding=encoding) == (
        "`encoding`: give a character set that contains ASCII, such as utf-8, latin-1 or cp1252."
    )


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "CET+1"])
def test_a_zone_that_is_none(zone: str) -> None:
    assert problem("ftp", time_zone=zone) == (
        "`time_zone`: give the IANA name of a time zone, such as Europe/Berlin or UTC."
    )


@pytest.mark.parametrize("text", ["", "AB:CD", FINGERPRINT + ":AB", "SHA1:" + "AB" * 20, "G" * 64])
def test_a_fingerprint_that_is_none(text: str) -> None:
    assert problem("ftps", certificate_fingerprint=[FINGERPRINT, text]) == (
        "`certificate_fingerprint`: give the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, as `openssl "
        "x509 -noout -fingerprint -sha256` prints it."
    )


@pytest.mark.parametrize(
    "text",
    [FINGERPRINT, FINGERPRINT.lower(), "ab" * 32, f"SHA256:{FINGERPRINT}", f"sha256 Fingerprint={FINGERPRINT}\n"],
    ids=["colons", "lower", "bare", "prefix", "openssl"],
)
def test_every_spelling_of_a_fingerprint(text: str) -> None:
    config = FtpsConfig.model_validate({"host": "h", "certificate_fingerprint": text})
    assert config.fingerprints == (FINGERPRINT,)


def test_ports() -> None:
    assert FtpConfig.model_validate({"host": "h"}).server_port == 21
    assert FtpsConfig.model_validate({"host": "h"}).server_port == 21
    assert FtpsConfig.model_validate({"host": "h", "tls_mode": "implicit"}).server_port == 990
    assert FtpsConfig.model_validate({"host": "h", "tls_mode": "implicit", "port": 2990}).server_port == 2990


def test_clear_text_takes_no_tls_settings() -> None:
    assert "`tls_mode` is not a field" in problem("ftp", tls_mode="explicit")
    assert "`tls_mode`: Input should be 'explicit' or 'implicit'" in problem("ftps", tls_mode="none")


def test_the_schema_hides_the_password() -> None:
    for model in (FtpConfig, FtpsConfig):
        schema = model.model_json_schema()
        assert schema["required"] == ["host"]
        assert schema["properties"]["password"]["anyOf"][0]["writeOnly"]
