from datetime import UTC, date, datetime

import pytest

from headwater.timestamps.verdict import TimeVerdict, judge_times


@pytest.mark.parametrize(
    ("values", "form", "zone"),
    [
        (["2024-02-29T08:30:00Z", "2024-03-01T08:30:00.123Z"], "ISO 8601", "UTC"),
        (["2024-02-29T08:30:00+01:00"], "ISO 8601", "+01:00"),
        (["2024-02-29T08:30:00+01:00", "2024-07-29T08:30:00+02:00"], "ISO 8601", "several offsets"),
        (["2024-02-29"], "date", "UTC"),
        (["2024-02-29 08:30:00", "2024-02-29T08:30:00"], "local time", None),
        (["02/28/2024", "12/31/2023"], "pattern", None),
        ([datetime(2024, 2, 29, tzinfo=UTC)], "typed", "UTC"),
        ([datetime(2024, 2, 29)], "typed", None),  # noqa: DTZ001 (a file's local time)
        ([date(2024, 2, 29)], "typed", None),
    ],
    ids=["utc", "offset", "offsets", "date", "local", "pattern", "typed", "typed-local", "typed-date"],
)
def test_how_texts_write_times(values: list[object], form: str, zone: str | None) -> None:
    verdict = judge_times("any", [*values, None, ""])

    assert verdict is not None
    assert (verdict.form, verdict.zone, verdict.unit) == (form, zone, None)
    assert (verdict.values, verdict.unreadable, verdict.out_of_range) == (len(values), 0, 0)


@pytest.mark.parametrize(
    ("number", "unit"),
    [
        (1_709_195_400, "seconds"),
        (1_709_195_400_000, "milliseconds"),
        (1_709_195_400_000_000, "microseconds"),
        (1_709_195_400_000_000_000, "nanoseconds"),
    ],
    ids=["s", "ms", "us", "ns"],
)
@pytest.mark.parametrize("as_text", [False, True], ids=["number", "text"])
def test_the_unit_of_numbers(number: int, unit: str, as_text: bool) -> None:
    verdict = judge_times("createdAt", [str(number) if as_text else number] * 3)

    assert verdict is not None
    assert (verdict.form, verdict.unit, verdict.zone) == ("epoch number", unit, "UTC")
    assert verdict.declare == ({} if unit == "milliseconds" else {"unit": unit})
    assert (f"`unit: {unit}`" in verdict.advice) == (unit != "milliseconds")


def test_numbers_are_times_only_where_the_name_says_so() -> None:
    assert judge_times("phone", [1_709_195_400]) is None
    assert judge_times("order_date", [20240229]) is None, "it is no epoch number in any unit"


def test_values_out_of_range_and_unreadable_ones_are_counted() -> None:
    verdict = judge_times("at", ["2024-01-01", "1899-12-31", "2100-01-01", "1970-01-01", "2024-02-30", "never"])

    assert verdict == TimeVerdict(form="date", zone="UTC", values=6, unreadable=2, out_of_range=3)
    assert verdict.out_of_range_share == 0.5


def test_zero_is_out_of_range_among_numbers() -> None:
    verdict = judge_times("updated_at", [0, 1_709_195_400, 1_709_195_401])

    assert verdict is not None
    assert (verdict.unit, verdict.out_of_range) == ("seconds", 1)


def test_local_times_ask_for_their_zone() -> None:
    verdict = judge_times("at", ["2024-02-29 08:30:00"])

    assert verdict is not None
    assert verdict.advice.startswith("the values state no zone; ask the sender for it")


@pytest.mark.parametrize(
    "values",
    [["a", "b"], [], [None, ""], [True], [1.5], [["2024-01-01"]], ["x", "y", "2024-01-01"]],
    ids=["texts", "none", "empty", "boolean", "float", "list", "mostly-texts"],
)
def test_other_columns_hold_no_times(values: list[object]) -> None:
    assert judge_times("time", values) is None
