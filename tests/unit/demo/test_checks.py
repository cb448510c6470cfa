from dataclasses import replace
from datetime import UTC, datetime

import pytest

from demo.airflow_api import DagRun
from demo.checks import EXPECTED_CODES, EXPECTED_PEOPLE, find_problems
from demo.lessons import LESSONS, Lesson
from demo.receiver import Notification
from demo.results import CRM, LOYALTY, POLICIES, LessonResult, LookUp, Results
from headwater.model.records import RecordCounts
from headwater.model.runs import FlowRun, FlowRunState

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def flow_run(lesson: Lesson, state: FlowRunState = FlowRunState.SUCCESS) -> FlowRun:
    loaded = lesson.records if state is FlowRunState.SUCCESS else 0
    return FlowRun(
        id=f"run-{lesson.flow}",
        flow=lesson.flow,
        dataset=lesson.dataset,
        state=state,
        trigger="scheduled",
        dag_run_id="once",
        batch_id=f"batch-{lesson.flow}" if loaded else None,
        window_start=None,
        window_end=None,
        started_at=NOW,
        completed_at=NOW,
        counts=RecordCounts(read=loaded, loaded=loaded),
    )


def lesson_result(lesson: Lesson, run: FlowRun | None) -> LessonResult:
    dag_run = DagRun(dag_id=lesson.flow, run_id="once", state="success", seconds=20.0)
    return LessonResult(lesson=lesson, dag_run=dag_run, flow_run=run, in_lake=lesson.records)


def results(state: FlowRunState = FlowRunState.SUCCESS) -> Results:
    return Results(
        lessons=tuple(lesson_result(lesson, flow_run(lesson, state)) for lesson in LESSONS),
        look_ups=tuple(
            LookUp(policy=name, title=name.title(), identity=identity, person=EXPECTED_PEOPLE[name, identity])
            for name in POLICIES
            for identity in (LOYALTY, CRM)
        ),
        identities=frozenset({LOYALTY, CRM}),
        people=1_100,
        products=92,
    )


def notifications() -> list[Notification]:
    return [
        Notification(
            event_id=f"{lesson.flow}/{code}",
            code=code,
            batch_id=f"batch-{lesson.flow}",
            dataset=lesson.dataset,
            genuine=True,
        )
        for lesson in LESSONS
        for code in EXPECTED_CODES
    ]


def problems(found: Results, told: list[Notification] | None = None) -> list[str]:
    return find_problems(found, notifications() if told is None else told, people=1_100, products=92)


def with_first_lesson(result: LessonResult) -> Results:
    found = results()
    return replace(found, lessons=(result, *found.lessons[1:]))


def test_nothing_is_wrong_where_all_went_as_expected() -> None:
    assert problems(results()) == []


def test_nothing_is_wrong_where_there_were_no_new_files() -> None:
    assert problems(results(FlowRunState.NO_NEW_DATA), []) == []


def test_a_failed_dag_run_without_flow_run_is_named() -> None:
    (loyalty, *_) = results().lessons
    failed = replace(loyalty, dag_run=replace(loyalty.dag_run, state="failed"), flow_run=None, in_lake=0)
    assert problems(with_first_lesson(failed)) == [
        "luma-loyalty: Dag run once ended as failed",
        "luma-loyalty: dataset luma_loyalty_dataset has 0 records, expected 1000",
        "luma-loyalty: Dag run once has no flow run",
    ]


def test_failed_records_are_named() -> None:
    run = replace(
        flow_run(LESSONS[0]),
        state=FlowRunState.FAILED,
        counts=RecordCounts(read=1_000, loaded=999, failed=1),
    )
    assert problems(with_first_lesson(replace(lesson_result(LESSONS[0], run), in_lake=999))) == [
        "luma-loyalty: dataset luma_loyalty_dataset has 999 records, expected 1000",
        "luma-loyalty: flow run run-luma-loyalty ended as failed, expected success",
        "luma-loyalty: batch batch-luma-loyalty has 1000 records in, 999 loaded, 1 failed; "
        "expected 1000 in and loaded, none failed",
    ]


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ((1, 0, 2), "ig_load_success, ing_load_success, ps_load_success"),
        ((0, 2), "ing_load_success, ps_load_success"),
        ((), "nothing"),
    ],
)
def test_notifications_in_another_order_are_named(order: tuple[int, ...], told: str) -> None:
    first, rest = notifications()[:3], notifications()[3:]
    assert problems(results(), [*(first[number] for number in order), *rest]) == [
        f"luma-loyalty: the webhook was told {told} of batch batch-luma-loyalty, "
        "expected ing_load_success, ig_load_success, ps_load_success"
    ]


def test_a_wrong_signature_is_named() -> None:
    first, *rest = notifications()
    assert problems(results(), [replace(first, genuine=False), *rest]) == [
        "notification luma-loyalty/ing_load_success has a wrong signature"
    ]


def test_a_wrong_merge_is_named() -> None:
    found = results()
    danny = EXPECTED_PEOPLE["default", LOYALTY]
    assert danny is not None
    wrong = replace(found.look_ups[0], person=replace(danny, first_name="Daniel"))
    (problem,) = problems(replace(found, look_ups=(wrong, *found.look_ups[1:])))
    assert problem.startswith("Default: looked up by lumaLoyaltyId, found Person(first_name='Daniel'")
    assert "expected Person(first_name='Danny'" in problem


def test_wrong_counts_of_people_products_and_identities_are_named() -> None:
    wrong = replace(results(), people=2_000, products=0, identities=frozenset({LOYALTY}))
    assert problems(wrong) == [
        "Daniel's identity graph has [('lumaloyaltyid', '5625458')], "
        "expected [('lumacrmid', '112ca06ed53d3db37e4cea49cc45b71e'), ('lumaloyaltyid', '5625458')]",
        "the profile store has 2000 people, expected 1100",
        "the profile store has 0 lookup entities, expected 92 products",
    ]
