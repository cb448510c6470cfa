"""What came of a large file is gone on with by the next try, however the last one ended, if it is still whole."""

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import Connector, FileGoneError, TransferError, create_connector
from connectors.registry import load_config
from headwater.errors import FileError, HeadwaterError
from headwater.flows.fetch import FetchedFile, fetch_file
from headwater.flows.kept import KeptTransfers, remove_older, source_digest
from headwater.flows.patience import Patience
from headwater.model.runs import SourceFile
from tests.contract.fetch.support import AT_ONCE, MIB, listed, nothing, put
from tests.servers.asyncssh_sftp import AsyncsshServer

SIZE = 16 * MIB + 11
ONCE = Patience(tries=1)


@pytest.fixture
def kept(tmp_path: Path) -> KeptTransfers:
    return KeptTransfers(folder=tmp_path / "unfinished", source="server", most_bytes=2**30)


def files(kept: KeptTransfers) -> list[Path]:
    return sorted(kept.folder.iterdir()) if kept.folder.exists() else []


def the_part(kept: KeptTransfers) -> Path:
    (part,) = kept.folder.glob("*.part")
    return part


def fetched(
    connector: Connector,
    file: SourceFile,
    kept: KeptTransfers,
    *,
    patience: Patience = AT_ONCE,
    on_bytes: Callable[[int], None] = nothing,
) -> tuple[FetchedFile, bytes]:
    with fetch_file(connector, file, on_bytes=on_bytes, patience=patience, kept=kept) as result:
        return result, result.stream.read()


def broken_off(server: AsyncsshServer, connector: Connector, kept: KeptTransfers, *, at: int) -> SourceFile:
    """Let a try fail for good after so many bytes."""
    file = listed(connector)
    server.faults.drop_at = [at]
    with pytest.raises(TransferError, match="are kept"):
        fetched(connector, file, kept, patience=ONCE)
    return file


