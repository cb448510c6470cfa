import json
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.errors import NotFoundError, SettingsError
from headwater.lake import Diagnostics, raw_record
from headwater.model.records import MAX_RAW_BYTES, Problem, RowError

BATCH = "01JBKD0000000000000000AAAA"
REQUIRED = Problem(pointer="/timestamp", rule="required", code="1555", message="timestamp is missing")


@pytest.fixture
def diagnostics(tmp_path: Path) -> Diagnostics:
    return Diagnostics.open(f"file://{tmp_path}/bad rows %41")


def error(raw: bytes, *problems: Problem, row: int = 1) -> RowError:
    return RowError(
        file="/outbox/käufe.json",
        row_number=row,
        line=row,
        byte_offset=row * 10,
        raw=raw,
        problems=problems or (REQUIRED,),
    )


def write(diagnostics: Diagnostics, *errors: RowError, group: int = 0) -> None:
    with diagnostics.writer(BATCH, group) as writer:
        writer.write(errors)


def raw_records(diagnostics: Diagnostics) -> list[tuple[str, bytes]]:
    """The file and bytes of each record that was kept whole."""
    return [(row["_filename"], raw) for row in diagnostics.rows(BATCH) if (raw := raw_record(row)) is not None]


def test_a_rejected_record_is_kept_with_its_fields_its_problems_and_its_place(diagnostics: Diagnostics) -> None:
    raw = '{"_id": "ä", "n": 1}'.encode()
    other = Problem(pointer="/n", rule="type", code="1501", message="n is an integer, expected a string")

    write(diagnostics, error(raw, REQUIRED, other, row=7))

    assert diagnostics.read(BATCH) == [
        {
            "_id": "ä",
            "n": 1,
            "_errors": [
                {"code": "1555", "message": "timestamp is missing", "column": "/timestamp", "rule": "required"},
                {"code": "1501", "message": "n is an integer, expected a string", "column": "/n", "rule": "type"},
            ],
            "_filename": "/outbox/käufe.json",
            "_row": 7,
            "_line": 7,
            "_offset": 70,
            "_raw": '{"_id": "ä", "n": 1}',
        }
    ]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b'{"_id": "a', '{"_id": "a'), (b"[1, 2]", "[1, 2]"), (b"a;b;c", "a;b;c"), (b"caf\xe9", "caf\ufffd"), (b"", "")],
)
def test_what_is_no_json_object_is_shown_as_corrupt_and_replayed_byte_by_byte(
    diagnostics: Diagnostics, raw: bytes, shown: str
) -> None:
    write(diagnostics, error(raw))

    (row,) = diagnostics.read(BATCH)
    assert row["_corrupt_record"] == shown
    assert raw_record(row) == raw
    assert raw_records(diagnostics) == [("/outbox/käufe.json", raw)]


def test_fields_of_a_record_cannot_pose_as_ours(diagnostics: Diagnostics) -> None:
    raw = b'{"_errors": [], "_filename": "x", "_raw": "forged", "_rawEncoding": "base64", "_notKept": 5, "a": 1}'

    write(diagnostics, error(raw))

    (row,) = diagnostics.read(BATCH)
    assert (row["_filename"], row["_errors"][0]["code"], row["a"]) == ("/outbox/käufe.json", "1555", 1)
    assert "_notKept" not in row
    assert raw_record(row) == raw


def test_a_record_that_was_cut_is_marked_and_not_replayed(diagnostics: Diagnostics) -> None:
    write(diagnostics, error(b"x" * MAX_RAW_BYTES))

    (row,) = diagnostics.read(BATCH)
    assert row["_rawTruncated"] is True
    assert raw_record(row) is None
    assert raw_records(diagnostics) == []


def test_a_record_that_is_only_shown_is_marked_and_not_replayed(diagnostics: Diagnostics) -> None:
    write(diagnostics, replace(error(b'{"_id": {"base64": "//4="}}'), is_displayed=True))

    (row,) = diagnostics.read(BATCH)
    assert (row["_id"], row["_rawDisplayed"]) == ({"base64": "//4="}, True)
    assert raw_record(row) is None
    assert raw_records(diagnostics) == []


