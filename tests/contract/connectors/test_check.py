"""The verdicts of an account's check, step by step, against servers that refuse at each of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connectors import Connector, create_connector
from headwater.flows.account_check import Outcome, StepVerdict, check_connector
from tests.servers.asyncssh_sftp import AsyncsshServer, asyncssh_server
from tests.servers.processes import free_port
from tests.servers.sftp import key_text, new_key


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AsyncsshServer]:
    with asyncssh_server(tmp_path) as server:
        yield server


@contextmanager
def connected(server: AsyncsshServer, **changes: object) -> Iterator[Connector]:
    with closing(create_connector("sftp", server.config(**changes))) as connector:
        yield connector


def outcomes(steps: tuple[StepVerdict, ...]) -> str:
    marks = {Outcome.PASSED: "+", Outcome.FAILED: "x", Outcome.NOT_TRIED: "-"}
    assert [step.name for step in steps] == ["reach", "trust", "authenticate", "list", "read"]
    return "".join(marks[step.outcome] for step in steps)


def test_a_source_that_can_be_used_passes_every_step(server: AsyncsshServer) -> None:
    (server.root / "in" / "deep").mkdir(parents=True)
    (server.root / "in" / "deep" / "a.csv").write_bytes(b"0123456789")
    with connected(server) as connector:
        steps = check_connector(connector)

    assert outcomes(steps) == "+++++"
    assert server.host_key in steps[1].detail
    assert steps[-1].detail == "the first 10 bytes of 'in/deep/a.csv' were read"


def test_a_source_without_files_has_nothing_to_read(server: AsyncsshServer) -> None:
    with connected(server) as connector:
        steps = check_connector(connector)

    assert outcomes(steps) == "++++-"
    assert steps[-1].detail == "not tried, because no file was found in the first 20 folders"


@pytest.mark.parametrize(
    ("fault", "expected", "reason"),
    [
        ("port", "x----", "was not reached"),
        ("host_key", "+x---", "Nothing was sent"),
        ("private_key", "++x--", "did not accept"),
        ("folder", "+++x-", "denies access to"),
        ("file", "++++x", "dropped the connection"),
    ],
    ids=["reach", "trust", "authenticate", "list", "read"],
)
def test_the_step_that_fails_says_why_and_those_after_it_are_not_tried(
    server: AsyncsshServer, fault: str, expected: str, reason: str
) -> None:
    (server.root / "a.csv").write_bytes(b"1")
    values: dict[str, object] = {
        "port": free_port(),
        "host_key": new_key().get_fingerprint(),
        "private_key": key_text(new_key()),
    }
    changes = {fault: values[fault]} if fault in values else {}
    server.faults.denied |= {"/"} if fault == "folder" else set()
    server.faults.drop_after_bytes = 0 if fault == "file" else None
    with connected(server, **changes) as connector:
        steps = check_connector(connector)

    assert outcomes(steps) == expected
    assert reason in steps[expected.index("x")].detail


def test_a_sub_folder_that_is_denied_fails_nothing(server: AsyncsshServer) -> None:
    (server.root / "a-denied").mkdir()
    (server.root / "b").mkdir()
    (server.root / "b" / "a.csv").write_bytes(b"1")
    with server.faults.denying("/a-denied"), connected(server) as connector:
        assert outcomes(check_connector(connector)) == "+++++"
