"""Compares what the stores hold with what the model says."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from headwater.errors import HeadwaterError
from headwater.flows import Workspace, open_workspace
from headwater.flows.doctor import examine
from headwater.lake import SYSTEM_COLUMN
from headwater.model.runs import BatchStatus, FileState
from headwater.settings import Settings
from tests.crash.model import Model
from tests.crash.shop import DATASET, POLICY, TILL, WEB
from tests.servers.webhook import WebhookReceiver

_ALL: Final = 10_000
_Thing = TypeVar("_Thing")
_LOADS: Final = {"ing_load_success", "ig_load_success", "ps_load_success"}


def find_differences(settings: Mapping[str, object], model: Model, receiver: WebhookReceiver) -> list[str]:
    """Everything that is lost, doubled or stuck, in words; empty if all is well."""
    problems: list[str] = []
    with open_workspace(Settings.load(**settings)) as workspace:
        try:
            problems += _rows(workspace, model)
            problems += _ledger(workspace, model)
            problems += _profiles(workspace, model)
            problems += _events(workspace, receiver)
        except HeadwaterError as error:
            problems.append(f"cannot be read: {error}")
        problems += [f"doctor: {finding.code} {finding.problem}" for finding in examine(workspace)]
        problems += [f"open flow run: {run}" for run in workspace.catalog.flow_runs.all_open_runs()]
    return problems


def _rows(workspace: Workspace, model: Model) -> Iterator[str]:
    found = [
        (row["_id"], row["_crash"]["coupon"])
        for row in workspace.lake.scan(DATASET, columns=["_id", "_crash"]).to_pylist()
    ]
    yield from _differ("row", Counter(found), model.rows())


def _ledger(workspace: Workspace, model: Model) -> Iterator[str]:
    """Every row comes from a loaded file of a loaded batch, and every content was loaded once."""
    files = [
        file
        for flow in (TILL, WEB)
        for run in workspace.catalog.flow_runs.latest(flow=flow, limit=_ALL)
        for file in workspace.catalog.ledger.of_run(run.id)
    ]
    yield from (f"file {file.path} is still claimed" for file in files if file.state is FileState.CLAIMED)
    loaded = {file.id: file for file in files if file.state is FileState.LOADED}
    expected = Counter((flow, len(content.data)) for flow, content in model.distinct())
    found = Counter((file.path.strip("/").split("/")[0], file.size_bytes or 0) for file in loaded.values())
    yield from _differ("loaded file", found, expected)
    success = {
        batch.id for batch in workspace.catalog.batches.of_dataset(DATASET) if batch.status is BatchStatus.SUCCESS
    }
    for row in workspace.lake.scan(DATASET, columns=["_id", SYSTEM_COLUMN]).to_pylist():
        system = row[SYSTEM_COLUMN]
        if system["sourceFileId"] not in loaded or system["acp_sourceBatchId"] not in success:
            yield f"row {row['_id']} is of batch {system['acp_sourceBatchId']} and a file that is not loaded"


def _profiles(workspace: Workspace, model: Model) -> Iterator[str]:
    for (namespace, value), (identities, events) in sorted(model.people().items()):
        profile = workspace.profile_store.look_up(namespace, value, POLICY, event_limit=_ALL)
        if profile is None:
            yield f"no profile for {namespace} {value}"
            continue
        yield from _differ(f"event of {value}", Counter(event.id for event in profile.events), Counter(events))
        graph = workspace.profile_store.identity_graph(namespace, value)
        linked = {(each.namespace.casefold(), each.value) for each in graph.identities} if graph is not None else set()
        wanted = {(each[0].casefold(), each[1]) for each in identities}
        if linked != wanted:
            yield f"graph of {value}: {sorted(linked ^ wanted)} differ"


def _events(workspace: Workspace, receiver: WebhookReceiver) -> Iterator[str]:
    """Every batch tells of its end once, and the receiver has heard it under one id."""
    written = workspace.catalog.outbox.events(limit=_ALL)
    codes: dict[str, set[str]] = {}
    for event in written:
        codes.setdefault(event.subject, set()).add(event.code)
    for batch in workspace.catalog.batches.of_dataset(DATASET):
        told = {code for code in codes.get(batch.id, set()) if not code.startswith("sources_")}
        failed = batch.status is BatchStatus.FAILED
        wanted = {"ing_load_failure"} if failed else _LOADS
        if batch.status is BatchStatus.INACTIVE:  # what left the lake before its load was repeated is not loaded
            wanted = {code for code in wanted if code in told or code.replace("success", "failure") not in told}
        if told - {"ig_load_failure", "ps_load_failure"} != wanted:
            errors = [
                f"{error.step}: {error.message}" for error in workspace.catalog.flow_runs.get(batch.flow_run_id).errors
            ]
            yield f"batch {batch.id} is {batch.status.value} and told {sorted(told)}; its run remembers {errors}"
    waiting = workspace.catalog.outbox.waiting()
    yield from (f"not delivered: {each.event.code} of {each.event.subject}: {each.last_error}" for each in waiting)
    heard = Counter(
        str(json.loads(request.body)["event_id"]) for request in receiver.requests if request.method == "POST"
    )
    told_ids = {event.id for event in written if not event.code.startswith("sources_")}
    if set(heard) != told_ids:
        yield f"the receiver heard {len(set(heard))} events, the outbox has {len(told_ids)}"


def _differ(what: str, found: Counter[_Thing], expected: Counter[_Thing]) -> Iterator[str]:
    lost, more = expected - found, found - expected
    if lost:
        yield f"{what}: {lost.total()} lost, such as {next(iter(lost))}"
    if more:
        yield f"{what}: {more.total()} too many, such as {next(iter(more))}"
