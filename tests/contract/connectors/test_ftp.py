"""FTP servers that are strict, odd, or broken, and what people are told about them."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connectors import (
    AuthenticationError,
    ConfigurationError,
    Connector,
    ConnectorError,
    UnreachableError,
    UntrustedHostError,
    create_connector,
)
from tests.servers.ftp import new_certificate
from tests.servers.processes import free_port
from tests.servers.pyftpdlib_ftp import PASSWORD, Faults, PyftpdlibServer, pyftpdlib_server
from tests.servers.scripted_ftp import Script, ScriptedServer, scripted_ftp
from tests.servers.silent import silent_server

Connect = Callable[..., Connector]


def failure(connector: Connector, kind: type[ConnectorError]) -> str:
    """The message of the error with which the check ends."""
    with pytest.raises(ConnectorError) as caught:
        connector.check()
    assert type(caught.value) is kind
    assert PASSWORD not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


class TestTrust:
    def test_an_unknown_certificate_is_shown_how_to_be_pinned(
        self, ftps_server: PyftpdlibServer, connect_ftp: Connect
    ) -> None:
        assert ftps_server.certificate is not None
        fingerprint = ftps_server.certificate.fingerprint
        message = failure(connect_ftp(ftps_server, ca_certificate=None), UntrustedHostError)
        assert message == (
            f"{ftps_server.name} showed a certificate with the SHA-256 fingerprint {fingerprint} that can't be "
            "verified with the authorities that this machine trusts: unable to get local issuer certificate. Nothing "
            "secret was sent to it. Compare the fingerprint with what the server's operator says; if it is the same, "
            f"set `certificate_fingerprint` to '{fingerprint}', or give the authority's certificate as "
            "`ca_certificate`."
        )
        assert {"USER", "PASS"}.isdisjoint(ftps_server.counts.commands)
        connect_ftp(ftps_server, ca_certificate=None, certificate_fingerprint=fingerprint).check()

    def test_one_of_several_pins_is_enough_in_any_spelling(
        self, ftps_server: PyftpdlibServer, connect_ftp: Connect
    ) -> None:
        assert ftps_server.certificate is not None
        fingerprint = ftps_server.certificate.fingerprint
        for spelling in (fingerprint, fingerprint.replace(":", "").lower(), f"SHA256:{fingerprint}"):
            pins = [new_certificate().fingerprint, spelling]
            (trust,) = [
                step
                for step in connect_ftp(ftps_server, ca_certificate=None, certificate_fingerprint=pins).check().steps
                if step.name == "trust"
            ]
            assert trust.detail == f"TLSv1.3, certificate {fingerprint}; it is a pinned one"

    def test_a_replaced_certificate(self, ftps_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        assert ftps_server.certificate is not None
        pin = new_certificate().fingerprint
        # A pin counts, even if the authority would have been trusted.
        assert failure(connect_ftp(ftps_server, certificate_fingerprint=pin), UntrustedHostError) == (
            f"{ftps_server.name} showed a certificate with the SHA-256 fingerprint "
            f"{ftps_server.certificate.fingerprint}, not one that is trusted ({pin}). Nothing secret was sent "
            "to it. If the certificate was replaced "
            "on purpose, update `certificate_fingerprint`."
        )
        assert {"USER", "PASS"}.isdisjoint(ftps_server.counts.commands)

    def test_a_certificate_of_another_name(
        self, ftps_server: PyftpdlibServer, connect_ftp: Connect, tmp_path: Path
    ) -> None:
        assert ftps_server.certificate is not None
        message = failure(connect_ftp(ftps_server, host="127.0.0.2"), UnreachableError)
        assert "was not reached" in message
        with pyftpdlib_server(tmp_path, tls="explicit", certificate=new_certificate("files.example.com")) as other:
            assert "can't be verified with `ca_certificate`: IP address mismatch" in failure(
                connect_ftp(other), UntrustedHostError
            )

    def test_without_verification_the_check_says_so(self, ftps_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        steps = connect_ftp(ftps_server, ca_certificate=None, verify_certificate=False).check().steps
        assert [step.name for step in steps] == ["reach", "trust", "authenticate", "list"]
        assert steps[1].detail.endswith("it was not verified, as `verify_certificate` says")

    def test_an_authority_as_text_and_as_file(
        self, ftps_server: PyftpdlibServer, connect_ftp: Connect, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        assert ftps_server.certificate is not None
        path = tmp_path_factory.mktemp("ca") / "ca.pem"
        path.write_text(ftps_server.certificate.authority)
        connect_ftp(ftps_server).check()
        connect_ftp(ftps_server, ca_certificate=str(path)).check()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("/no/such/file", "`ca_certificate` can't be read as a file: [Errno 2] No such file or directory"),
            ("-----BEGIN CERTIFICATE-----\nx\n", "`ca_certificate` holds no certificate that can be used: "),
        ],
    )
    def test_an_authority_that_is_none(
        self, ftps_server: PyftpdlibServer, connect_ftp: Connect, text: str, message: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            connect_ftp(ftps_server, ca_certificate=text)
        assert str(caught.value).startswith(message)


class TestNeverInTheClear:
    def test_a_server_without_tls(self, ftp_server: PyftpdlibServer) -> None:
        with closing(create_connector("ftps", ftp_server.config())) as connector:
            assert failure(connector, ConnectorError) == (
                f'FTPS server 127.0.0.1:{ftp_server.port} did not start TLS: it answered \'500 Command "AUTH" not '
                "understood.' to AUTH TLS. Nothing secret was sent, because kind `ftps` never falls back to clear "
                "text. Set `tls_mode` to 'implicit' if the server wants that, or ask its operator for TLS 1.2 or newer."
            )
        assert ftp_server.counts.commands == ["AUTH"]

    def test_a_server_that_does_not_encrypt_the_data(self, tmp_path: Path, connect_ftp: Connect) -> None:
        with pyftpdlib_server(tmp_path, tls="explicit", faults=Faults(missing={"PROT"})) as server:
            message = failure(connect_ftp(server), ConnectorError)
        assert "to PROT P, which encrypts the data. " in message

    def test_clear_text_between_the_agreement_and_tls(self, scripted: ScriptedServer) -> None:
        scripted.script.answers["AUTH"] = b"234 Go on.\r\n230 You are logged in already.\r\n"
        with closing(create_connector("ftps", scripted.config())) as connector:
            assert "did not start TLS: clear text came after the agreement on TLS. " in failure(
                connector, ConnectorError
            )

    def test_explicit_tls_with_a_server_of_implicit(self, tmp_path: Path, connect_ftp: Connect) -> None:
        with pyftpdlib_server(tmp_path, tls="implicit") as server:
            message = failure(connect_ftp(server, tls_mode="explicit", timeout_seconds=0.5), UnreachableError)
            assert message.endswith("A server with implicit TLS does not greet: then set `tls_mode`.")

    def test_implicit_tls_with_a_server_of_explicit(self, ftps_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        message = failure(connect_ftp(ftps_server, tls_mode="implicit"), ConnectorError)
        assert "did not start TLS: the handshake failed (WRONG_VERSION_NUMBER). " in message

    def test_clear_text_where_the_server_wants_tls(self, ftps_server: PyftpdlibServer) -> None:
        config = ftps_server.config(ca_certificate=None, tls_mode=None)
        with closing(create_connector("ftp", config)) as connector:
            message = failure(connector, ConnectorError)
        assert message.startswith(f"FTP server 127.0.0.1:{ftps_server.port} lets user 'feeds' in over TLS only.")
        assert message.endswith("Make the account one of kind `ftps`.")
        assert "PASS" not in ftps_server.counts.commands


class TestLogin:
    def test_a_wrong_password(self, ftp_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        assert failure(connect_ftp(ftp_server, password="wrong"), AuthenticationError) == (
            f"{ftp_server.name} did not accept user 'feeds' with this password. It answered '530 Authentication "
            "failed.'. Check the user name and the password, and that the server lets this user in from here."
        )

    def test_a_server_that_repeats_the_password(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        for answer in (b"530 hunter2 is wrong.\r\n", b"430 hunter2 is wrong.\r\n", b"530 Too many for hunter2.\r\n"):
            scripted.script.answers["PASS"] = answer
            with pytest.raises(ConnectorError) as caught:
                connect_ftp(scripted).check()
            assert "hunter2" not in str(caught.value)
            assert "hunter2" not in str(caught.value.__cause__)

    @pytest.mark.parametrize(
        "script",
        [
            Script(greeting=b"421 Too many users.\r\n"),
            Script(greeting=b"120 Ready in 5 minutes.\r\n"),
            Script(answers={"USER": b"421 Too many connections from this address.\r\n"}),
            Script(answers={"PASS": b"530 Sorry, the maximum number of allowed clients (5) already connected.\r\n"}),
        ],
        ids=["greeting", "120", "user", "530"],
    )
    def test_too_many_connections(self, script: Script, connect_ftp: Connect) -> None:
        with scripted_ftp(script) as server:
            message = failure(connect_ftp(server), UnreachableError)
        assert message.startswith(f"{server.name} takes no more connections now. It answered '")
        assert message.endswith(
            "Lower `max_connections` of this account (now 4) below what the server allows, or try again later."
        )

    def test_an_account_is_wanted(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.answers["PASS"] = b"332 Account, please.\r\n"
        assert "wants an account name (ACCT) of user 'feeds', which is not supported" in failure(
            connect_ftp(scripted), ConnectorError
        )

    def test_a_user_without_a_password(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.answers["USER"] = b"230 Welcome, whoever you are.\r\n"
        steps = connect_ftp(scripted, password=None, username="anonymous").check().steps
        assert steps[1].detail == "user 'anonymous' is logged in with no password, in clear text"
        assert not [command for command in scripted.commands if command.startswith("PASS")]


class TestReach:
    def test_nobody_listens(self, ftp_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        port = free_port()
        assert failure(connect_ftp(ftp_server, port=port), UnreachableError) == (
            f"FTP server 127.0.0.1:{port} was not reached: it refused the connection. Check `host` and `port`, and "
            "that the server runs and lets this machine in."
        )

    def test_a_name_that_has_no_address(self, ftp_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        message = failure(connect_ftp(ftp_server, host="no-such-host.invalid"), UnreachableError)
        assert message.startswith(
            f"FTP server no-such-host.invalid:{ftp_server.port} was not reached: the name 'no-such-host.invalid' has "
            "no address ("
        )

    def test_a_server_that_never_greets(self, ftp_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        with silent_server() as port:
            message = failure(connect_ftp(ftp_server, port=port, timeout_seconds=0.3), UnreachableError)
        assert message.startswith(f"FTP server 127.0.0.1:{port} did not answer within 0.3 s during the greeting.")

    @pytest.mark.parametrize("greeting", [b"", b"220-Welcome\r\n"], ids=["nothing", "half"])
    def test_a_server_that_hangs_up(self, ftp_server: PyftpdlibServer, connect_ftp: Connect, greeting: bytes) -> None:
        with silent_server(greeting) as port:
            assert failure(connect_ftp(ftp_server, port=port), UnreachableError) == (
                f"FTP server 127.0.0.1:{port} closed the connection during the greeting. Check that `port` is an FTP "
                "service's; the server may also have too many connections."
            )

    def test_a_server_of_another_kind(self, ftp_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        with silent_server(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
            assert failure(connect_ftp(ftp_server, port=port), ConnectorError) == (
                f"FTP server 127.0.0.1:{port} does not speak FTP as it should. It answered 'SSH-2.0-OpenSSH_9.2'. "
                "Check that `port` is an FTP service's."
            )

    @pytest.mark.parametrize(
        ("answer", "what"),
        [(b"211-" + b"x" * 40_000, "a line of more than 16384 bytes"), (b"211-\r\n" * 1200, "more than 1000 lines")],
        ids=["line", "lines"],
    )
    def test_an_answer_without_an_end(
        self, scripted: ScriptedServer, connect_ftp: Connect, answer: bytes, what: str
    ) -> None:
        scripted.script.answers["FEAT"] = answer
        assert what in failure(connect_ftp(scripted), ConnectorError)

    def test_an_answer_that_drips(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.greeting_drips = True
        message = failure(connect_ftp(scripted, timeout_seconds=0.5), UnreachableError)
        assert "did not answer within 0.5 s during the greeting" in message
