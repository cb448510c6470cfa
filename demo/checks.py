"""Whether everything went as the worked example says."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from demo.receiver import Notification
from demo.results import CRM, LOYALTY, LessonResult, LookUp, Person, Results
from headwater.model.runs import FlowRun, FlowRunState

EXPECTED_CODES: Final = ("ing_load_success", "ig_load_success", "ps_load_success")
"""The notifications of a batch: lake, identity graph, profiles."""

_DANNY = Person(
    first_name="Danny",
    city="Portland",
    tier="gold",
    email="dwright@adobe.com",
    phone="212-555-5555",
    spent=(252.19,),
)
_DANIEL = replace(_DANNY, first_name="Daniel", city="New York City")
EXPECTED_PEOPLE: Final[dict[tuple[str, tuple[str, str]], Person | None]] = {
    ("default", LOYALTY): _DANNY,
    ("default", CRM): _DANNY,
    ("loyalty_prioritized", LOYALTY): _DANIEL,
    ("loyalty_prioritized", CRM): _DANIEL,
    ("loyalty_only", LOYALTY): replace(_DANIEL, email=None, phone=None),
    ("loyalty_only", CRM): None,
}
"""Daniel Wright by merge policy and identity."""


def find_problems(results: Results, notifications: Sequence[Notification], *, people: int, products: int) -> list[str]:
    """Return what is not as it should be, as sentences; empty if all is well.

    Args:
        results: What the dataflows came to.
        notifications: What the webhook received, in its order.
        people: How many people there are in the sample files.
        products: How many products there are.
    """
    problems = [problem for lesson in results.lessons for problem in _lesson_problems(lesson, notifications)]
    problems += [problem for look_up in results.look_ups for problem in _look_up_problems(look_up)]
    problems += _graph_problems(results.identities)
    if results.people != people:
        problems.append(f"the profile store has {results.people} people, expected {people}")
    if results.products != products:
        problems.append(f"the profile store has {results.products} lookup entities, expected {products} products")
    problems += [f"notification {each.event_id} has a wrong signature" for each in notifications if not each.genuine]
    return problems


def _graph_problems(identities: Collection[tuple[str, str]]) -> Iterator[str]:
    """Codes of identity namespaces are compared without case."""
    found, expected = (sorted((code.lower(), value) for code, value in each) for each in (identities, (LOYALTY, CRM)))
    if found != expected:
        yield f"Daniel's identity graph has {found}, expected {expected}"


def _lesson_problems(result: LessonResult, notifications: Sequence[Notification]) -> Iterator[str]:
    flow, lesson, run = result.lesson.flow, result.lesson, result.flow_run
    if result.dag_run.state != "success":
        yield f"{flow}: Dag run {result.dag_run.run_id} ended as {result.dag_run.state}"
    if result.in_lake != lesson.records:
        yield f"{flow}: dataset {lesson.dataset} has {result.in_lake} records, expected {lesson.records}"
    if run is None:
        yield f"{flow}: Dag run {result.dag_run.run_id} has no flow run"
    elif run.state is not FlowRunState.NO_NEW_DATA:
        yield from _load_problems(lesson.records, run, notifications)


def _load_problems(records: int, run: FlowRun, notifications: Sequence[Notification]) -> Iterator[str]:
    if run.state is not FlowRunState.SUCCESS:
        yield f"{run.flow}: flow run {run.id} ended as {run.state.value}, expected success"
    counts = (run.counts.read, run.counts.loaded, run.counts.failed)
    if counts != (records, records, 0):
        found = "{} records in, {} loaded, {} failed".format(*counts)
        yield f"{run.flow}: batch {run.batch_id} has {found}; expected {records} in and loaded, none failed"
    codes = tuple(each.code for each in notifications if each.batch_id == run.batch_id)
    if codes != EXPECTED_CODES:
        told = ", ".join(codes) or "nothing"
        yield f"{run.flow}: the webhook was told {told} of batch {run.batch_id}, expected {', '.join(EXPECTED_CODES)}"


def _look_up_problems(look_up: LookUp) -> Iterator[str]:
    expected = EXPECTED_PEOPLE[look_up.policy, look_up.identity]
    if look_up.person != expected:
        yield f"{look_up.title}: looked up by {look_up.identity[0]}, found {look_up.person}, expected {expected}"
