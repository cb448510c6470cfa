"""Listings and transfers of FTP servers that go wrong, in every way that one can go wrong."""

import os
import re
import socket
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors import (
    AccessDeniedError,
    Connector,
    ConnectorError,
    FileGoneError,
    RemoteFile,
    RemoteFolder,
    TransferError,
    UnreachableError,
    create_connector,
)
from tests.servers.pyftpdlib_ftp import Faults, PyftpdlibServer, pyftpdlib_server
from tests.servers.scripted_ftp import HANG_UP, ScriptedServer
from tests.servers.vsftpd import vsftpd_server

MIB = 1024 * 1024

Connect = Callable[..., Connector]

NO_FACTS = {"FEAT": b"500 What?\r\n", "MLSD": b"500 What?\r\n", "MLST": b"500 What?\r\n"}


def read(connector: Connector, path: str, offset: int = 0, length: int | None = None) -> bytes:
    with connector.open_file(path, offset=offset, length=length) as stream:
        return stream.read()


def transfer_error(connector: Connector) -> TransferError:
    """The error with which reading `a.csv` ends, which then reads as if nothing had happened."""
    with pytest.raises(TransferError) as caught:
        read(connector, "a.csv")
    assert caught.value.path == "a.csv"
    assert caught.value.retryable
    return caught.value


