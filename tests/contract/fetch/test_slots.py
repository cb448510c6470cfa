"""An account's connections are counted over threads and processes, and come back when their holder dies."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors import UnreachableError
from headwater.errors import SettingsError
from headwater.flows.accounts import ResolvedAccount
from headwater.flows.slots import AccountSlots
from headwater.flows.workspace import open_workspace
from headwater.settings import Settings
from tests.servers.asyncssh_sftp import asyncssh_server
from tests.servers.proxy import running_proxy

MIB = 1024 * 1024
_HOLD = """
import sys
from pathlib import Path
from headwater.flows.slots import AccountSlots
slot = AccountSlots(Path(sys.argv[1]), account="partner", limit=1).take(wait_seconds=20)
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def slots(tmp_path: Path) -> AccountSlots:
    return AccountSlots(tmp_path, account="partner", limit=1)


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the only slot until it is told to end."""
    command = [sys.executable, "-c", _HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own program)
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process


def test_there_are_so_many_and_no_more(tmp_path: Path) -> None:
    slots = AccountSlots(tmp_path, account="partner", limit=2)
    first, second = slots.take_free(), slots.take_free()
    assert first is not None
    assert second is not None
    assert slots.take_free() is None
    first.release()
    first.release()
    assert slots.take_free() is not None


def test_accounts_do_not_share(tmp_path: Path, slots: AccountSlots) -> None:
    assert slots.take_free() is not None
    assert AccountSlots(tmp_path, account="../partner", limit=1).take_free() is not None


def test_when_none_becomes_free(slots: AccountSlots) -> None:
    held = slots.take_free()
    with pytest.raises(UnreachableError) as caught:
        slots.take(wait_seconds=0)
    assert str(caught.value) == (
        "Account 'partner' has all of its 1 connections in use by other runs on this machine, and none became free "
        "within 0 s. Nothing was read. Try again later, or raise `max_connections` if the server allows more."
    )
    assert caught.value.retryable
    assert held is not None
    held.release()


def test_whoever_waits_is_seen_and_served(slots: AccountSlots) -> None:
    held = slots.take_free()
    assert held is not None
    assert not slots.are_wanted()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(slots.take, wait_seconds=20)
        while not slots.are_wanted():
            assert not waiting.done()
        held.release()
        waiting.result().release()
    assert not slots.are_wanted()


def test_another_process_holds_it_until_it_ends(tmp_path: Path, slots: AccountSlots) -> None:
    with another_process(tmp_path):
        assert slots.take_free() is None
    assert slots.take_free() is not None


def test_a_killed_holder_gives_it_back(tmp_path: Path, slots: AccountSlots) -> None:
    with another_process(tmp_path) as process, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(slots.take, wait_seconds=20)
        while not slots.are_wanted():
            assert not waiting.done()
        os.kill(process.pid, signal.SIGKILL)
        waiting.result().release()


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"folder '.*' can't be made \(Not a directory\)\. Set HEADWATER_HOME"):
        AccountSlots(tmp_path / "file", account="partner", limit=1)


class Accounts:
    """The only account, whatever its name."""

    def __init__(self, config: dict[str, object]) -> None:
        self._config = config

    def resolve(self, account: str) -> ResolvedAccount:
        return ResolvedAccount(kind="sftp", config=self._config)


@pytest.mark.parametrize("limit", [1, 2])
def test_runs_at_once_keep_to_what_the_server_allows(tmp_path: Path, limit: int) -> None:
    served, home = tmp_path / "served", tmp_path / "home"
    served.mkdir()
    content = os.urandom(17 * MIB)  # enough for a second connection, if there is one
    (served / "a.bin").write_bytes(content)
    start = threading.Barrier(3)

    def run() -> bool:
        accounts = Accounts(server.config(port=proxy.port, max_connections=limit))
        with open_workspace(Settings.load(home=home), accounts) as workspace:
            start.wait(20)
            for _ in range(2):
                with workspace.connect("partner") as connector, connector.open_file("a.bin") as stream:
                    if stream.read() != content:
                        return False
        return True

    with (
        asyncssh_server(served) as server,
        running_proxy(server.port, delay_seconds=0.01, most_connections=limit) as proxy,
        ThreadPoolExecutor(3) as threads,
    ):
        runs = [threads.submit(run) for _ in range(3)]
        assert all(future.result() for future in runs)
        assert proxy.most_seen == limit
