import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from headwater.cli.output import cell, jsonable, print_error, print_fields, print_json, print_table, printable, say
from headwater.model.documents import Dataset
from headwater.model.records import RecordCounts
from headwater.model.runs import BatchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    batch_id: str
    created_at: datetime
    status: BatchStatus
    counts: RecordCounts
    values: dict[str, object]
    raw: bytes
    names: frozenset[str]


SAMPLE = Sample(
    batch_id="01A",
    created_at=datetime(2026, 11, 1, 2, tzinfo=UTC),
    status=BatchStatus.SUCCESS,
    counts=RecordCounts(read=3, loaded=2, failed=1),
    values={"first_name": None},
    raw=b"\xffa",
    names=frozenset({"b", "a"}),
)


def test_json_has_camel_case_fields_and_keys_as_they_are() -> None:
    assert jsonable(SAMPLE) == {
        "batchId": "01A",
        "createdAt": "2026-11-01T02:00:00Z",
        "status": "success",
        "counts": {"read": 3, "loaded": 2, "failed": 1},
        "values": {"first_name": None},
        "raw": "\\xffa",
        "names": ["a", "b"],
    }


def test_a_document_is_printed_in_the_form_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([Dataset(name="d", xdm_schema="s", enabled_for_profile=True)])

    assert json.loads(capsys.readouterr().out) == [
        {"kind": "dataset", "name": "d", "schema": "s", "enabledForProfile": True, "upsert": False}
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (1234567, "1,234,567"),
        (datetime(2026, 11, 1, 2, tzinfo=UTC), "2026-11-01 02:00:00Z"),
        (BatchStatus.LOADING, "loading"),
        ({"a": [1, "ä"]}, '{"a": [1, "ä"]}'),
        ("a\x1b[31mb", "a\\x1b[31mb"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell(value) == text


def test_what_commands_a_terminal_is_escaped() -> None:
    assert printable("a\x1b]0;title\x07\r\u202e\tb\n") == "a\\x1b]0;title\\x07\\r\\u202e\tb\n"


def test_headings_and_names_are_escaped_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a\x1b[2J",), [("b\x1b[2J",)], empty="")
    print_fields({"c\x1b[2J": "d"})
    assert "\x1b" not in capsys.readouterr().out


def test_names_that_are_not_utf_8_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say("name\udcff")
    print_json({"path": "name\udcff"})

    text, _, document = capsys.readouterr().out.partition("\n")
    assert text == "name\\U0010ffff"
    assert json.loads(document) == {"path": "name\U0010ffff"}


def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("[bold]name", "size"), [("[red]x[/red]", 1000)], empty="")
    print_fields({"key": "[red]", "absent": None})
    print_error("[red] is wrong")

    printed = capsys.readouterr()
    assert [line.rstrip() for line in printed.out.splitlines()] == [
        "[bold]name    size",
        "[red]x[/red]  1,000",
        "key  [red]",
    ]
    assert printed.err == "error: [red] is wrong\n"


def test_a_table_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a",), [], empty="nothing yet")

    assert capsys.readouterr().out == "nothing yet\n"


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say("word " * 200)
    print_error("word " * 200)

    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.err.count("\n") == 1