class TestTransfer:
    """A file is whole, or an error."""

    def test_all_is_well(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        connector = connect_ftp(scripted)
        assert read(connector, "a.csv") == b"0123456789"
        assert scripted.commands.count("PASV") == 1
        assert read(connector, "a.csv", 10) == b""

    def test_a_file_that_is_busy_is_not_denied(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.answers["CWD"] = b"550 No folder.\r\n"
        scripted.script.answers["RETR"] = b"450 File busy.\r\n"
        assert str(transfer_error(connect_ftp(scripted))) == (
            f"{scripted.name} does not give 'a.csv' now: it answered '450 File busy.'. Nothing was read from there. "
            "Try again later."
        )

    def test_a_file_whose_time_is_not_told_now_is_listed(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.answers |= {**NO_FACTS, "MDTM": b"450 File busy.\r\n"}
        scripted.script.data["LIST"] = b"-rw-r--r-- 1 u g 10 Nov 22 06:00 a.csv\r\n"
        assert [file.path for file in connect_ftp(scripted).list_files("")] == ["a.csv"]

    @pytest.mark.parametrize("received", [0, 1, 5, 9], ids=str)
    def test_the_data_ends_early_and_the_server_calls_it_done(
        self, scripted: ScriptedServer, connect_ftp: Connect, received: int
    ) -> None:
        connector = connect_ftp(scripted)
        scripted.script.data["RETR"] = b"0123456789"[:received]
        error = transfer_error(connector)
        assert str(error) == (
            f"{scripted.name} ended file 'a.csv' after {received} of the 10 bytes that it had announced. The file was "
            "cut short or the transfer was; read it again."
        )
        assert (error.expected_bytes, error.received_bytes) == (10, received)
        scripted.script.data["RETR"] = b"0123456789"
        assert read(connector, "a.csv") == b"0123456789", "on the same connection"
        assert scripted.commands.count("PASS hunter2") == 1

    @pytest.mark.parametrize("received", [0, 5, 10], ids=str)
    @pytest.mark.parametrize("with_size", [True, False], ids=["size", "no size"])
    def test_the_server_admits_that_it_failed(
        self, scripted: ScriptedServer, connect_ftp: Connect, received: int, with_size: bool
    ) -> None:
        if not with_size:
            scripted.script.answers["SIZE"] = b"500 What?\r\n"
            scripted.script.data["MLSD"] = b"type=file; a.csv\r\n"
        scripted.script.data["RETR"] = b"0123456789"[:received]
        scripted.script.farewells["RETR"] = b"451 The disk failed.\r\n"
        error = transfer_error(connect_ftp(scripted))
        if with_size and received < 10:
            assert (error.expected_bytes, error.received_bytes) == (10, received)
        else:
            assert "did not deliver 'a.csv': it answered '451 The disk failed.'. The file was cut short" in str(error)

    @pytest.mark.parametrize("received", [0, 5, 10], ids=str)
    def test_the_server_is_gone_before_it_has_said_that_it_is_done(
        self, scripted: ScriptedServer, connect_ftp: Connect, received: int
    ) -> None:
        scripted.script.data["RETR"] = b"0123456789"[:received]
        scripted.script.farewells["RETR"] = HANG_UP
        assert str(transfer_error(connect_ftp(scripted))) == (
            f"{scripted.name} dropped the connection while 'a.csv' was read. Try again; if it happens always, ask the "
            "server's operator."
        )

    @pytest.mark.parametrize("received", [0, 5, 10], ids=str)
    def test_the_data_connection_is_reset(self, scripted: ScriptedServer, connect_ftp: Connect, received: int) -> None:
        scripted.script.data["RETR"] = b"0123456789"[:received]
        scripted.script.data_reset = True
        assert "dropped the connection while 'a.csv' was read" in str(transfer_error(connect_ftp(scripted)))

    def test_more_bytes_than_announced_are_what_was_appended_meanwhile(
        self, scripted: ScriptedServer, connect_ftp: Connect
    ) -> None:
        scripted.script.data["RETR"] = b"0123456789" * MIB
        connector = connect_ftp(scripted)
        assert read(connector, "a.csv") == b"0123456789"
        assert connector.stat_file("a.csv").size_bytes == 10, "on the same connection"
        assert scripted.commands.count("PASS hunter2") == 1

    def test_a_server_that_answers_twice_to_a_transfer_that_was_broken_off(
        self, scripted: ScriptedServer, connect_ftp: Connect
    ) -> None:
        scripted.script.data["RETR"] = bytes(8 * MIB)
        scripted.script.farewells["RETR"] = b"426 Broken off.\r\n226 Done anyhow.\r\n"
        connector = connect_ftp(scripted)
        assert read(connector, "a.csv", 0, 3) == b"\0\0\0"
        scripted.script.answers["SIZE"] = b"213 7\r\n"
        scripted.script.answers["MLST"] = b"500 What?\r\n"
        assert connector.stat_file("a.csv").size_bytes == 7, "answers and commands are in step"

    def test_a_server_without_restart_sends_what_is_not_wanted(
        self, scripted: ScriptedServer, connect_ftp: Connect
    ) -> None:
        scripted.script.answers["REST"] = b"502 Not here.\r\n"
        assert read(connect_ftp(scripted), "a.csv", 4) == b"456789"
        assert read(connect_ftp(scripted), "a.csv", 4, 3) == b"456"

    def test_a_transfer_that_stalls(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        connector = connect_ftp(scripted, timeout_seconds=0.5)
        connector.check()
        scripted.script.data_drips = True
        scripted.script.answers["SIZE"] = b"213 1000000\r\n"
        assert str(transfer_error(connector)) == (
            f"{scripted.name} stopped answering for 0.5 s while 'a.csv' was read. Try again, or raise "
            "`timeout_seconds`."
        )

    def test_a_transfer_that_trickles(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        speed = {"least_bytes_per_second": 100_000, "least_speed_seconds": 0.3}
        connector = connect_ftp(scripted, timeout_seconds=20, **speed)
        connector.check()
        scripted.script.data_drips = True
        scripted.script.answers["SIZE"] = b"213 1000000\r\n"
        error = transfer_error(connector)
        assert re.fullmatch(
            rf"{re.escape(scripted.name)} sent \d+ bytes of 'a\.csv' in \d s, less than the 100000 bytes per second "
            r"that are the least\. The transfer was cut off\. Try again; if the source is always so slow, lower "
            r"`least_bytes_per_second`\.",
            str(error),
        )
        assert error.retryable
        scripted.script.data_drips = False
        scripted.script.answers["SIZE"] = b"213 10\r\n"
        assert read(connector, "a.csv") == b"0123456789", "the next call connects anew"

    def test_a_listing_that_trickles(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        speed = {"least_bytes_per_second": 100_000, "least_speed_seconds": 0.3}
        connector = connect_ftp(scripted, timeout_seconds=20, **speed)
        connector.check()
        scripted.script.data_drips = True
        with pytest.raises(TransferError, match=r"of '' in \d s, less than the 100000 bytes per second") as caught:
            list(connector.list_files(""))
        assert caught.value.retryable

    def test_a_server_that_stops_answering(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        connector = connect_ftp(scripted, timeout_seconds=0.5)
        connector.check()
        scripted.script.answers["SIZE"] = b""
        assert "stopped answering for 0.5 s while 'a.csv' was read" in str(transfer_error(connector))
        scripted.script.answers["SIZE"] = b"213 10\r\n"
        assert read(connector, "a.csv") == b"0123456789", "the next call connects anew"

    def test_a_data_port_behind_a_firewall(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            high, low = divmod(closed.getsockname()[1], 256)
            scripted.script.answers["PASV"] = f"227 Entering (127,0,0,1,{high},{low}).\r\n".encode()
            assert str(transfer_error(connect_ftp(scripted))) == (
                f"{scripted.name} answers, but no data connection for 'a.csv' came about: Connection refused. A "
                "firewall may be in the way: try `passive_mode: false`, or have the server's data ports opened."
            )

    def test_a_server_that_can_not_open_its_data_connection(
        self, scripted: ScriptedServer, connect_ftp: Connect
    ) -> None:
        scripted.script.answers["RETR"] = b"425 Can't open data connection.\r\n"
        assert str(transfer_error(connect_ftp(scripted))).endswith(
            "It is the data connection that failed: try `passive_mode: false`, or ask its operator."
        )

    def test_an_idle_connection_that_was_closed_is_made_anew_without_an_error(
        self, scripted: ScriptedServer, connect_ftp: Connect
    ) -> None:
        scripted.script.answers["MDTM"] = b"213 20261122060000\r\n421 Idle for too long.\r\n"
        connector = connect_ftp(scripted)
        assert [connector.stat_file("a.csv").size_bytes for _ in range(3)] == [10, 10, 10]
        assert scripted.commands.count("PASS hunter2") == 3

    def test_one_connection_is_enough_for_one_file_after_the_other(self, tmp_path: Path, connect_ftp: Connect) -> None:
        for number in range(5):
            (tmp_path / f"{number}.csv").write_bytes(b"1" * MIB)
        with pyftpdlib_server(tmp_path, most_connections=1) as server:
            connector = connect_ftp(server)
            for file in connector.list_files(""):
                with connector.open_file(file.path) as stream:
                    assert len(stream.read()) == MIB
                    assert connector.stat_file(file.path).size_bytes == MIB, "the file has been received by now"
            assert server.counts.connections == 1

    def test_two_files_at_once_where_one_connection_is_allowed(self, tmp_path: Path, connect_ftp: Connect) -> None:
        (tmp_path / "a.csv").write_bytes(bytes(16 * MIB))
        with pyftpdlib_server(tmp_path, most_connections=1) as server:
            connector = connect_ftp(server)
            with connector.open_file("a.csv") as stream:
                stream.read(1)
                with pytest.raises(UnreachableError, match="takes no more connections now") as caught:
                    connector.stat_file("a.csv")
                assert "Lower `max_connections` of this account" in str(caught.value)
                assert len(stream.read()) == 16 * MIB - 1, "the first file is not disturbed"

    def test_an_error_of_the_reader_is_not_taken_for_the_server_s(
        self, ftp_server: PyftpdlibServer, connect_ftp: Connect
    ) -> None:
        (ftp_server.root / "a.csv").write_bytes(bytes(8 * MIB))
        connector = connect_ftp(ftp_server)
        with pytest.raises(TimeoutError, match="mine"), connector.open_file("a.csv") as stream:
            _fail_after_a_byte(stream)
        assert len(read(connector, "a.csv")) == 8 * MIB

    def test_the_address_that_a_server_behind_nat_names_is_ignored(self, tmp_path: Path, connect_ftp: Connect) -> None:
        (tmp_path / "a.csv").write_bytes(b"1")
        with pyftpdlib_server(tmp_path, masquerade_address="192.0.2.1") as server:
            assert read(connect_ftp(server), "a.csv") == b"1"
            with pytest.raises(TransferError, match=r"no data connection for 'a\.csv' came about"):
                read(connect_ftp(server, use_server_address=True, timeout_seconds=0.5), "a.csv")

    def test_a_server_that_has_epsv_only(self, tmp_path: Path, connect_ftp: Connect) -> None:
        (tmp_path / "a.csv").write_bytes(b"1")
        with pyftpdlib_server(tmp_path, faults=Faults(missing={"PASV"})) as server:
            connector = connect_ftp(server)
            assert read(connector, "a.csv") == read(connector, "a.csv") == b"1"
            assert server.counts.commands.count("PASV") == 1, "it is not asked again"


def _fail_after_a_byte(stream: BinaryIO) -> None:
    stream.read(1)
    raise TimeoutError("mine")


class TestNames:
    @pytest.mark.parametrize("name", ["a\r\nDELE b.csv", "a\nDELE b.csv", "a\rb"])
    def test_a_line_break_in_a_name_never_becomes_a_command(
        self, scripted: ScriptedServer, connect_ftp: Connect, name: str
    ) -> None:
        connector = connect_ftp(scripted)
        for use in (connector.stat_file, lambda path: read(connector, path), lambda path: list(connector.browse(path))):
            with pytest.raises(AccessDeniedError) as caught:
                use(name)
            assert str(caught.value) == (
                f"{scripted.name}: path {name!r} was refused, because it has a line break, at which FTP ends a "
                "command. Nothing was sent. Have it renamed."
            )
        assert not [command for command in scripted.commands if "DELE" in command]

    def test_a_listed_line_break_hides_no_other_file(self, ftp_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        for name in ("line\nbreak.csv", "other.csv"):
            (ftp_server.root / name).write_bytes(b"1")
        for missing in (set[str](), {"MLSD", "MLST"}):
            ftp_server.faults.missing = missing
            paths = {file.path for file in connect_ftp(ftp_server).list_files("")}
            assert paths == {"line\nbreak.csv", "other.csv"}

    def test_names_that_are_not_in_the_encoding_are_kept(
        self, ftp_server: PyftpdlibServer, connect_ftp: Connect
    ) -> None:
        (ftp_server.root / os.fsdecode(b"caf\xe9.csv")).write_bytes(b"1")
        (ftp_server.root / "€.csv").write_bytes(b"2")
        by_default = connect_ftp(ftp_server)
        listed = {ascii(file.path) for file in by_default.list_files("")}  # a report can carry no lone surrogate
        assert listed == {ascii("caf\udce9.csv"), ascii("€.csv")}
        assert read(by_default, "caf\udce9.csv") == b"1"

    def test_another_encoding(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.data["MLSD"] = b"type=file;size=10;modify=20261122060000; caf\xe9.csv\r\n"
        connector = connect_ftp(scripted, encoding="latin-1")
        assert [file.path for file in connector.list_files("")] == ["café.csv"]
        assert read(connector, "café.csv") == b"0123456789"
        assert "RETR /caf\udce9.csv" in scripted.commands
        assert "OPTS UTF8 ON" not in scripted.commands
        with pytest.raises(AccessDeniedError) as caught:
            connector.stat_file("€.csv")
        assert str(caught.value) == (
            f"{scripted.name}: path '€.csv' was refused, because it has a character that `encoding` 'latin-1' does "
            "not have. Correct the path, or `encoding`."
        )

    @pytest.mark.parametrize("name", ["../secret", "/etc/passwd"])
    def test_a_name_that_leads_elsewhere(self, scripted: ScriptedServer, connect_ftp: Connect, name: str) -> None:
        scripted.script.data["MLSD"] = f"type=file;size=1; {name}\r\n".encode()
        with pytest.raises(ConnectorError) as caught:
            list(connect_ftp(scripted).list_files(""))
        assert str(caught.value) == (
            f"{scripted.name} listed an entry named {name!r} in folder '', which is no file name. Nothing was read "
            "from there. Ask the server's operator to remove it."
        )


class TestListing:
    @pytest.mark.parametrize("missing", [set[str](), {"MLSD", "MLST"}], ids=["mlsd", "list"])
    def test_a_thousand_files(self, tmp_path: Path, connect_ftp: Connect, missing: set[str]) -> None:
        for number in range(1_000):
            (tmp_path / f"{number}.csv").touch()
        with pyftpdlib_server(tmp_path, faults=Faults(missing=missing)) as server:
            assert len({file.path for file in connect_ftp(server).list_files("")}) == 1_000
            assert server.counts.commands.count("MLSD" if not missing else "LIST") == 1
            assert server.counts.connections == 1

    def test_twenty_thousand_files_in_bounded_memory(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        line = "type=file;size=10;modify=20261122060000; a rather long name of a file number {:06}.csv\r\n"
        scripted.script.data["MLSD"] = "".join(map(line.format, range(20_000))).encode()
        connector = connect_ftp(scripted)
        connector.check()
        tracemalloc.start()
        try:
            count = sum(1 for _ in connector.list_files(""))
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count == 20_000
        assert peak_bytes < 3 * MIB

    @pytest.mark.parametrize("command", ["MLSD", "LIST"])
    @pytest.mark.parametrize("farewell", [HANG_UP, b"426 Lost it.\r\n", b"451 Disk.\r\n"], ids=["gone", "426", "451"])
    def test_a_listing_that_breaks_off(
        self, scripted: ScriptedServer, connect_ftp: Connect, command: str, farewell: bytes
    ) -> None:
        if command == "LIST":
            scripted.script.answers |= NO_FACTS
            scripted.script.data["LIST"] = b"-rw-r--r-- 1 u g 10 Nov 22 06:00 a.csv\r\n"
        scripted.script.farewells[command] = farewell
        with pytest.raises(TransferError):
            list(connect_ftp(scripted).list_files(""))

    def test_a_listing_with_a_reset(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.data_reset = True
        with pytest.raises(TransferError, match=r"dropped the connection while '\.' was read"):
            list(connect_ftp(scripted).list_files(""))

    def test_a_line_that_is_not_understood_is_not_passed_over(
        self, scripted: ScriptedServer, connect_ftp: Connect
    ) -> None:
        scripted.script.answers |= NO_FACTS
        scripted.script.data["LIST"] = (
            b"-rw-r--r-- 1 u g 10 Nov 22 06:00 a.csv\r\n+i8388621.48594,m825718503,r,s280,\tb\r\n"
        )
        with pytest.raises(ConnectorError) as caught:
            list(connect_ftp(scripted).list_files(""))
        assert str(caught.value) == (
            f"{scripted.name} lists folder '' in a format that is not known; this line was not understood: "
            "b'+i8388621.48594,m825718503,r,s280,\\tb'. Nothing was read from there. Ask the server's operator for "
            "MLSD, or for listings as `ls -l` makes them."
        )

    def test_a_listing_that_the_server_cut_off(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.farewells["MLSD"] = b"226-Options: -a -l\r\n226 Output truncated to 2000 matches\r\n"
        with pytest.raises(ConnectorError, match="did not list all of folder 'in'") as caught:
            list(connect_ftp(scripted).list_files("in"))
        assert not caught.value.retryable

    @pytest.mark.parametrize(
        "answer", [None, b"550 No such file: -a\r\n", b"501 No options.\r\n"], ids=["nothing", "550", "501"]
    )
    def test_an_option_taken_for_a_name_hides_nothing(
        self, scripted: ScriptedServer, connect_ftp: Connect, answer: bytes | None
    ) -> None:
        line = b"-rw-r--r-- 1 u g 10 Nov 22 06:00 a.csv\r\n"
        scripted.script.answers |= {**NO_FACTS, "LIST": lambda argument: answer if argument == "-a" else None}
        scripted.script.data["LIST"] = lambda argument: b"" if argument == "-a" else line
        assert [file.path for file in connect_ftp(scripted).list_files("")] == ["a.csv"]

    def test_windows_style_and_a_zone(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.answers |= {**NO_FACTS, "MDTM": b"500 What?\r\n"}
        scripted.script.data["LIST"] = (
            b"11-22-25  06:23PM       <DIR>          in  there\r\n11-22-2025  06:23PM                 10 a.csv\r\n"
        )
        without, with_zone = connect_ftp(scripted), connect_ftp(scripted, time_zone="Europe/Berlin")
        assert list(without.browse("")) == [
            RemoteFolder(path="in  there"),
            RemoteFile(path="a.csv", size_bytes=10, modified_at=None),
        ]
        expected = RemoteFile(
            path="a.csv", size_bytes=10, modified_at=datetime(2025, 11, 22, 17, 23, tzinfo=UTC), precision_seconds=60
        )
        assert list(with_zone.list_files("")) == [expected]
        assert with_zone.stat_file("a.csv") == expected

    @pytest.mark.parametrize(
        ("missing", "zone", "told"),
        [
            (set[str](), None, "it lists with MLSD: exact times in UTC"),
            ({"MLSD", "MLST"}, None, "it lists with LIST; exact times, in UTC, are asked for file by file (MDTM)"),
            (
                {"MLSD", "MLST", "MDTM"},
                None,
                "it lists with LIST only: times to the minute, or to the day for old files, in a zone that it does not "
                "state, so files have no time; set `time_zone`",
            ),
            (
                {"MLSD", "MLST", "MDTM"},
                "Asia/Tokyo",
                "it lists with LIST only: times to the minute, or to the day for old files, taken as Asia/Tokyo",
            ),
        ],
        ids=["mlsd", "mdtm", "no zone", "zone"],
    )
    def test_the_check_tells_how_exact_times_are(
        self, tmp_path: Path, connect_ftp: Connect, missing: set[str], zone: str | None, told: str
    ) -> None:
        (tmp_path / "a.csv").write_bytes(b"1")
        with pyftpdlib_server(tmp_path, faults=Faults(missing=missing)) as server:
            step = connect_ftp(server, time_zone=zone).check().steps[-1]
        assert step.detail == f"the folder has entries, such as 'a.csv'; {told}"

    @pytest.mark.parametrize("missing", [set[str](), {"MLSD", "MLST"}], ids=["mlsd", "mdtm"])
    def test_exact_times_in_the_listing_and_of_one_file(
        self, tmp_path: Path, connect_ftp: Connect, missing: set[str]
    ) -> None:
        (tmp_path / "a.csv").write_bytes(b"1")
        os.utime(tmp_path / "a.csv", (0, 1_600_000_001))
        with pyftpdlib_server(tmp_path, faults=Faults(missing=missing)) as server:
            connector = connect_ftp(server)
            (listed,) = connector.list_files("")
            assert connector.stat_file("a.csv") == listed
        assert listed.modified_at == datetime(2020, 9, 13, 12, 26, 41, tzinfo=UTC)
        assert listed.precision_seconds == 1

    def test_a_folder_that_may_be_entered_and_not_listed(
        self, ftp_server: PyftpdlibServer, connect_ftp: Connect
    ) -> None:
        (ftp_server.root / "in").mkdir()
        ftp_server.faults.unlisted.add("/in")
        for missing in (set[str](), {"MLSD", "MLST"}):
            ftp_server.faults.missing = missing
            with pytest.raises(AccessDeniedError) as caught:
                list(connect_ftp(ftp_server).list_files("", recursive=True))
            assert str(caught.value) == (
                f"{ftp_server.name} denies access to 'in'. Nothing was read from there. Ask its operator to let this "
                "account read it, or choose another path."
            )

    @pytest.mark.parametrize(
        "words", [b"550 No files found.\r\n", b"550 Directory is empty.\r\n"], ids=["none", "empty"]
    )
    def test_a_server_that_refuses_to_list_an_empty_folder(
        self, scripted: ScriptedServer, connect_ftp: Connect, words: bytes
    ) -> None:
        scripted.script.answers |= {"FEAT": b"500 What?\r\n", "MLSD": words}
        assert list(connect_ftp(scripted).list_files("")) == []

    def test_an_mlsd_that_says_no_types(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.data["MLSD"] = b"size=10; a.csv\r\nmodify=20261122060000; in\r\n"
        scripted.script.answers["CWD"] = lambda path: b"550 No.\r\n" if path.endswith(".csv") else b"250 OK.\r\n"
        scripted.script.answers["MDTM"] = b"213 20261122060000\r\n"
        assert set(connect_ftp(scripted).browse("")) == {
            RemoteFolder(path="in"),
            RemoteFile(path="a.csv", size_bytes=10, modified_at=datetime(2026, 11, 22, 6, tzinfo=UTC)),
        }

    def test_links_that_lead_in_circles_end(self, scripted: ScriptedServer, connect_ftp: Connect) -> None:
        scripted.script.data["MLSD"] = b"type=dir; again\r\n"
        with pytest.raises(
            ConnectorError, match=r"has folders more than 100 deep: 'again/again/.*A link there probably"
        ):
            list(connect_ftp(scripted).list_files("", recursive=True))

    def test_a_file_in_place_of_a_folder_and_the_other_way_round(
        self, ftp_server: PyftpdlibServer, connect_ftp: Connect
    ) -> None:
        (ftp_server.root / "a.csv").write_bytes(b"1")
        (ftp_server.root / "in").mkdir()
        connector = connect_ftp(ftp_server)
        with pytest.raises(FileGoneError, match=r"has no folder 'a\.csv'"):
            list(connector.list_files("a.csv"))
        with pytest.raises(FileGoneError, match="'in' is not a file"):
            read(connector, "in")

    def test_a_folder_path_confines(self, ftp_server: PyftpdlibServer, connect_ftp: Connect) -> None:
        (ftp_server.root / "out/deep").mkdir(parents=True)
        (ftp_server.root / "out/deep/a.csv").write_bytes(b"1")
        connector = connect_ftp(ftp_server, folder_path="/out/")
        assert [file.path for file in connector.list_files("deep")] == ["deep/a.csv"]
        assert [file.path for file in connector.list_files("/out", recursive=True)] == ["/out/deep/a.csv"]
        with pytest.raises(AccessDeniedError) as caught:
            connector.stat_file("/out2")
        assert str(caught.value) == (
            f"{ftp_server.name}: path '/out2' is outside of folder '/out', which is all that this account gives access "
            "to. Choose a path inside, or change `folder_path`."
        )


@pytest.mark.vsftpd
class TestVsftpd:
    @pytest.mark.parametrize("words", ["shut", "closed"])
    def test_a_folder_that_it_lists_as_empty_because_it_may_not_read_it(self, words: str) -> None:
        with vsftpd_server() as server:
            (server.root / words).mkdir(0o311 if words == "closed" else 0)
            (server.root / words).chmod(0o311 if words == "closed" else 0)
            with closing(create_connector("ftp", server.config())) as connector:
                with pytest.raises(AccessDeniedError, match=f"denies access to '{words}'"):
                    list(connector.list_files("", recursive=True))
                with pytest.raises(FileGoneError, match="has no folder 'nowhere'"):
                    list(connector.list_files("nowhere"))
            (server.root / words).chmod(0o755)

    def test_a_denied_file(self) -> None:
        with vsftpd_server() as server:
            (server.root / "a.csv").touch(0)
            with closing(create_connector("ftp", server.config())) as connector:
                with pytest.raises(AccessDeniedError, match=r"denies access to 'a\.csv'"):
                    read(connector, "a.csv")
                with pytest.raises(FileGoneError, match=r"has no file 'b\.csv'"):
                    read(connector, "b.csv")

    def test_its_limit_of_connections(self) -> None:
        with vsftpd_server(most_per_address=1) as server:
            (server.root / "a.csv").write_bytes(bytes(32 * MIB))
            with closing(create_connector("ftp", server.config())) as connector, connector.open_file("a.csv") as stream:
                stream.read(1)
                with pytest.raises(UnreachableError, match="takes no more connections now") as caught:
                    connector.stat_file("a.csv")
        assert caught.value.retryable
