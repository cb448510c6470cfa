"""An archive from the server to the lake: one source file, of which each record can be found again."""

import gzip
from collections import Counter

from headwater.flows.replay import replay_batch
from headwater.lake import SYSTEM_COLUMN
from headwater.model.records import RecordCounts
from headwater.model.runs import FlowRunState
from tests.integration.installation import LOYALTY, Installation
from tests.unit.formats.packing import tarred

GOOD = b'{"_techmarketingdemos":{"systemIdentifier":{"loyaltyId":"%d"}}}\n'


def test_records_of_an_archive_are_loaded_and_the_bad_ones_named_by_member(luma: Installation) -> None:
    first = b"".join(GOOD % number for number in range(60))
    second = GOOD % 60 + b"broken\n" + GOOD % 61
    luma.put("luma-loyalty.json.tar.gz", gzip.compress(tarred(("1.json", first), ("in/2.json", second)), mtime=0))
    run = luma.run(LOYALTY)
    assert (run.state, run.counts) == (FlowRunState.SUCCESS, RecordCounts(read=63, loaded=62, failed=1))
    [row] = luma.workspace.diagnostics.read(str(run.batch_id))
    assert (row["_filename"], row["_row"], row["_line"]) == ("/outbox/luma-loyalty.json.tar.gz!/in/2.json", 2, 2)
    assert row["_offset"] == len(GOOD % 60)
    [file] = luma.workspace.catalog.ledger.of_run(run.id)
    assert file.path == "/outbox/luma-loyalty.json.tar.gz"
    origins = [row["member"] for row in luma.workspace.lake.scan(run.dataset)[SYSTEM_COLUMN].to_pylist()]
    assert Counter(origins) == {"1.json": 60, "in/2.json": 2}
    assert any("1.json (1 to 60), in/2.json (61 to 63)" in note for note in run.notes), run.notes
    assert luma.run(LOYALTY).state is FlowRunState.NO_NEW_DATA


def test_rejected_records_of_a_member_are_replayed(luma: Installation) -> None:
    good = b"".join(GOOD % number for number in range(60))
    bad = b'{"_techmarketingdemos":{"systemIdentifier":{"loyaltyId":{"number":7}}}}\n'
    luma.put("luma-loyalty.json.tar", tarred(("1.json", good), ("2.json", bad)))
    first = luma.run(LOYALTY)
    assert first.counts == RecordCounts(read=61, loaded=60, failed=1)
    again = replay_batch(luma.workspace, str(first.batch_id))
    assert again.counts == RecordCounts(read=1, failed=1)
    assert not any("left out" in note for note in again.notes)


def test_a_hostile_archive_loads_nothing(luma: Installation) -> None:
    luma.put("luma-loyalty.json.tar", tarred(("1.json", GOOD % 1), ("../2.json", GOOD % 2)))
    run = luma.run(LOYALTY)
    assert run.state is FlowRunState.FAILED
    assert (
        "the name of its member '../2.json' leads out of the archive. Nothing of it is loaded" in run.errors[0].message
    )
    assert luma.workspace.lake.count(run.dataset) == 0