def test_a_killed_process_is_followed_by_one_that_goes_on(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    job = {"kill_after_bytes": 13 * MIB, "folder": str(kept.folder), "config": server.config()}
    run = subprocess.run(
        [sys.executable, "-m", "tests.contract.fetch.killed_fetch"], input=json.dumps(job), text=True, check=False
    )
    assert run.returncode == -signal.SIGKILL
    sent_before = server.counts.bytes_sent
    told: list[int] = []
    result, received = fetched(connector, listed(connector), kept, on_bytes=told.append)
    assert (received, result.changed) == (content, None)
    assert result.sha256 == hashlib.sha256(content).hexdigest()
    assert server.counts.bytes_sent - sent_before < SIZE - 4 * MIB, "most of what came is not sent again"
    assert sum(told) == SIZE, "what was there already counts as progress"
    assert files(kept) == []


def test_a_disk_that_is_full_gets_its_space_back(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    put(server, bytes(SIZE))
    job = {"kill_after_bytes": 2**40, "most_file_bytes": 5 * MIB, "folder": str(kept.folder), "config": server.config()}
    run = subprocess.run(
        [sys.executable, "-m", "tests.contract.fetch.killed_fetch"],
        input=json.dumps(job),
        text=True,
        check=False,
        stderr=subprocess.PIPE,
    )
    assert re.search(r"can't be stored on this machine: File too large, after [0-9,]+ bytes\. Make room", run.stderr)
    assert files(kept) == []


def test_a_transfer_that_was_given_up_is_gone_on_with(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    file = broken_off(server, connector, kept, at=10 * MIB)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(kept)} == {0o600}
    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700
    came = the_part(kept).stat().st_size
    assert came > 8 * MIB
    sent_before = server.counts.bytes_sent
    _, received = fetched(connector, file, kept)
    assert received == content
    assert server.counts.bytes_sent - sent_before < SIZE - came + MIB
    assert files(kept) == []


def damage_bytes(part: Path) -> None:
    with part.open("r+b") as stream:
        stream.seek(MIB)
        stream.write(b"damaged")


def cut_bytes(part: Path) -> None:
    os.truncate(part, MIB)


def damage_note(part: Path) -> None:
    part.with_suffix(".json").write_bytes(b'{"path":"a.bin","sizeBytes":')


def lose_note(part: Path) -> None:
    part.with_suffix(".json").unlink()


@pytest.mark.parametrize("damage", [damage_bytes, cut_bytes, damage_note, lose_note])
def test_what_is_not_whole_on_this_disk_is_fetched_anew(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers, damage: Callable[[Path], None]
) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    file = broken_off(server, connector, kept, at=10 * MIB)
    damage(the_part(kept))
    sent_before = server.counts.bytes_sent
    told: list[int] = []
    _, received = fetched(connector, file, kept, on_bytes=told.append)
    assert received == content
    assert server.counts.bytes_sent - sent_before >= SIZE
    assert sum(told) == SIZE


@pytest.mark.parametrize(
    ("modified", "size"),
    [pytest.param(1_700_000_009, SIZE, id="time"), pytest.param(1_700_000_000, SIZE + 1, id="size")],
)
def test_another_version_is_not_mixed_with_what_came(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers, modified: int, size: int
) -> None:
    put(server, b"1" * SIZE)
    broken_off(server, connector, kept, at=10 * MIB)
    put(server, b"2" * size, modified=modified)
    result, received = fetched(connector, listed(connector), kept)
    assert (received, result.changed) == (b"2" * size, None)


def test_a_file_replaced_without_a_trace_is_fetched_anew(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    put(server, b"1" * SIZE)
    file = broken_off(server, connector, kept, at=10 * MIB)
    put(server, b"2" * SIZE)
    _, received = fetched(connector, file, kept)
    assert received == b"2" * SIZE


def test_a_file_changed_between_two_tries_is_refused(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    put(server, b"1" * SIZE)
    file = broken_off(server, connector, kept, at=10 * MIB)
    put(server, b"2" * SIZE, modified=1_700_000_009)
    result, _ = fetched(connector, file, kept)
    assert str(result.changed).startswith("modified at 2023-11-14T22:13:29+00:00, when its transfer was taken up")
    assert files(kept) == []


def test_what_has_come_whole_is_not_sent_again(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    file = listed(connector)
    with pytest.raises(HeadwaterError, match="the catalog is busy"), _fetching(connector, file, kept):
        raise HeadwaterError("the catalog is busy", retryable=True)
    sent_before = server.counts.bytes_sent
    _, received = fetched(connector, file, kept)
    assert received == content
    assert server.counts.bytes_sent - sent_before < MIB


@contextmanager
def _fetching(connector: Connector, file: SourceFile, kept: KeptTransfers) -> Any:  # noqa: ANN401
    with fetch_file(connector, file, on_bytes=nothing, patience=AT_ONCE, kept=kept) as result:
        yield result


def test_what_would_fail_again_is_not_kept(server: AsyncsshServer, connector: Connector, kept: KeptTransfers) -> None:
    put(server, bytes(SIZE))
    file = broken_off(server, connector, kept, at=10 * MIB)
    with pytest.raises(FileError), _fetching(connector, file, kept):
        raise FileError("it is no JSON", code="106")
    assert files(kept) == []
    broken_off(server, connector, kept, at=10 * MIB)
    (server.root / "a.bin").unlink()
    with pytest.raises(FileGoneError):
        fetched(connector, file, kept)
    assert files(kept) == []


def test_nothing_is_kept_of_nothing(server: AsyncsshServer, connector: Connector, kept: KeptTransfers) -> None:
    put(server, bytes(SIZE))
    server.faults.drop_at = [0]
    with pytest.raises(TransferError, match="are dropped"):
        fetched(connector, listed(connector), kept, patience=ONCE)
    assert files(kept) == []


@pytest.mark.parametrize(
    ("size", "most_bytes"),
    [
        pytest.param(5 * MIB, 2**30, id="small"),
        pytest.param(SIZE, 0, id="never"),
        pytest.param(SIZE, MIB, id="no-room"),
    ],
)
def test_what_is_not_worth_it_is_not_kept(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers, size: int, most_bytes: int
) -> None:
    put(server, bytes(size))
    server.faults.drop_at = [2 * MIB]
    with pytest.raises(TransferError, match="are dropped"):
        fetched(connector, listed(connector), replace(kept, most_bytes=most_bytes), patience=ONCE)
    assert files(kept) == []


def test_two_tries_at_once_do_not_share_a_file(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    content = os.urandom(SIZE)
    put(server, content)
    file = broken_off(server, connector, kept, at=10 * MIB)
    with closing(create_connector("sftp", server.config())) as other, _fetching(connector, file, kept) as first:
        _, received = fetched(other, file, kept)
        assert received == content
        assert len(list(kept.folder.glob("*.part"))) == 1, "the other one leaves it alone"
        assert remove_older(kept.folder, datetime.now(UTC) + timedelta(days=1)) == 0, "so does maintenance"
        assert first.stream.read() == content
    assert files(kept) == []


def test_another_source_has_files_of_its_own(server: AsyncsshServer, connector: Connector, kept: KeptTransfers) -> None:
    put(server, bytes(SIZE))
    file = broken_off(server, connector, kept, at=10 * MIB)
    sent_before = server.counts.bytes_sent
    fetched(connector, file, replace(kept, source="another server"))
    assert server.counts.bytes_sent - sent_before >= SIZE


def test_a_source_is_its_account_and_settings_but_not_its_secrets() -> None:
    config = {"host": "a.example.com", "username": "u", "password": "one"}
    digest = source_digest("crm", load_config("sftp", config))
    assert source_digest("crm", load_config("sftp", {**config, "password": "two"})) == digest
    assert source_digest("crm", load_config("sftp", {**config, "host": "b.example.com"})) != digest
    assert source_digest("erp", load_config("sftp", config)) != digest


def test_old_ones_make_room_for_new_ones(server: AsyncsshServer, connector: Connector, kept: KeptTransfers) -> None:
    put(server, bytes(SIZE))
    broken_off(server, connector, replace(kept, source="old"), at=10 * MIB)
    old = the_part(kept)
    os.utime(old, (1, 1))
    file = broken_off(server, connector, replace(kept, most_bytes=SIZE), at=10 * MIB)
    assert not old.exists()
    assert file.size_bytes == SIZE
    assert len(files(kept)) == 2, "the newer one's bytes, and their note"


def test_maintenance_removes_what_nobody_went_on_with(
    server: AsyncsshServer, connector: Connector, kept: KeptTransfers
) -> None:
    put(server, bytes(SIZE))
    broken_off(server, connector, kept, at=10 * MIB)
    assert remove_older(kept.folder, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert remove_older(kept.folder, datetime.now(UTC) + timedelta(hours=1)) == 1
    assert files(kept) == []
