"""What becomes of a batch after its load: reverted, deleted, replaced, replayed."""

import gzip
import io
import json
import os
import signal
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from ulid import ULID

from headwater.catalog.base import utc_now
from headwater.catalog.batches import GroupReport
from headwater.catalog.tables import batch as batch_table
from headwater.errors import ConflictError, HeadwaterError, NotFoundError
from headwater.flows.begin import begin_run
from headwater.flows.discover import discover
from headwater.flows.finish import finish
from headwater.flows.ingest import ingest_group
from headwater.flows.load import load_lake
from headwater.flows.maintenance import maintain_lake
from headwater.flows.rejected import why_not_kept
from headwater.flows.removal import delete_batch, finish_removals, revert_batch
from headwater.flows.replay import PIECE_RECORDS, replay_batch
from headwater.lake import SYSTEM_COLUMN
from headwater.model.documents import Dataflow, RunRequest
from headwater.model.records import RecordCounts
from headwater.model.runs import BatchStatus, FlowRunState
from tests.forks import run_apart
from tests.integration import killed_removal
from tests.integration.shop import DATASET, FLOW, Shop, open_shop

TOO_LONG = "SUMMER2026"
LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


def event(key: str, coupon: str) -> str:
    """A line of a file: all on one day, however many there are."""
    return json.dumps({"_id": key, "timestamp": "2026-11-01T12:00:00Z", "_shop": {"loyaltyId": key, "coupon": coupon}})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


def pack(kind: str, lines: list[bytes]) -> bytes:
    """A file of these lines; an archive has each half as a member."""
    if kind == "gzip":
        return gzip.compress(b"".join(lines), mtime=0)
    if kind == "utf-16":
        return b"".join(lines).decode().encode("utf-16")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("m1.json", b"".join(lines[:2]))
        archive.writestr("m2.json", b"".join(lines[2:]))
    return packed.getvalue()


def read_by_an_open_run(shop: Shop, **request: object) -> str:
    """A flow run that has read its files and committed nothing."""
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    discovery = discover(shop.workspace, flow, RunRequest.from_json(request))
    for group in discovery.groups:
        ingest_group(shop.workspace, discovery.flow_run_id, group)
    return discovery.flow_run_id


def begin_replay(shop: Shop, batch_id: str) -> str:
    """A flow run that is about to load the batch's rejected records."""
    flow = shop.workspace.catalog.resources.typed(Dataflow, FLOW)
    run_id, replay_id = begin_run(shop.workspace, flow, RunRequest(replay_of=batch_id)), str(ULID())
    with shop.workspace.catalog.transaction() as stores:
        stores.batches.create(
            batch_id=replay_id, dataset=DATASET, flow_run_id=run_id, created_at=utc_now(), replay_of=batch_id
        )
        stores.flow_runs.set_batch(run_id, replay_id)
    counts = RecordCounts(read=1, loaded=1, failed=0)
    report = GroupReport(group=0, files=1, input_bytes=1, counts=counts, failed_by_code={}, notes=(), staged=())
    shop.workspace.catalog.batches.put_group(replay_id, report)
    return run_id


def unstage(shop: Shop, batch_id: str) -> None:
    """What no code of Headwater does: the batch loads again."""
    engine = sa.create_engine(shop.workspace.settings.catalog_database)
    with engine.begin() as connection:
        connection.execute(sa.update(batch_table).where(batch_table.c.id == batch_id).values(status="loading"))
    engine.dispose()


