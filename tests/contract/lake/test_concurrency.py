"""Several processes and one table: what one commits, another never repeats or loses."""

from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier

import pyarrow as pa
import pytest
import sqlalchemy as sa

from headwater.lake import SYSTEM_COLUMN, Lake
from tests.contract.lake.rows import COLUMNS, LakeAddress, keys_in, load, stage
from tests.forks import FORKS

DEADLINE_SECONDS = 120
SAME_BATCH = "01JBKD0000000000000000SAME"


def batch_id(writer: int, number: int) -> str:
    return f"01JBKD00000000000000W{writer}N{number:03d}"


def run_together(*work: tuple[Callable[..., None], tuple[object, ...]]) -> None:
    """Run a process for each function with its arguments, all let off at the same time; each must succeed."""
    barrier = FORKS.Barrier(len(work))
    processes: list[BaseProcess] = [FORKS.Process(target=target, args=(barrier, *own)) for target, own in work]
    for process in processes:
        process.start()
    for process in processes:
        process.join(DEADLINE_SECONDS)
    states = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    assert states == [0] * len(work)


def load_batches(barrier: Barrier, address: LakeAddress, writer: int, batches: int) -> None:
    with address.open() as lake:
        staged = [
            stage(lake, "sales", batch_id(writer, number), f"w{writer}-{number}", source_file=f"file-{writer}-{number}")
            for number in range(batches)
        ]
        barrier.wait(DEADLINE_SECONDS)
        for number, files in enumerate(staged):
            lake.commit("sales", batch_id(writer, number), files)


def load_the_same_batch(barrier: Barrier, address: LakeAddress) -> None:
    with address.open() as lake:
        files = stage(lake, "sales", SAME_BATCH, "once")
        barrier.wait(DEADLINE_SECONDS)
        lake.commit("sales", SAME_BATCH, files)


def supersede_one_file(barrier: Barrier, address: LakeAddress, file: int) -> None:
    with address.open() as lake:
        staged = stage(lake, "sales", batch_id(9, file), f"new-{file}", source_file=f"file-{file}")
        barrier.wait(DEADLINE_SECONDS)
        lake.commit("sales", batch_id(9, file), staged, supersede={f"file-{file}"})


def open_and_prepare(barrier: Barrier, address: LakeAddress, column: str) -> None:
    barrier.wait(DEADLINE_SECONDS)
    with address.open() as lake:
        lake.ensure_table("fresh", COLUMNS.append(pa.field(column, pa.string())), day_of="timestamp")


@pytest.mark.slow
def test_two_writers_lose_nothing_and_repeat_nothing(lake: Lake, address: LakeAddress) -> None:
    lake.ensure_table("sales", COLUMNS)

    run_together((load_batches, (address, 1, 8)), (load_batches, (address, 2, 8)))

    assert keys_in(lake, "sales") == sorted(f"w{writer}-{number}" for writer in (1, 2) for number in range(8))
    snapshots = {lake.find_commit("sales", batch_id(writer, number)) for writer in (1, 2) for number in range(8)}
    assert len(snapshots) == 16
    assert None not in snapshots


@pytest.mark.slow
def test_the_same_batch_from_three_processes_is_loaded_once(lake: Lake, address: LakeAddress) -> None:
    lake.ensure_table("sales", COLUMNS)

    run_together(*[(load_the_same_batch, (address,))] * 3)

    assert keys_in(lake, "sales") == ["once"]


@pytest.mark.slow
def test_two_batches_may_supersede_rows_of_one_data_file_at_once(lake: Lake, address: LakeAddress) -> None:
    lake.ensure_table("sales", COLUMNS)
    load(lake, "sales", "01JBKD0000000000000000AAAA", "old-1", source_file="file-1")
    load(lake, "sales", "01JBKD0000000000000000BBBB", "old-2", source_file="file-2")
    load(lake, "sales", "01JBKD0000000000000000CCCC", "kept", source_file="file-3")

    run_together((supersede_one_file, (address, 1)), (supersede_one_file, (address, 2)))

    assert keys_in(lake, "sales") == ["kept", "new-1", "new-2"]


@pytest.mark.slow
def test_processes_may_open_a_new_lake_and_prepare_a_table_at_once(address: LakeAddress) -> None:
    run_together(*((open_and_prepare, (address, column)) for column in "abc"))

    with address.open() as lake:
        assert sorted(lake.scan("fresh").column_names) == sorted([SYSTEM_COLUMN, *COLUMNS.names, "a", "b", "c"])
        assert len(lake.datasets()) == 1


def test_another_process_may_be_faster_with_each_table_of_the_catalog(address: LakeAddress) -> None:
    """Whatever table this process is about to create, somebody else creates just before it does."""
    rival = sa.create_engine(address.iceberg_url, poolclass=sa.NullPool)
    created: list[str] = []

    def be_faster(connection: sa.Connection, _cursor: object, statement: str, *_others: object) -> None:
        words = statement.split()
        if words[:2] == ["CREATE", "TABLE"] and connection.engine is not rival and words[2] not in created:
            created.append(words[2])
            with rival.begin() as others:
                others.exec_driver_sql(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", be_faster)
    try:
        with address.open() as lake:
            lake.ensure_table("fresh", COLUMNS)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", be_faster)

    assert sorted(created) == ["iceberg_namespace_properties", "iceberg_tables"]
