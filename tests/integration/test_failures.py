"""What goes wrong at the source, in the documents or at the receiver: a clear message, and a consistent state."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headwater.model.documents import Account, Dataflow, Target
from headwater.model.records import RecordCounts
from headwater.model.runs import BatchStatus, FileState, FlowRun, FlowRunState
from tests.integration.installation import LOYALTY, OLD, PURCHASES, Installation, luma_installation, sftp_account
from tests.servers.sftp import new_key
from tests.servers.webhook import Answer


def with_account(luma: Installation, **changes: object) -> None:
    luma.workspace.catalog.resources.put(sftp_account(luma.sftp, **changes))


def assert_nothing_happened(luma: Installation, run: FlowRun) -> None:
    """The run failed; nothing is loaded or held, and the next run, with the cause mended, loads everything."""
    assert run.state is FlowRunState.FAILED
    assert run.completed_at is not None
    assert luma.workspace.catalog.flow_runs.open_runs(run.flow) == []
    assert luma.workspace.lake.count(run.dataset) == 0
    held = {file.state for file in luma.workspace.catalog.ledger.of_run(run.id)}
    assert held <= {FileState.RELEASED}
    with_account(luma)
    mended = luma.run(LOYALTY)
    assert (mended.state, mended.counts) == (FlowRunState.SUCCESS, RecordCounts(read=1000, loaded=1000))


def test_a_wrong_password(luma: Installation) -> None:
    luma.put_samples()
    with_account(luma, private_key=None, password="wrong")
    run = luma.run(LOYALTY)
    assert f"did not accept user '{luma.sftp.username}' with password" in run.errors[0].message
    assert_nothing_happened(luma, run)


def test_a_changed_host_key(luma: Installation) -> None:
    luma.put_samples()
    other = new_key().get_fingerprint()
    with_account(luma, host_key=other)
    run = luma.run(LOYALTY)
    assert luma.sftp.host_key in run.errors[0].message
    assert other in run.errors[0].message
    assert_nothing_happened(luma, run)


def test_an_unreachable_server(luma: Installation) -> None:
    luma.put_samples()
    with_account(luma, port=1)
    run = luma.run(LOYALTY)
    assert "127.0.0.1:1" in run.errors[0].message
    assert run.errors[0].code == "CONNECTOR-1001-500"
    assert_nothing_happened(luma, run)


def test_a_folder_that_may_not_be_listed(luma: Installation) -> None:
    luma.put_samples()
    with luma.sftp.faults.denying("/outbox"):
        run = luma.run(LOYALTY)
    assert "denies access to '/outbox'" in run.errors[0].message
    assert_nothing_happened(luma, run)


def test_a_connection_lost_in_the_middle_of_a_file(luma: Installation) -> None:
    luma.put_samples()
    luma.sftp.faults.drop_after_bytes = 20_000
    run = luma.run(LOYALTY)
    luma.sftp.faults.drop_after_bytes = None
    assert "/outbox/luma-loyalty.json" in run.errors[0].message
    assert run.batch_id is not None
    assert luma.workspace.catalog.batches.get(run.batch_id).status is BatchStatus.FAILED
    assert_nothing_happened(luma, run)


def test_no_matching_file_is_no_failure(luma: Installation) -> None:
    run = luma.run(LOYALTY)
    assert (run.state, run.errors, run.batch_id) == (FlowRunState.NO_NEW_DATA, (), None)


def test_an_unknown_dataset_names_those_that_exist(luma: Installation) -> None:
    luma.put_samples()
    flow = luma.flow(LOYALTY).model_copy(update={"target": Target(dataset="luma_loyalty")})
    run = luma.run(LOYALTY, flow)
    assert run.state is FlowRunState.FAILED
    assert "no dataset 'luma_loyalty' in the catalog; there are" in run.errors[0].message
    assert "luma_loyalty_dataset" in run.errors[0].message


def test_an_unknown_account_says_where_it_was_looked_for(luma: Installation) -> None:
    run = luma.run(LOYALTY, account="nobody")
    assert run.state is FlowRunState.FAILED
    assert "account 'nobody' does not exist" in run.errors[0].message


def test_a_secret_that_is_not_there(luma: Installation) -> None:
    account = Account(name="luma_sftp", type="sftp", params=luma.sftp.config(private_key={"env": "NOT_SET_ANYWHERE"}))
    luma.workspace.catalog.resources.put(account)
    run = luma.run(LOYALTY)
    assert "the environment variable NOT_SET_ANYWHERE is not set" in run.errors[0].message


def test_a_dead_receiver_delays_nothing_and_hears_of_everything_later(luma: Installation) -> None:
    luma.put_samples()
    luma.receiver.answers.clear()
    luma.receiver.default = Answer(status=503)
    run = luma.run(LOYALTY)
    assert (run.state, run.counts.loaded) == (FlowRunState.SUCCESS, 1000)
    waiting = luma.workspace.catalog.outbox.waiting()
    assert [delivery.event.code for delivery in waiting] == ["ing_load_success", "ig_load_success", "ps_load_success"]
    assert waiting[0].last_error is not None
    assert waiting[0].attempts == 1
    assert datetime.now(UTC) < waiting[0].next_attempt_at < datetime.now(UTC) + timedelta(minutes=2)
    assert (waiting[1].attempts, waiting[2].attempts) == (0, 0)


def test_a_profile_store_that_is_away_fails_the_run_and_not_the_lake(tmp_path: Path) -> None:
    away = "postgresql+psycopg://nobody@127.0.0.1:1/away"
    with luma_installation(tmp_path, profile_url=away) as luma:
        luma.put_samples()
        run = luma.run(LOYALTY)
        assert run.state is FlowRunState.FAILED
        assert {error.step for error in run.errors} == {"load_identities", "load_profiles"}
        assert all("profile store postgresql+psycopg://127.0.0.1:1/away" in e.message for e in run.errors)
        assert luma.workspace.lake.count(run.dataset) == 1000
        told = [event.code for event in reversed(luma.workspace.catalog.outbox.events())]
        assert told == ["ing_load_success", "ig_load_failure", "ps_load_failure", "sources_flow_run_failure"]
        assert luma.run(LOYALTY).state is FlowRunState.NO_NEW_DATA


@pytest.mark.parametrize("request_options", [{"dry_run": True}, {"row_limit": 10}])
def test_a_dry_run_checks_and_loads_nothing(luma: Installation, request_options: dict[str, object]) -> None:
    luma.put_samples()
    run = luma.run(LOYALTY, None, **request_options)
    assert run.state is FlowRunState.SUCCESS
    assert run.counts.read == request_options.get("row_limit", 1000)
    assert luma.workspace.catalog.batches.get(str(run.batch_id)).status is BatchStatus.ABORTED
    assert luma.workspace.lake.count(run.dataset) == 0
    assert luma.workspace.catalog.outbox.events() == []
    assert luma.run(LOYALTY).counts.loaded == 1000


def test_reprocessing_supersedes_what_the_file_had_brought(luma: Installation) -> None:
    luma.put_samples()
    luma.run(PURCHASES)
    again = luma.run(PURCHASES, reprocess=True)
    assert (again.state, again.counts.loaded) == (FlowRunState.SUCCESS, 1000)
    assert luma.workspace.lake.count(again.dataset) == 1000
    assert luma.workspace.profile_store.counts().events == 1000
    assert luma.run(PURCHASES).state is FlowRunState.NO_NEW_DATA


def test_the_same_bytes_under_another_name_load_once(luma: Installation) -> None:
    luma.put_samples()
    luma.run(LOYALTY)
    luma.put("luma-loyalty-copy.json", (luma.outbox / "luma-loyalty.json").read_bytes())
    run = luma.run(LOYALTY)
    assert run.state is FlowRunState.NO_NEW_DATA
    assert luma.workspace.lake.count(run.dataset) == 1000
    assert luma.run(LOYALTY).batch_id is None


def test_a_file_still_being_written_waits_for_the_next_run(luma: Installation) -> None:
    flow = Dataflow.from_json(luma.flow(LOYALTY).to_json() | {"schedule": {"frequency": "day"}})
    luma.put_samples()
    (luma.outbox / "luma-loyalty.json").touch()
    run = luma.run(LOYALTY, flow, trigger="scheduled")
    assert run.state is FlowRunState.NO_NEW_DATA
    assert luma.workspace.catalog.flow_runs.get(run.id).notes == (
        "1 file is still being written, such as '/outbox/luma-loyalty.json'; a later run takes what is complete then",
    )
    luma.put_samples()
    assert luma.run(LOYALTY, flow, trigger="scheduled").counts.loaded == 1000


def test_a_window_takes_what_was_modified_inside_it(luma: Installation) -> None:
    luma.put_samples()
    after = luma.run(LOYALTY, window_start="2026-11-20T00:00:00Z")
    assert after.state is FlowRunState.NO_NEW_DATA
    inside = luma.run(LOYALTY, window_start="2022-05-31T00:00:00Z", window_end="2022-06-02T00:00:00Z")
    assert inside.counts.loaded == 1000


def test_without_backfill_old_files_are_never_taken(luma: Installation) -> None:
    luma.put_samples()
    start = {"start": "2026-11-01T00:00:00Z", "backfill": False}
    for trigger, schedule in (("scheduled", {"frequency": "day"}), ("asset", {"on_arrival": True})):
        flow = Dataflow.from_json(luma.flow(LOYALTY).to_json() | {"schedule": schedule | start})
        assert luma.run(LOYALTY, flow, trigger=trigger).state is FlowRunState.NO_NEW_DATA


def test_wrong_format_options_are_named(luma: Installation) -> None:
    luma.put_samples()
    source = luma.flow(LOYALTY).source.model_copy(update={"format_options": {"delimiter": ";;"}})
    run = luma.run(LOYALTY, luma.flow(LOYALTY).model_copy(update={"source": source}))
    assert "`source.format_options` is wrong" in run.errors[0].message
    assert "one ASCII character each, not ';;'" in run.errors[0].message


def test_a_file_whose_name_is_not_utf_8_loads_and_is_known_again(luma: Installation) -> None:
    name = os.fsencode(luma.outbox) + b"/luma-loyalty-\xff.json"
    with open(name, "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
        file.write(json.dumps(luma.data.loyalty[0]).encode())
    os.utime(name, (OLD, OLD))
    run = luma.run(LOYALTY)
    assert (run.state, run.files, run.counts.loaded) == (FlowRunState.SUCCESS, 1, 1)
    assert luma.run(LOYALTY).state is FlowRunState.NO_NEW_DATA


def test_many_small_files_are_grouped_and_each_loads_once(luma: Installation) -> None:
    for number, record in enumerate(luma.data.loyalty[:50]):
        luma.put(f"luma-loyalty-{number}.json", json.dumps(record).encode())
    run = luma.run(LOYALTY)
    assert (run.files, run.counts.loaded) == (50, 50)
    assert len(luma.workspace.catalog.batches.group_reports(str(run.batch_id))) == 1