class TestReverting:
    def test_the_rows_go_and_the_files_are_not_taken_again(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", "X"))
        first = shop.run()
        shop.put("b.json", ("b1", "X"))
        shop.run()

        batch = revert_batch(shop.workspace, str(first.batch_id))

        assert (batch.status, batch.removing) == (BatchStatus.INACTIVE, False)
        assert shop.keys() == ["b1"]
        assert revert_batch(shop.workspace, batch.id) == batch
        assert shop.run().state is FlowRunState.NO_NEW_DATA

    def test_released_files_are_loaded_by_the_next_run_duplicates_included(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        first = shop.run()
        shop.put("copy.json", ("a1", "X"))
        assert shop.run().counts.loaded == 0
        (shop.folder / "a.json").unlink()

        revert_batch(shop.workspace, str(first.batch_id), release_files=True)

        assert shop.keys() == []
        assert shop.run().counts.loaded == 1
        assert shop.keys() == ["a1"]

    def test_files_can_be_released_later(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        first = shop.run()
        revert_batch(shop.workspace, str(first.batch_id))

        revert_batch(shop.workspace, str(first.batch_id), release_files=True)

        assert shop.run().counts.loaded == 1

    def test_what_was_begun_and_killed_is_ended_by_whoever_comes_next(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        first = shop.run()
        shop.workspace.catalog.batches.begin_removal(str(first.batch_id), release_files=True)
        assert shop.batch_of(first).removing
        assert shop.keys() == ["a1"]

        maintain_lake(shop.workspace)

        assert shop.keys() == []
        assert not shop.batch_of(first).removing
        assert finish_removals(shop.workspace) == []
        assert shop.run().counts.loaded == 1

    def test_maintenance_goes_on_after_a_table_that_is_broken_and_tells_of_all_that_failed(self, shop: Shop) -> None:
        for number in range(5):
            shop.put(f"{number}.json", (str(number), "X"))
            last = shop.run()
        lake = shop.workspace.lake
        for broken in ("a_broken", "zz_broken"):
            lake.ensure_table(broken, pa.schema([("_id", pa.string())]))
            for metadata in (shop.workspace.settings.home / "lake").glob(f"**/{broken}/metadata/*.json"):
                metadata.write_text("no metadata")
        shop.workspace.catalog.batches.begin_removal(str(last.batch_id), release_files=False)

        with pytest.raises(HeadwaterError) as caught:
            maintain_lake(shop.workspace)

        told = str(caught.value)
        assert told.startswith(
            "2 of 6 parts of the maintenance failed; 1 tables were maintained.\ndataset 'a_broken': "
        )
        assert "\ndataset 'zz_broken': " in told
        assert shop.keys() == ["0", "1", "2", "3"]
        assert maintain_lake(shop.workspace, [DATASET])[0].dataset == DATASET
        with pytest.raises(HeadwaterError, match=r"^1 of 4 parts .*\ndataset 'none': .* has no table in the lake"):
            maintain_lake(shop.workspace, ["none", DATASET])

    @pytest.mark.slow
    def test_killed_in_the_middle_the_same_command_ends_it(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        first = shop.run()
        home = str(shop.workspace.settings.home)
        killed = run_apart(killed_removal.main, home, str(first.batch_id))
        assert killed.exitcode == -signal.SIGKILL, killed.raised
        assert shop.keys() == []
        assert shop.run().state is FlowRunState.NO_NEW_DATA, "the files are free only at the end"

        batch = revert_batch(shop.workspace, str(first.batch_id))

        assert not batch.removing
        assert shop.run().counts.loaded == 1

    def test_only_a_batch_that_is_in_the_lake_can_be_reverted(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", TOO_LONG))
        failed = shop.run()
        assert failed.state is FlowRunState.FAILED
        with pytest.raises(ConflictError, match=f"batch {failed.batch_id} is failed; only a batch that is in the lake"):
            revert_batch(shop.workspace, str(failed.batch_id))
        with pytest.raises(NotFoundError, match="no batch 'nothing'"):
            revert_batch(shop.workspace, "nothing")

    def test_a_batch_whose_run_is_at_work_is_left_alone(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        run = shop.run()
        catalog = shop.workspace.catalog
        other = begin_run(shop.workspace, catalog.resources.typed(Dataflow, FLOW), RunRequest())
        catalog.batches.create(batch_id="01OPEN", dataset=DATASET, flow_run_id=other, created_at=run.started_at)
        catalog.batches.settle("01OPEN", BatchStatus.SUCCESS, completed_at=run.started_at)

        with pytest.raises(
            ConflictError, match=f"flow run {other} of batch 01OPEN is not finished. Nothing was changed"
        ):
            revert_batch(shop.workspace, "01OPEN")

    def test_deleting_also_forgets_the_rejected_records(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG))
        run = shop.run()
        batch_id = str(run.batch_id)
        assert len(shop.workspace.diagnostics.read(batch_id)) == 1

        batch = delete_batch(shop.workspace, batch_id)

        assert batch.status is BatchStatus.DELETED
        assert shop.keys() == []
        assert shop.workspace.diagnostics.read(batch_id) == []
        assert shop.workspace.catalog.batches.staged_files(batch_id) == []
        assert delete_batch(shop.workspace, batch_id) == batch
        with pytest.raises(ConflictError, match="is deleted"):
            revert_batch(shop.workspace, batch_id)


class TestReplacing:
    def test_the_rows_of_the_old_batch_go_with_the_commit_of_the_new(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", "X"))
        old = shop.run()
        shop.put("b.json", ("b1", "X"))
        kept = shop.run()
        shop.put("a-corrected.json", ("a1", "Y"))
        snapshots = len(shop.workspace.lake.batch_snapshots(DATASET))

        new = shop.run(replaces=[str(old.batch_id)])

        assert shop.keys() == ["a1", "b1"]
        assert len(shop.workspace.lake.batch_snapshots(DATASET)) == snapshots + 1
        assert shop.batch_of(old).status is BatchStatus.INACTIVE
        assert not shop.batch_of(old).removing
        assert shop.batch_of(new).replaces == (str(old.batch_id),)
        assert shop.batch_of(kept).status is BatchStatus.SUCCESS
        assert shop.run().state is FlowRunState.NO_NEW_DATA

    def test_a_replacement_that_fails_replaces_nothing(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        old = shop.run()
        shop.put("b.json", ("b1", TOO_LONG))

        assert shop.run(replaces=[str(old.batch_id)]).state is FlowRunState.FAILED

        assert shop.keys() == ["a1"]
        assert shop.batch_of(old).status is BatchStatus.SUCCESS

    def test_what_cannot_be_replaced_is_refused_before_anything_is_taken(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        old = shop.run()
        revert_batch(shop.workspace, str(old.batch_id))
        shop.put("b.json", ("b1", "X"))

        for replaced, message in (
            (str(old.batch_id), "is inactive; only a batch that"),
            ("01NONE", "no batch '01NONE'"),
        ):
            run = shop.run(replaces=[replaced])
            assert run.state is FlowRunState.FAILED
            assert message in run.errors[0].message
        assert shop.run().counts.loaded == 1

    def test_a_batch_that_an_open_run_replaces_stays_until_that_run_has_ended(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        old = str(shop.run().batch_id)
        shop.put("b.json", ("b1", "X"))
        run_id = read_by_an_open_run(shop, replaces=[old])

        for remove in (revert_batch, delete_batch):
            with pytest.raises(ConflictError, match=f"batch {old} is about to be replaced by batch"):
                remove(shop.workspace, old)
        assert shop.workspace.catalog.batches.get(old).status is BatchStatus.SUCCESS
        load_lake(shop.workspace, run_id)
        assert finish(shop.workspace, run_id, flow=FLOW).state is FlowRunState.SUCCESS

        assert shop.keys() == ["b1"]
        assert delete_batch(shop.workspace, old).status is BatchStatus.DELETED

    def test_a_replaced_batch_that_was_deleted_meanwhile_does_not_block_its_run(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        old = str(shop.run().batch_id)
        shop.put("b.json", ("b1", "X"))
        run_id = read_by_an_open_run(shop, replaces=[old])
        batches = shop.workspace.catalog.batches
        batches.stage(str(shop.workspace.catalog.flow_runs.get(run_id).batch_id))
        batches.begin_removal(old, release_files=False, replaced=True)
        finish_removals(shop.workspace, [old])
        batches.delete(old)

        load_lake(shop.workspace, run_id)

        assert finish(shop.workspace, run_id, flow=FLOW).state is FlowRunState.SUCCESS
        assert shop.keys() == ["b1"]

    def test_of_two_runs_that_replace_one_batch_the_first_does(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        old = str(shop.run().batch_id)
        shop.put("b.json", ("b1", "X"))
        slow = read_by_an_open_run(shop, replaces=[old])
        shop.put("c.json", ("c1", "X"))
        assert shop.run(replaces=[old]).state is FlowRunState.SUCCESS

        with pytest.raises(ConflictError, match=f"batch {old}, which batch .* was to replace, is inactive by now"):
            load_lake(shop.workspace, slow)
        assert finish(shop.workspace, slow, flow=FLOW).state is FlowRunState.FAILED

        assert shop.keys() == ["c1"]
        shop.run()
        assert shop.keys() == ["b1", "c1"]


class TestReplaying:
    def test_records_that_pass_now_become_a_batch_with_their_provenance(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG), ("a3", "Y"), ("a4", TOO_LONG * 5))
        first = shop.run()
        assert (first.counts.loaded, first.counts.failed) == (2, 2)
        offsets = [row["_offset"] for row in shop.workspace.diagnostics.read(str(first.batch_id))]
        shop.apply(coupon_length=10)

        replayed = replay_batch(shop.workspace, str(first.batch_id))

        assert replayed.state is FlowRunState.SUCCESS, replayed.errors
        assert (replayed.counts.read, replayed.counts.loaded, replayed.counts.failed) == (2, 1, 1)
        assert shop.keys() == ["a1", "a2", "a3"]
        rows = {row["_id"]: row[SYSTEM_COLUMN] for row in shop.workspace.lake.scan(DATASET).to_pylist()}
        assert (rows["a2"]["rowNumber"], rows["a2"]["byteOffset"]) == (2, offsets[0])
        assert rows["a2"]["sourceFileId"] == rows["a1"]["sourceFileId"]
        assert rows["a2"]["acp_sourceBatchId"] == replayed.batch_id
        [left] = shop.workspace.diagnostics.read(str(replayed.batch_id))
        assert (left["_filename"], left["_row"], left["_offset"]) == ("a.json", 4, offsets[1])
        assert shop.batch_of(replayed).replay_of == first.batch_id

    def test_more_records_than_are_read_together_keep_their_places(self, shop: Shop) -> None:
        count = PIECE_RECORDS + 100
        events = [
            (f"{kind}{number}", coupon) for number in range(count) for kind, coupon in (("g", "X"), ("b", TOO_LONG))
        ]
        path = shop.folder / "a.json"
        path.write_text("\n".join(event(*each) for each in events))
        os.utime(path, (LONG_AGO, LONG_AGO))
        first = shop.run()
        assert first.counts.failed == count
        shop.apply(coupon_length=10)

        assert replay_batch(shop.workspace, str(first.batch_id)).counts.loaded == count

        rows = shop.workspace.lake.scan(DATASET).to_pylist()
        places = {row["_id"]: row[SYSTEM_COLUMN]["rowNumber"] for row in rows}
        assert [places[f"b{number}"] for number in range(count)] == [2 * number + 2 for number in range(count)]

    @pytest.mark.parametrize("kind", ["gzip", "utf-16", "zipDeflate"])
    def test_records_of_a_file_that_is_packed_or_encoded_are_replayed(self, shop: Shop, kind: str) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG), ("a3", "Y"), ("a4", TOO_LONG * 5))
        plain = (shop.folder / "a.json").read_bytes()
        shop.write("a.json", pack(kind, plain.splitlines(keepends=True)))
        options = {"encoding" if kind == "utf-16" else "compression_type": kind}
        shop.declare(options)
        first = shop.run()
        assert (first.counts.loaded, first.counts.failed) == (2, 2)
        shop.apply(coupon_length=10)
        shop.declare(options)
        second = replay_batch(shop.workspace, str(first.batch_id))
        shop.apply(coupon_length=100)
        shop.declare(options)
        third = replay_batch(shop.workspace, str(second.batch_id))

        assert [run.state for run in (second, third)] == [FlowRunState.SUCCESS] * 2
        rows = [(row["_id"], row[SYSTEM_COLUMN]) for row in shop.workspace.lake.scan(DATASET).to_pylist()]
        assert sorted((key, row["rowNumber"]) for key, row in rows) == [("a1", 1), ("a2", 2), ("a3", 3), ("a4", 4)]
        assert len({row["sourceFileId"] for _, row in rows}) == 1

    def test_a_record_that_a_line_break_made_malformed_is_not_mended_by_a_replay(self, shop: Shop) -> None:
        record = '{"_id": "%s", "timestamp": "2026-11-01T12:00:00Z", "_shop": {"loyaltyId": "l", "coupon": "%s"}}'
        records = [record % found for found in [("a1", "X"), ("a2", "A\nB"), ("a3", TOO_LONG), ("a4", "Y")]]
        shop.write("a.json", ("[\n" + ",\n".join(records) + "\n]\n").encode())
        first = shop.run()
        assert (first.counts.loaded, first.counts.failed) == (2, 2)
        shop.apply(coupon_length=10)

        replayed = replay_batch(shop.workspace, str(first.batch_id))

        assert (replayed.counts.read, replayed.counts.loaded) == (1, 1)
        assert shop.keys() == ["a1", "a3", "a4"]

    def test_a_batch_is_replayed_once_and_the_rest_from_there(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG), ("a3", "Y"), ("a4", TOO_LONG * 5))
        first = shop.run()
        shop.apply(coupon_length=10)
        second = replay_batch(shop.workspace, str(first.batch_id))

        with pytest.raises(ConflictError, match=f"were taken by batch {second.batch_id}"):
            replay_batch(shop.workspace, str(first.batch_id))

        shop.apply(coupon_length=100)
        third = replay_batch(shop.workspace, str(second.batch_id))
        assert third.counts.loaded == 1
        assert shop.keys() == ["a1", "a2", "a3", "a4"]
        source_files = {row["sourceFileId"] for row in shop.workspace.lake.scan(DATASET)[SYSTEM_COLUMN].to_pylist()}
        assert len(source_files) == 1

    def test_while_nothing_passes_nothing_is_loaded_and_it_can_be_tried_again(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG))
        first = shop.run()

        failed = replay_batch(shop.workspace, str(first.batch_id))

        assert failed.state is FlowRunState.FAILED
        assert "none of the 1 rejected records of batch" in failed.errors[0].message
        shop.apply(coupon_length=10)
        assert replay_batch(shop.workspace, str(first.batch_id)).counts.loaded == 1
        assert shop.keys() == ["a1", "a2"]

    def test_a_batch_without_rejected_records_or_not_in_the_lake_is_refused(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        clean = shop.run()
        with pytest.raises(ConflictError, match="has no rejected record that can be replayed: 0 were rejected"):
            replay_batch(shop.workspace, str(clean.batch_id))
        revert_batch(shop.workspace, str(clean.batch_id))
        with pytest.raises(
            ConflictError, match="is inactive; only the rejected records of a batch that is in the lake"
        ):
            replay_batch(shop.workspace, str(clean.batch_id))

    def test_a_replay_and_a_newer_version_of_its_file_do_not_load_at_once(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG))
        first = str(shop.run().batch_id)
        shop.apply(coupon_length=10)
        replay = begin_replay(shop, first)
        newer = read_by_an_open_run(shop, reprocess=True)
        batches, flow_runs = shop.workspace.catalog.batches, shop.workspace.catalog.flow_runs
        replay_id, newer_id = str(flow_runs.get(replay).batch_id), str(flow_runs.get(newer).batch_id)

        batches.stage(replay_id)
        with pytest.raises(
            ConflictError, match=f"records of batch {first} are being loaded by batch {replay_id}"
        ) as caught:
            load_lake(shop.workspace, newer)
        assert caught.value.retryable

        unstage(shop, replay_id)
        batches.stage(newer_id)
        with pytest.raises(
            ConflictError,
            match=f"a file of batch {first} was about to be loaded by batch {newer_id} while batch {replay_id}",
        ):
            load_lake(shop.workspace, replay)
        load_lake(shop.workspace, newer)
        with pytest.raises(ConflictError, match=f"a newer version of a file of batch {first} was loaded while"):
            load_lake(shop.workspace, replay)
        assert shop.keys() == ["a1", "a2"]

    def test_reprocessing_the_file_takes_the_place_of_its_replayed_records_too(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG))
        first = shop.run()
        shop.apply(coupon_length=10)
        replay_batch(shop.workspace, str(first.batch_id))

        assert shop.run(reprocess=True).counts.loaded == 2

        assert shop.keys() == ["a1", "a2"]

    @pytest.mark.parametrize("how", ["reverted", "replaced"])
    def test_replayed_records_go_with_their_batch(self, shop: Shop, how: str) -> None:
        shop.put("a.json", ("a1", "X"), ("a2", TOO_LONG))
        first = str(shop.run().batch_id)
        shop.apply(coupon_length=10)
        replay = replay_batch(shop.workspace, first)
        shop.put("corrected.json", ("c1", "Y"))

        if how == "reverted":
            revert_batch(shop.workspace, first)
        shop.run(replaces=[first] if how == "replaced" else [])

        assert shop.keys() == ["c1"]
        assert (shop.batch_of(replay).status, shop.batch_of(replay).removing) == (BatchStatus.INACTIVE, False)

    def test_a_replay_loads_nothing_once_its_batch_is_gone(self, shop: Shop) -> None:
        shop.put("a.json", ("a1", "X"))
        first = shop.run()
        run_id = begin_run(
            shop.workspace, shop.workspace.catalog.resources.typed(Dataflow, FLOW), RunRequest(replay_of=first.batch_id)
        )
        batches = shop.workspace.catalog.batches
        batches.create(
            batch_id="01REPLAY", dataset=DATASET, flow_run_id=run_id, created_at=first.started_at,
            replay_of=first.batch_id,
        )  # fmt: skip
        revert_batch(shop.workspace, str(first.batch_id))

        with pytest.raises(ConflictError, match=f"batch {first.batch_id}, whose rejected records batch 01REPLAY"):
            batches.require_original(batches.get("01REPLAY"))


class TestProfiles:
    def test_profiles_and_graph_forget_a_reverted_batch(self, tmp_path: Path) -> None:
        with open_shop(tmp_path, profile=True) as shop:
            shop.put("a.json", ("a1", "X"))
            shop.run()
            before = shop.workspace.profile_store.counts()
            shop.put("b.json", ("b1", "X"), ("b2", "X"))
            second = shop.run()
            assert shop.workspace.profile_store.counts().events == 3

            revert_batch(shop.workspace, str(second.batch_id))

            assert shop.workspace.profile_store.counts() == before

    def test_profiles_follow_a_replacement(self, tmp_path: Path) -> None:
        with open_shop(tmp_path, profile=True) as shop:
            shop.put("a.json", ("a1", "X"), ("a2", "X"))
            old = shop.run()
            shop.put("b.json", ("a1", "Y"))

            shop.run(replaces=[str(old.batch_id)])

            assert shop.workspace.profile_store.counts().events == 1


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4))
def test_load_then_revert_is_as_if_never_loaded(files: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name, open_shop(Path(name)) as shop:
        shop.put("stays.json", ("stays", "X"))
        shop.run()
        for file in files:
            shop.put(f"{file}.json", (f"{file}1", "X"), (f"{file}2", "X"))
            run = shop.run()
            assert run.counts.loaded == 2
            assert shop.run().state is FlowRunState.NO_NEW_DATA, "load twice = load once"
            assert shop.keys() == [f"{file}1", f"{file}2", "stays"]
            revert_batch(shop.workspace, str(run.batch_id), release_files=True)
            (shop.folder / f"{file}.json").unlink()
            assert shop.keys() == ["stays"]
            assert shop.run().state is FlowRunState.NO_NEW_DATA


def test_rejected_records_are_kept_for_a_month_and_who_asks_later_is_told(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        shop.put("a.json", ("a1", "X"), ("a2", "much too long"))
        run = shop.run()
        batch = shop.batch_of(run)
        stray = tmp_path / "home" / "diagnostics" / "notes.txt"
        stray.write_text("not ours")

        maintain_lake(shop.workspace, now=utc_now() + timedelta(days=29))
        assert why_not_kept(shop.workspace, batch) is None
        assert len(shop.workspace.diagnostics.read(batch.id)) == 1

        maintain_lake(shop.workspace, now=utc_now() + timedelta(days=31))
        assert shop.workspace.diagnostics.read(batch.id) == []
        assert stray.read_text() == "not ours"
        assert why_not_kept(shop.workspace, batch) == "1 records were rejected, and deleted"
        long_ago = replace(batch, created_at=utc_now() - timedelta(days=31))
        expected = "1 records were rejected, and deleted after 30 days (HEADWATER_DIAGNOSTICS_DAYS)"
        assert why_not_kept(shop.workspace, long_ago) == expected
        with pytest.raises(ConflictError, match=r"cannot be replayed: 1 records were rejected, and deleted\."):
            replay_batch(shop.workspace, batch.id)
