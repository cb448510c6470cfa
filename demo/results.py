"""What the dataflows came to, read from Headwater's stores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from demo.airflow_api import DagRun
from demo.lessons import LESSONS, Lesson
from demo.people import CRM_ID, LOYALTY_ID
from headwater.model.documents import MergePolicy
from headwater.model.runs import FlowRun
from headwater.settings import Settings

if TYPE_CHECKING:
    from headwater.flows import Workspace
    from headwater.profile.merged import MergedProfile

LOYALTY: Final = ("lumaLoyaltyId", LOYALTY_ID)
"""Daniel Wright as the loyalty programme knows him: namespace and value."""
CRM: Final = ("lumaCrmId", CRM_ID)
"""Daniel Wright as the CRM system knows him."""
POLICIES: Final = ("default", "loyalty_prioritized", "loyalty_only")
"""Merge policies of the example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonResult:
    """One dataflow's Dag run and, if it came that far, its flow run. `in_lake` counts its dataset's records."""

    lesson: Lesson
    dag_run: DagRun
    flow_run: FlowRun | None
    in_lake: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a merged profile says of Daniel Wright; None where it says nothing. `spent` has one price per purchase."""

    first_name: str | None
    city: str | None
    tier: str | None
    email: str | None
    phone: str | None
    spent: tuple[float, ...]

    @classmethod
    def from_profile(cls, profile: "MergedProfile") -> Self:
        """Pick the values from a merged profile."""
        attributes = profile.attributes
        return cls(
            first_name=_pick(attributes, "person", "name", "firstName"),
            city=_pick(attributes, "homeAddress", "city"),
            tier=_pick(attributes, "loyalty", "tier"),
            email=_pick(attributes, "personalEmail", "address"),
            phone=_pick(attributes, "mobilePhone", "number"),
            spent=tuple(_pick(event.body, "commerce", "order", "priceTotal") for event in profile.events),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """Daniel Wright under one merge policy, looked up by one identity; `person` is None if nothing was found."""

    policy: str
    title: str
    identity: tuple[str, str]
    person: Person | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that the demo shows and checks."""

    lessons: tuple[LessonResult, ...]
    look_ups: tuple[LookUp, ...]
    identities: frozenset[tuple[str, str]]
    people: int
    products: int


def collect_results(settings: Settings, dag_runs: Sequence[DagRun]) -> Results:
    """Read the results of the lessons' Dag runs, which are given in the order of the lessons."""
    from headwater.flows import open_workspace

    with open_workspace(settings) as workspace:
        graph = workspace.profile_store.identity_graph(*LOYALTY)
        counts = workspace.profile_store.counts()
        return Results(
            lessons=tuple(_lesson_results(workspace, dag_runs)),
            look_ups=tuple(_look_up(workspace, name, identity) for name in POLICIES for identity in (LOYALTY, CRM)),
            identities=frozenset((each.namespace, each.value) for each in graph.identities) if graph else frozenset(),
            people=counts.profiles,
            products=counts.lookup_entities,
        )


def _lesson_results(workspace: "Workspace", dag_runs: Sequence[DagRun]) -> Iterable[LessonResult]:
    for lesson, dag_run in zip(LESSONS, dag_runs, strict=True):
        flow_run = workspace.catalog.flow_runs.of_dag_run(lesson.flow, dag_run.run_id)
        in_lake = workspace.lake.count(lesson.dataset)
        yield LessonResult(lesson=lesson, dag_run=dag_run, flow_run=flow_run, in_lake=in_lake)


def _look_up(workspace: "Workspace", name: str, identity: tuple[str, str]) -> LookUp:
    policy = workspace.catalog.resources.typed(MergePolicy, name)
    profile = workspace.profile_store.look_up(*identity, policy)
    person = Person.from_profile(profile) if profile is not None else None
    return LookUp(policy=name, title=policy.title or name, identity=identity, person=person)


def _pick(record: dict[str, Any], *path: str) -> Any:  # noqa: ANN401 (any leaf of a record)
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
