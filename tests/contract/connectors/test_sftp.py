"""SFTP servers that are strict, odd, or broken, and what people are told about them."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from connectors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    Connector,
    ConnectorError,
    FileGoneError,
    RemoteFolder,
    TransferError,
    UnreachableError,
    UntrustedHostError,
    create_connector,
)
from tests.servers.asyncssh_sftp import PASSWORD, AsyncsshServer, Faults, asyncssh_server
from tests.servers.processes import free_port
from tests.servers.proxy import Proxy, running_proxy
from tests.servers.sftp import SftpServer, key_text, new_key, privatekeycontent, public_line
from tests.servers.silent import silent_server
from tests.servers.ssh_agent import ssh_agent
from tests.servers.two_factor import two_factor_server

MIB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AsyncsshServer]:
    with asyncssh_server(tmp_path) as server:
        yield server


@pytest.fixture
def connect() -> Iterator[Callable[..., Connector]]:
    """Build connectors that are closed at the end."""
    made: list[Connector] = []

    def build(server: SftpServer, **changes: object) -> Connector:
        made.append(create_connector("sftp", server.config(**changes)))
        return made[-1]

    yield build
    for connector in made:
        connector.close()


def failure(connector: Connector, kind: type[ConnectorError]) -> str:
    """The message of the error with which the check ends."""
    with pytest.raises(ConnectorError) as caught:
        connector.check()
    assert type(caught.value) is kind
    return str(caught.value)


Connect = Callable[..., Connector]


class TestTrust:
    def test_an_unknown_host_is_shown_how_to_be_pinned(self, server: AsyncsshServer, connect: Connect) -> None:
        message = failure(connect(server, host_key=None), UntrustedHostError)
        assert message == (
            f"SFTP server 127.0.0.1:{server.port} showed host key ssh-ed25519 {server.host_key}, and neither "
            "`host_key` nor `known_hosts` names a key for it. Nothing was sent to it. Compare the fingerprint with "
            f"what the server's operator says; if it is the same, set `host_key` to '{server.host_key}'."
        )
        connect(server, host_key=message.split("'")[-2]).check()

    def test_a_changed_host_key(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path) as before:
            connector = connect(before)
            connector.check()
        with asyncssh_server(tmp_path, port=before.port) as after:
            assert failure(connector, UntrustedHostError) == (
                f"SFTP server 127.0.0.1:{before.port} showed host key ssh-ed25519 {after.host_key}, not one that is "
                f"trusted ({before.host_key}). Nothing was sent to it. If the key was replaced on purpose, update "
                "`host_key`."
            )
            assert after.counts.logins_tried == []

    def test_one_of_several_pins_is_enough(self, server: AsyncsshServer, connect: Connect) -> None:
        pins = [new_key().get_fingerprint(), public_line(new_key()), server.public_key]
        connect(server, host_key=pins).check()
        connect(server, host_key=[*pins[:2], server.host_key]).check()

    @pytest.mark.parametrize("as_line", [True, False])
    def test_any_of_the_server_s_keys_may_be_pinned(self, tmp_path: Path, connect: Connect, as_line: bool) -> None:
        keys = [new_key(), new_key("ecdsa-sha2-nistp256"), new_key("ssh-rsa")]
        with asyncssh_server(tmp_path, host_keys=keys) as server:
            for key in keys:
                pin = public_line(key) if as_line else key.get_fingerprint()
                trust = connect(server, host_key=pin).check().steps[1]
                assert (trust.name, trust.detail.split()[4]) == ("trust", key.get_fingerprint())

    def test_known_hosts_as_text_and_as_file(self, server: AsyncsshServer, connect: Connect, tmp_path: Path) -> None:
        line = f"[127.0.0.1]:{server.port} {server.public_key}\n"
        path = tmp_path / "known hosts"
        path.write_text(f"# partners\n{line}")
        connect(server, host_key=None, known_hosts=line).check()
        connect(server, host_key=None, known_hosts=str(path)).check()
        path.write_text(f"[127.0.0.1]:{server.port} {public_line(new_key())}\n")
        assert "not one that is trusted" in failure(
            connect(server, host_key=None, known_hosts=str(path)), UntrustedHostError
        )

    def test_a_known_hosts_file_that_is_not_there(self, server: AsyncsshServer, connect: Connect) -> None:
        message = failure(connect(server, known_hosts="/no/such/file"), ConfigurationError)
        assert message.startswith("`known_hosts` can't be read as a file: [Errno 2] No such file or directory")


class TestLogin:
    def test_a_password(self, server: AsyncsshServer, connect: Connect) -> None:
        connect(server, private_key=None, password=PASSWORD).check()
        assert server.counts.logins_tried == ["password"]

    def test_base64_of_the_key_file(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path) as server:
            connect(server, private_key=privatekeycontent(server.key)).check()

    def test_the_step_says_how(self, server: AsyncsshServer, connect: Connect) -> None:
        steps = connect(server).check().steps
        assert [step.name for step in steps] == ["reach", "trust", "authenticate", "list"]
        assert steps[2].detail == "user 'feeds' is logged in with public key"

    def test_a_wrong_password(self, server: AsyncsshServer, connect: Connect) -> None:
        message = failure(connect(server, private_key=None, password="hunter2"), AuthenticationError)
        assert message == (
            f"SFTP server 127.0.0.1:{server.port} did not accept user 'feeds' with password. Check the user name and "
            "the credentials, and that the server allows this way of logging in."
        )
        assert server.counts.logins_tried == ["password"], "a wrong password must be tried once"

    def test_a_way_of_logging_in_that_the_server_does_not_offer(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, login="key") as server:
            message = failure(connect(server, private_key=None, password=PASSWORD), AuthenticationError)
        assert "did not accept user 'feeds' with password. It offers: publickey. Check" in message

    def test_nothing_is_tried_but_what_is_configured(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, login="password") as server:
            failure(connect(server), AuthenticationError)
            assert server.counts.logins_tried == []

    def test_the_password_helps_where_the_key_is_not_taken(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, login="password") as server:
            steps = connect(server, password=PASSWORD).check().steps
        assert steps[2].detail == "user 'feeds' is logged in with password"

    def test_the_password_stays_here_where_the_key_is_enough(self, server: AsyncsshServer, connect: Connect) -> None:
        steps = connect(server, password=PASSWORD).check().steps
        assert steps[2].detail == "user 'feeds' is logged in with public key"
        assert "password" not in server.counts.logins_tried

    def test_when_neither_is_accepted_both_are_named(self, server: AsyncsshServer, connect: Connect) -> None:
        connector = connect(server, private_key=key_text(new_key()), password="hunter2")
        message = failure(connector, AuthenticationError)
        assert "did not accept user 'feeds' with public key and password. Check" in message
        assert server.counts.logins_tried.count("password") == 1

    def test_a_server_that_wants_key_and_password(self, connect: Connect) -> None:
        with two_factor_server() as server:
            steps = connect(server, password=server.password).check().steps
            assert steps[2].detail == "user 'feeds' is logged in with public key and password"
            assert "with public key. It offers: password." in failure(connect(server), AuthenticationError)

    def test_a_server_that_asks_for_the_password(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, login="dialogue") as server:
            steps = connect(server, private_key=None, password=PASSWORD).check().steps
            assert steps[2].detail == "user 'feeds' is logged in with password in a dialogue"
            failure(connect(server, private_key=None, password="hunter2"), AuthenticationError)
            assert server.counts.logins_tried == ["dialogue", "dialogue"], "a wrong password must be tried once"

    def test_a_server_that_asks_for_more_than_the_password(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, login="two questions") as server:
            message = failure(connect(server, private_key=None, password=PASSWORD), AuthenticationError)
        assert "did not accept user 'feeds' with password and password in a dialogue." in message

    @pytest.mark.openssh
    def test_an_agent_s_keys(self, server: AsyncsshServer, connect: Connect) -> None:
        keys = [key_text(new_key("ssh-rsa")), key_text(new_key()), server.private_key]
        with ssh_agent(keys) as socket_path:
            steps = connect(server, private_key=None, agent_socket=str(socket_path)).check().steps
            assert steps[2].detail == "user 'feeds' is logged in with SSH agent"
        with ssh_agent(keys[:1]) as socket_path:
            connector = connect(server, private_key=None, agent_socket=str(socket_path))
            assert "with SSH agent." in failure(connector, AuthenticationError)

    @pytest.mark.openssh
    def test_an_agent_that_is_empty_or_not_there(
        self, server: AsyncsshServer, connect: Connect, tmp_path: Path
    ) -> None:
        with ssh_agent([]) as socket_path:
            message = failure(connect(server, private_key=None, agent_socket=str(socket_path)), ConfigurationError)
        assert message == (f"the SSH agent at `agent_socket` '{socket_path}' holds no keys. Add one with `ssh-add`.")
        message = failure(connect(server, private_key=None, agent_socket=str(tmp_path / "no")), ConfigurationError)
        assert message.startswith(f"no SSH agent answers at `agent_socket` '{tmp_path}/no' ([Errno 2] No such file")


class TestReach:
    def test_a_name_without_an_address(self, server: AsyncsshServer, connect: Connect) -> None:
        message = failure(connect(server, host="no-such-host.invalid"), UnreachableError)
        assert f"no-such-host.invalid:{server.port} was not reached: the name 'no-such-host.invalid' has no " in message

    def test_nobody_listens(self, server: AsyncsshServer, connect: Connect) -> None:
        port = free_port()
        assert failure(connect(server, port=port), UnreachableError) == (
            f"SFTP server 127.0.0.1:{port} was not reached: it refused the connection. Check `host` and `port`, and "
            "that the server runs and lets this machine in."
        )

    def test_nobody_answers_the_call(self, server: AsyncsshServer, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            waiting = [socket.create_connection(("127.0.0.1", port))]
            try:
                message = failure(connect(server, port=port, timeout_seconds=0.3), UnreachableError)
            finally:
                for connection in waiting:
                    connection.close()
        assert f"SFTP server 127.0.0.1:{port} did not answer within 0.3 s during " in message

    def test_a_server_that_never_greets(self, server: AsyncsshServer, connect: Connect) -> None:
        with silent_server() as port:
            assert failure(connect(server, port=port, timeout_seconds=0.3), UnreachableError) == (
                f"SFTP server 127.0.0.1:{port} did not answer within 0.3 s during the SSH handshake. Check that it is "
                "up, or raise `timeout_seconds`."
            )

    @pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 FTP ready\r\n"])
    def test_a_server_of_another_kind(self, server: AsyncsshServer, connect: Connect, greeting: bytes) -> None:
        with silent_server(greeting) as port:
            assert failure(connect(server, port=port), UnreachableError) == (
                f"SFTP server 127.0.0.1:{port} closed the connection without an SSH greeting. Check that `port` is the "
                "SSH port; the server may also have too many connections."
            )

    def test_a_server_with_weak_algorithms_only(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, encryption_algs=["aes128-cbc"], mac_algs=["hmac-sha1"]) as server:
            message = failure(connect(server), ConnectorError)
        assert "and this client share no safe algorithms: Incompatible ssh server (no acceptable ciphers)." in message

    def test_a_server_with_weak_digests_only(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, encryption_algs=["aes128-ctr"], mac_algs=["hmac-sha1"]) as server:
            message = failure(connect(server), ConnectorError)
        assert "and this client share no safe algorithms: Incompatible ssh server (no acceptable macs)." in message

    def test_a_server_that_starts_no_sftp(self, tmp_path: Path, connect: Connect) -> None:
        with asyncssh_server(tmp_path, faults=Faults(refused_sftp=True)) as server:
            message = failure(connect(server), AccessDeniedError)
        assert "lets user 'feeds' log in, but does not start SFTP for it" in message

    def test_a_server_that_hangs_when_sftp_starts(self, connect: Connect) -> None:
        with two_factor_server(hang=True) as server:
            connector = connect(server, password=server.password, timeout_seconds=2)
            assert "did not answer within 2 s during starting SFTP." in failure(connector, UnreachableError)

    def test_an_ipv6_address_is_shown_in_brackets(self, server: AsyncsshServer, connect: Connect) -> None:
        message = failure(connect(server, host="::1"), UnreachableError)
        assert message.startswith(f"SFTP server [::1]:{server.port} was not reached: ")


class TestTransfer:
    def test_the_connection_drops_in_the_middle_of_a_file(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "a.bin").write_bytes(bytes(8 * MIB))
        server.faults.drop_after_bytes = 3 * MIB
        connector = connect(server)
        with connector.open_file("a.bin") as stream, pytest.raises(TransferError) as caught:
            stream.read()
        assert str(caught.value) == (
            f"SFTP server 127.0.0.1:{server.port} dropped the connection while 'a.bin' was read. Try again; if it "
            "happens always, ask the server's operator."
        )
        assert caught.value.retryable
        server.faults.drop_after_bytes = None
        with connector.open_file("a.bin") as stream:
            assert len(stream.read()) == 8 * MIB, "the next call connects anew"

    def test_a_connection_that_was_lost_meanwhile_is_made_anew(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "a.bin").write_bytes(b"1")
        connector = connect(server)
        assert connector.stat_file("a.bin").size_bytes == 1
        server.drop_connections()
        with suppress(TransferError):  # raised only if the loss is noticed by this call, and not before
            connector.stat_file("a.bin")
        assert connector.stat_file("a.bin").size_bytes == 1
        assert server.counts.connections == 2

    def test_closing_after_the_server_has_gone(self, tmp_path: Path) -> None:
        (tmp_path / "a.bin").write_bytes(bytes(8 * MIB))
        for _ in range(10):  # the connection's thread may notice the loss before or after we close
            with ExitStack() as stack, asyncssh_server(tmp_path) as server:
                connector = stack.enter_context(closing(create_connector("sftp", server.config())))
                stack.enter_context(connector.open_file("a.bin")).read(1)

    def test_a_server_that_ends_a_file_too_early(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "a.bin").write_bytes(bytes(5 * MIB))
        server.faults.end_after_bytes = 4 * MIB + 1
        with connect(server).open_file("a.bin") as stream, pytest.raises(TransferError) as caught:
            stream.read()
        assert str(caught.value) == (
            f"SFTP server 127.0.0.1:{server.port} ended file 'a.bin' after 4194305 of the 5242880 bytes that it had "
            "announced. The file was cut short or the transfer was; read it again."
        )

    def test_a_server_that_answers_in_small_pieces(self, server: AsyncsshServer, connect: Connect) -> None:
        content = os.urandom(MIB)
        (server.root / "a.bin").write_bytes(content)
        server.faults.most_read_bytes = 10_000
        with connect(server).open_file("a.bin", offset=5) as stream:
            assert stream.read() == content[5:]

    @pytest.mark.parametrize("request_kind", ["list", "open", "read"])
    def test_a_server_that_stops_answering(self, server: AsyncsshServer, connect: Connect, request_kind: str) -> None:
        (server.root / "a.bin").write_bytes(b"1")
        connector = connect(server, timeout_seconds=2)
        connector.check()
        server.faults.hang.add(request_kind)
        with pytest.raises(TransferError) as caught:
            _use(connector)
        what = "'.'" if request_kind == "list" else "'a.bin'"
        assert str(caught.value) == (
            f"SFTP server 127.0.0.1:{server.port} stopped answering for 2 s while {what} was read. Try again, or raise "
            "`timeout_seconds`."
        )
        server.faults.hang.clear()
        _use(connector)

    def test_reads_no_further_ahead_than_it_says(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "a.bin").write_bytes(bytes(32 * MIB))
        with connect(server).open_file("a.bin") as stream:
            stream.read(1)
        assert server.counts.bytes_sent <= 9 * MIB, "8 MiB are the most that may be on their way"


def _use(connector: Connector) -> None:
    for file in connector.list_files(""):
        with connector.open_file(file.path) as stream:
            stream.read()


class TestListing:
    def test_a_server_that_says_nothing_about_its_files(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "in").mkdir()
        (server.root / "in/a.csv").write_bytes(b"12345")
        server.faults.no_attributes = True
        connector = connect(server)
        (file,) = connector.list_files("", recursive=True)
        assert (file.path, file.size_bytes, file.modified_at) == ("in/a.csv", None, None)
        assert list(connector.browse("")) == [RemoteFolder(path="in")]
        with connector.open_file("in/a.csv", offset=1) as stream:
            assert stream.read() == b"2345"

    def test_a_server_without_sizes_and_times(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "a.csv").write_bytes(b"12345")
        os.utime(server.root / "a.csv", (0, 0))
        server.faults.no_sizes = True
        (file,) = connect(server).list_files("")
        assert (file.size_bytes, file.modified_at) == (None, None)

    @pytest.mark.parametrize("name", [b"../secret", b"/etc/passwd", b"", b"nul\0"])
    def test_a_name_that_leads_elsewhere(self, server: AsyncsshServer, connect: Connect, name: bytes) -> None:
        server.faults.extra_names = (name,)
        with pytest.raises(ConnectorError) as caught:
            list(connect(server).list_files(""))
        assert str(caught.value) == (
            f"SFTP server 127.0.0.1:{server.port} listed an entry named {name.decode()!r} in folder '', which is no "
            "file name. Nothing was read from there. Ask the server's operator to remove it."
        )
        assert not caught.value.retryable

    def test_dots_in_a_listing_are_passed_over(self, server: AsyncsshServer, connect: Connect) -> None:
        server.faults.extra_names = (b".", b"..")
        assert list(connect(server).list_files("", recursive=True)) == []

    def test_a_denied_folder(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "in/private").mkdir(parents=True)
        server.faults.denied.add("/in/private")
        with pytest.raises(AccessDeniedError) as caught:
            list(connect(server).list_files("in", recursive=True))
        assert str(caught.value) == (
            f"SFTP server 127.0.0.1:{server.port} denies access to 'in/private'. Nothing was read from there. Ask its "
            "operator to let this account read it, or choose another path."
        )

    def test_folders_are_listed_only_when_they_are_reached(self, server: AsyncsshServer, connect: Connect) -> None:
        for number in range(10):
            (server.root / f"{number}").mkdir()
            (server.root / f"{number}/a.csv").touch()
        next(iter(connect(server).list_files("", recursive=True)))
        assert server.counts.folders_listed == 2

    def test_a_missing_folder_and_a_missing_file(self, server: AsyncsshServer, connect: Connect) -> None:
        with pytest.raises(FileGoneError) as folder:
            list(connect(server).list_files("Outbox"))
        assert str(folder.value) == (
            f"SFTP server 127.0.0.1:{server.port} has no folder 'Outbox'. Check the path, upper and lower case "
            "included."
        )
        with pytest.raises(FileGoneError) as file:
            connect(server).stat_file("a.csv")
        assert str(file.value) == (
            f"SFTP server 127.0.0.1:{server.port} has no file 'a.csv'. It was removed or renamed since it was listed, "
            "or the path is wrong."
        )


class TestFolderPath:
    def test_relative_paths_start_there_and_absolute_ones_stay_inside(
        self, server: AsyncsshServer, connect: Connect
    ) -> None:
        (server.root / "out/deep").mkdir(parents=True)
        (server.root / "out/deep/a.csv").write_bytes(b"1")
        (server.root / "outside.csv").write_bytes(b"2")
        connector = connect(server, folder_path="/out/")
        assert [file.path for file in connector.list_files("deep")] == ["deep/a.csv"]
        assert [file.path for file in connector.list_files("/out", recursive=True)] == ["/out/deep/a.csv"]
        assert connector.stat_file("/out/deep/a.csv").size_bytes == 1
        for path in ("/outside.csv", "/", "/out2"):
            with pytest.raises(AccessDeniedError) as caught:
                connector.stat_file(path)
        assert str(caught.value) == (
            f"SFTP server 127.0.0.1:{server.port}: path '/out2' is outside of folder '/out', which is all that this "
            "account gives access to. Choose a path inside, or change `folder_path`."
        )

    def test_without_it_paths_are_the_server_s(self, server: AsyncsshServer, connect: Connect) -> None:
        (server.root / "a.csv").write_bytes(b"1")
        connector = connect(server, folder_path=None)
        assert [file.path for file in connector.list_files("/")] == ["/a.csv"]
        assert [file.path for file in connector.list_files("")] == ["a.csv"]


class TestSeveralConnections:
    """A server that is far away is read over several connections, behind the ordinary stream."""

    @pytest.fixture
    def far(self, server: AsyncsshServer) -> Iterator[Proxy]:
        with running_proxy(server.port, delay_seconds=0.02) as proxy:
            yield proxy

    @pytest.fixture
    def content(self, server: AsyncsshServer) -> bytes:
        content = os.urandom(25 * MIB)
        (server.root / "a.bin").write_bytes(content)
        return content

    def test_a_large_file_is_read_in_order(
        self, server: AsyncsshServer, far: Proxy, content: bytes, connect: Connect
    ) -> None:
        with connect(server, port=far.port, max_connections=3).open_file("a.bin", offset=5) as stream:
            assert stream.read() == content[5:]
            assert far.most_seen == 3

    def test_they_are_kept_for_the_next_file_and_closed_at_the_end(
        self, server: AsyncsshServer, far: Proxy, content: bytes, connect: Connect
    ) -> None:
        connector = connect(server, port=far.port, max_connections=2)
        for _ in range(2):
            with connector.open_file("a.bin") as stream:
                assert stream.read() == content
        assert server.counts.connections == 2
        connector.close()
        far.wait_until_idle()

    @pytest.mark.parametrize("changes", [{"max_connections": 1}, {"disable_chunking": True}], ids=["one", "disabled"])
    def test_not_where_the_account_says_so(
        self, server: AsyncsshServer, far: Proxy, content: bytes, connect: Connect, changes: dict[str, object]
    ) -> None:
        with connect(server, port=far.port, **changes).open_file("a.bin") as stream:
            assert stream.read() == content
        assert far.most_seen == 1

    def test_a_server_that_allows_one_connection_is_read_over_that(
        self, server: AsyncsshServer, far: Proxy, content: bytes, connect: Connect
    ) -> None:
        far.most_connections = 1
        connector = connect(server, port=far.port)
        with connector.open_file("a.bin") as stream:
            assert stream.read() == content
        refused = far.refused
        assert refused > 0
        with connector.open_file("a.bin") as stream:
            assert stream.read() == content
        assert far.refused == refused, "a server that refuses is not asked again"

    def test_a_server_that_hangs_up_for_a_moment_is_called_again(
        self, server: AsyncsshServer, far: Proxy, connect: Connect
    ) -> None:
        far.cut_after = [1]
        connect(server, port=far.port).check()
        assert far.cut_after == []

    def test_a_file_that_is_short_is_read_over_one(self, server: AsyncsshServer, far: Proxy, connect: Connect) -> None:
        (server.root / "b.bin").write_bytes(bytes(MIB))
        with connect(server, port=far.port).open_file("b.bin") as stream:
            assert len(stream.read()) == MIB
        assert far.most_seen == 1

    def test_losing_one_is_an_error_and_no_gap(
        self, server: AsyncsshServer, far: Proxy, content: bytes, connect: Connect
    ) -> None:
        connector = connect(server, port=far.port, max_connections=3)
        far.cut_after = [10 * MIB]
        with connector.open_file("a.bin") as stream, pytest.raises(TransferError, match="dropped the connection"):
            stream.read()
        with connector.open_file("a.bin") as stream:
            assert stream.read() == content, "the next call connects anew"

    def test_the_head_of_a_file_is_read_over_one(
        self, server: AsyncsshServer, far: Proxy, content: bytes, connect: Connect
    ) -> None:
        with connect(server, port=far.port).open_file("a.bin") as stream:
            assert stream.read(3) == content[:3]
        assert far.most_seen == 1

    def test_abandoned_while_others_join(
        self, server: AsyncsshServer, far: Proxy, content: bytes, connect: Connect
    ) -> None:
        connector = connect(server, port=far.port)
        for _ in range(2):
            with connector.open_file("a.bin") as stream:
                assert stream.read(2 * MIB) == content[: 2 * MIB]
        assert server.counts.connections == 3
        connector.close()
        far.wait_until_idle()


@pytest.mark.openssh
class TestOpenSsh:
    @pytest.fixture
    def connector(self, openssh: SftpServer, openssh_folder: Path) -> Iterator[Connector]:
        config = openssh.config(folder_path=str(openssh_folder))
        with closing(create_connector("sftp", config)) as connector:
            yield connector

    def test_thousands_of_files(self, connector: Connector, openssh_folder: Path) -> None:
        for number in range(2_000):
            (openssh_folder / f"{number}.csv").touch()
        assert len({file.path for file in connector.list_files("")}) == 2_000

    def test_what_is_neither_file_nor_folder_is_passed_over(self, connector: Connector, openssh_folder: Path) -> None:
        os.mkfifo(openssh_folder / "pipe")
        (openssh_folder / "loop").symlink_to("loop")
        assert list(connector.browse("")) == []
        with pytest.raises(FileGoneError, match="'pipe' is not a file"):
            connector.stat_file("pipe")

    def test_a_denied_file(self, connector: Connector, openssh_folder: Path) -> None:
        (openssh_folder / "a.csv").touch(0)
        with pytest.raises(AccessDeniedError, match=r"denies access to 'a\.csv'"), connector.open_file("a.csv"):
            pytest.fail("it was opened")

    def test_the_time_is_the_file_s_in_utc(self, connector: Connector, openssh_folder: Path) -> None:
        (openssh_folder / "a.csv").touch()
        os.utime(openssh_folder / "a.csv", (0, 1_700_000_000))
        modified_at = connector.stat_file("a.csv").modified_at
        assert modified_at is not None
        assert modified_at.isoformat() == "2023-11-14T22:13:20+00:00"

    @pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
    def test_a_certificate_of_an_authority_that_it_trusts(self, openssh: SftpServer, algorithm: str) -> None:
        key, stranger = new_key(algorithm), new_key()
        config = openssh.config(private_key=key_text(key))
        for authority, fits in ((openssh.user_authority, True), (stranger, False)):
            assert authority is not None
            certificate = authority.generate_user_certificate(key, "feeds", principals=[openssh.username])
            text = certificate.export_certificate().decode()
            with closing(create_connector("sftp", config | {"certificate": text})) as connector:
                if fits:
                    connector.check()
                else:
                    assert "did not accept user" in failure(connector, AuthenticationError)

    def test_its_rsa_key_may_be_pinned_too(self, openssh: SftpServer) -> None:
        with closing(create_connector("sftp", openssh.config(host_key=openssh.other_host_keys[0]))) as connector:
            assert "ssh-rsa" in connector.check().steps[1].detail


class TestLeastSpeed:
    @pytest.fixture
    def slow(self, server: AsyncsshServer) -> AsyncsshServer:
        (server.root / "a.bin").write_bytes(os.urandom(100_000))
        server.faults.drip_bytes = 1000
        return server

    def test_a_server_that_trickles_is_cut_off(self, slow: AsyncsshServer, connect: Connect) -> None:
        connector = connect(slow, least_bytes_per_second=200_000, least_speed_seconds=0.3)
        with connector.open_file("a.bin") as stream, pytest.raises(TransferError) as caught:
            stream.read()
        assert re.fullmatch(
            rf"SFTP server 127\.0\.0\.1:{slow.port} sent \d+ bytes of 'a\.bin' in \d s, less than the 200000 bytes per "
            r"second that are the least\. The transfer was cut off\. Try again; if the source is always so slow, lower "
            r"`least_bytes_per_second`\.",
            str(caught.value),
        )
        assert (caught.value.retryable, caught.value.path) == (True, "a.bin")
        slow.faults.drip_bytes = None
        with connector.open_file("a.bin") as stream:
            assert len(stream.read()) == 100_000
        assert slow.counts.connections == 2, "the next call does not wait for what is still on its way"

    def test_a_listing_that_trickles_is_cut_off(self, server: AsyncsshServer, connect: Connect) -> None:
        for number in range(300):
            (server.root / f"{number}.csv").touch()
        server.faults.drip_names = True
        connector = connect(server, least_bytes_per_second=200_000, least_speed_seconds=0.3)
        with pytest.raises(TransferError, match=r"of '' in \d s, less than the 200000 bytes per second") as caught:
            list(connector.list_files(""))
        assert caught.value.retryable
        server.faults.drip_names = False
        assert len(list(connector.list_files(""))) == 300

    @pytest.mark.parametrize("least", [0, 5_000])
    def test_one_that_may_trickle_is_not(self, slow: AsyncsshServer, connect: Connect, least: int) -> None:
        connector = connect(slow, least_bytes_per_second=least, least_speed_seconds=0.3)
        with connector.open_file("a.bin") as stream:
            assert len(stream.read()) == 100_000
