"""A process that is killed between any two steps leaves a lake that tells the truth."""

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from headwater.lake import Lake
from headwater.lake.staging import ROW_GROUP_ROWS
from headwater.model.runs import StagedFile
from tests.contract.lake.rows import COLUMNS, INGESTED_AT, LakeAddress, keys_in, large_rows, stage
from tests.forks import FORKS

BATCH = "01JBKD0000000000000000AAAA"
DEADLINE_SECONDS = 60


def killed_while_staging(address: LakeAddress, report: Connection) -> None:
    with address.open() as lake, lake.stage("sales", BATCH, 0, ingested_at=INGESTED_AT) as writer:
        writer.write(large_rows(ROW_GROUP_ROWS), "file-1")
        report.send(())
        os.kill(os.getpid(), signal.SIGKILL)


def killed_between_stage_and_commit(address: LakeAddress, report: Connection) -> None:
    with address.open() as lake:
        report.send(stage(lake, "sales", BATCH, "a", "b"))
        os.kill(os.getpid(), signal.SIGKILL)


def killed_after_commit(address: LakeAddress, report: Connection) -> None:
    with address.open() as lake:
        files = stage(lake, "sales", BATCH, "a", "b")
        lake.commit("sales", BATCH, files)
        report.send(files)
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def sales(lake: Lake) -> None:
    lake.ensure_table("sales", COLUMNS)


def run_until_killed(target: object, address: LakeAddress) -> tuple[StagedFile, ...]:
    """Run the function in a process; what it reported before it died."""
    receiver, sender = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=target, args=(address, sender))  # type: ignore[arg-type] # one of the functions above
    process.start()
    sender.close()
    try:
        assert receiver.poll(DEADLINE_SECONDS), "the process said nothing"
        staged: tuple[StagedFile, ...] = receiver.recv()
        process.join(DEADLINE_SECONDS)
        assert process.exitcode == -signal.SIGKILL
    finally:
        process.kill()
        process.join()
        receiver.close()
    return staged


def test_killed_between_stage_and_commit_the_batch_is_not_there_and_can_be_committed(
    lake: Lake, address: LakeAddress
) -> None:
    files = run_until_killed(killed_between_stage_and_commit, address)

    assert lake.find_commit("sales", BATCH) is None
    assert lake.count("sales") == 0
    snapshot = lake.commit("sales", BATCH, files)
    assert lake.find_commit("sales", BATCH) == snapshot
    assert keys_in(lake, "sales") == ["a", "b"]


def test_killed_after_commit_the_batch_is_there_and_is_not_loaded_again(lake: Lake, address: LakeAddress) -> None:
    files = run_until_killed(killed_after_commit, address)

    snapshot = lake.find_commit("sales", BATCH)
    assert snapshot is not None
    assert lake.commit("sales", BATCH, files) == snapshot
    assert keys_in(lake, "sales") == ["a", "b"]


def test_what_a_killed_attempt_left_is_never_visible_and_is_removed(
    lake: Lake, address: LakeAddress, tmp_path: Path
) -> None:
    run_until_killed(killed_while_staging, address)
    assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 1
    files = stage(lake, "sales", BATCH, "a")

    assert lake.remove_leftovers("sales", BATCH, keep=files) == 1

    lake.commit("sales", BATCH, files)
    assert keys_in(lake, "sales") == ["a"]