def test_pages_run_through_all_groups_in_order(diagnostics: Diagnostics) -> None:
    for group in (1, 0, 2):
        write(diagnostics, *(error(b"{}", row=group * 100 + i) for i in range(3)), group=group)

    pages = [diagnostics.read(BATCH, start=start, limit=4) for start in (0, 4, 8, 12)]

    assert [[row["_row"] for row in page] for page in pages] == [[0, 1, 2, 100], [101, 102, 200, 201], [202], []]


@pytest.mark.parametrize("bounds", [{"max_rows": 3}, {"max_bytes": 600}])
def test_beyond_the_bounds_records_are_counted_and_the_last_line_says_so(
    diagnostics: Diagnostics, bounds: dict[str, int]
) -> None:
    with diagnostics.writer(BATCH, 0, **bounds) as writer:
        for row in range(10):
            writer.write([error(b'{"a": 1}', row=row)])

    *kept, last = diagnostics.read(BATCH)
    assert (writer.kept, writer.not_kept) == (len(kept), 10 - len(kept))
    assert 0 < len(kept) < 5
    assert last["_notKept"] == writer.not_kept
    assert last["_errors"][0]["message"].startswith(f"{writer.not_kept} more records of this file group were rejected")
    assert len(raw_records(diagnostics)) == len(kept)


def test_a_repeated_group_replaces_what_was_there_even_by_nothing(diagnostics: Diagnostics, tmp_path: Path) -> None:
    write(diagnostics, error(b"{}", row=1), error(b"{}", row=2))
    write(diagnostics, error(b"{}", row=3))
    assert [row["_row"] for row in diagnostics.read(BATCH)] == [3]

    write(diagnostics)

    assert diagnostics.read(BATCH) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_exception_keeps_what_an_earlier_attempt_wrote(diagnostics: Diagnostics, tmp_path: Path) -> None:
    write(diagnostics, error(b"{}", row=1))

    def write_and_fail() -> None:
        with diagnostics.writer(BATCH, 0) as writer:
            writer.write([error(b"{}", row=2)])
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        write_and_fail()

    assert [row["_row"] for row in diagnostics.read(BATCH)] == [1]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_discarding_takes_one_group_or_all(diagnostics: Diagnostics) -> None:
    for group in range(3):
        write(diagnostics, error(b"{}", row=group), group=group)

    diagnostics.discard(BATCH, 1)
    assert [row["_row"] for row in diagnostics.read(BATCH)] == [0, 2]
    diagnostics.discard(BATCH)
    diagnostics.discard(BATCH)
    assert diagnostics.files(BATCH) == ()


def test_files_are_ndjson_and_opened_by_their_listed_names_only(diagnostics: Diagnostics) -> None:
    write(diagnostics, error(b"{}"), group=12)

    (file,) = diagnostics.files(BATCH)
    assert file.name == "part-00012.json"
    with diagnostics.open_file(BATCH, file.name) as stream:
        content = stream.read()
    assert len(content) == file.size_bytes
    assert json.loads(content)["_filename"] == "/outbox/käufe.json"
    with pytest.raises(NotFoundError, match=r"has no diagnostics file '\.\./\.\./secret'"):
        diagnostics.open_file(BATCH, "../../secret")


@pytest.mark.parametrize("batch_id", ["../x", "", "a/b", "x" * 65])
def test_what_is_no_batch_id_is_refused(diagnostics: Diagnostics, batch_id: str) -> None:
    with pytest.raises(NotFoundError, match="is not the id of a batch"):
        diagnostics.read(batch_id)


def test_rejected_records_are_for_their_owner_only(tmp_path: Path) -> None:
    Diagnostics.open(str(tmp_path / "kept" / "here"))

    assert (tmp_path / "kept" / "here").stat().st_mode & 0o077 == 0


def test_addresses_of_object_stores_are_checked() -> None:
    with pytest.raises(
        SettingsError, match="'s3://b/p' has the unknown options access_key; known are endpoint_override"
    ):
        Diagnostics.open("s3://b/p?access_key=x")
    with pytest.raises(SettingsError, match="write it with its protocol, as http://storage:8333"):
        Diagnostics.open("s3://b/p?endpoint_override=storage:8333")
