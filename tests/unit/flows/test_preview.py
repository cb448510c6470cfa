import bz2
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import Connector, create_connector
from headwater.errors import FileError
from headwater.flows.explore import explore_folder
from headwater.flows.preview import HEAD_BYTES, SAMPLE_ROWS, FilePreview, preview_file

CSV = b"id;name;joined;seen_at\n1;Ada;2024-02-29;1709195400\n2;Grace;2024-03-01;1709195500\n"


@pytest.fixture
def connector(tmp_path: Path) -> Iterator[Connector]:
    with closing(create_connector("local", {"root_path": str(tmp_path)})) as connector:
        yield connector


def preview(connector: Connector, tmp_path: Path, content: bytes, rows: int = 20) -> FilePreview:
    (tmp_path / "file").write_bytes(content)
    return preview_file(connector, "file", rows=rows)


@pytest.mark.parametrize(
    ("content", "compression"),
    [(CSV, None), (gzip.compress(CSV, mtime=0), "gzip"), (bz2.compress(CSV), "bzip2")],
    ids=["plain", "gzip", "bzip2"],
)
def test_delimited_text(connector: Connector, tmp_path: Path, content: bytes, compression: str | None) -> None:
    found = preview(connector, tmp_path, content, rows=1)

    assert (found.format, found.compression) == ("csv", compression)
    assert found.dialect == {"delimiter": ";", "quote": '"', "encoding": "utf-8"}
    assert [(column.name, column.type) for column in found.columns] == [
        ("id", "integer"),
        ("name", "string"),
        ("joined", "string"),
        ("seen_at", "integer"),
    ]
    times = {column.name: (column.time.form, column.time.unit) for column in found.columns if column.time}
    assert times == {"joined": ("date", None), "seen_at": ("epoch number", "seconds")}
    assert (found.sampled, found.unreadable) == (2, 0)
    assert found.rows == ({"id": "1", "name": "Ada", "joined": "2024-02-29", "seen_at": "1709195400"},)


def test_no_row_is_in_the_repr(connector: Connector, tmp_path: Path) -> None:
    assert "Ada" not in repr(preview(connector, tmp_path, CSV))


RECORDS = [{"person": {"name": "Ada", "tags": ["a"]}, "points": 1.5}, {"person": {"name": None}, "points": 2}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS).encode(),
        json.dumps(RECORDS, indent=2).encode(),
        b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS),
    ],
    ids=["array", "indented-array", "lines"],
)
def test_json(connector: Connector, tmp_path: Path, content: bytes) -> None:
    found = preview(connector, tmp_path, content)

    assert (found.format, found.dialect) == ("json", {})
    assert [(column.name, column.type) for column in found.columns] == [
        ("person.name", "string"),
        ("person.tags", "array"),
        ("points", "number"),
    ]
    assert found.rows[1] == {"person.name": None, "points": 2}


@pytest.mark.parametrize(
    "array",
    [
        pa.array([0, 2**62], pa.timestamp("us")),
        pa.array([0, 2**31 - 1], pa.int32()).cast(pa.date32()),
        pa.array([b"a", b"\xff"], pa.binary()),
        pa.array([[("k", 1)], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64())),
    ],
    ids=["time", "date", "text", "key twice"],
)
def test_rows_of_parquet_that_can_not_be_read_are_counted(
    connector: Connector, tmp_path: Path, array: pa.Array
) -> None:
    pq.write_table(pa.table({"a": array, "n": pa.array([1, 2])}), tmp_path / "file")
    found = preview_file(connector, "file")
    assert (found.sampled, found.unreadable) == (1, 1)
    assert [row["n"] for row in found.rows] == [1]


def test_types_of_parquet_are_kept(connector: Connector, tmp_path: Path) -> None:
    moments = pa.array([1597140000000000001], pa.timestamp("ns", "UTC"))
    struct = pa.array([{"day": date(2024, 2, 29), "none": None}], pa.struct({"day": pa.date32(), "none": pa.string()}))
    pq.write_table(pa.table({"at": moments, "s": struct, "b": pa.array([b"x"])}), tmp_path / "file")
    found = preview_file(connector, "file")
    assert found.rows == (
        {"at": datetime(2020, 8, 11, 10, tzinfo=UTC), "s.day": date(2024, 2, 29), "s.none": None, "b": "x"},
    )
    assert [column.type for column in found.columns] == ["datetime", "date", "empty", "string"]


def test_parquet_is_read_from_its_end_without_all_that_lies_between(connector: Connector, tmp_path: Path) -> None:
    rows = 500_000
    table = pa.table(
        {
            "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * rows, pa.timestamp("us", "UTC")),
            "noise": pa.array(range(rows), pa.int64()),
        }
    )
    written = io.BytesIO()
    pq.write_table(table, written, row_group_size=10_000, compression="none", use_dictionary=False)
    (tmp_path / "file").write_bytes(written.getvalue())
    counted = Counting(connector)

    found = preview_file(counted, "file", rows=3)

    assert (found.format, found.sampled, len(found.rows)) == ("parquet", SAMPLE_ROWS, 3)
    assert [(column.name, column.type) for column in found.columns] == [("at", "datetime"), ("noise", "integer")]
    assert found.columns[0].time is not None
    assert found.columns[0].time.zone == "UTC"
    assert counted.asked_bytes < len(written.getvalue()) / 4


class Counting:
    """A connector that counts the bytes that were asked for."""

    def __init__(self, inner: Connector) -> None:
        self._inner = inner
        self.asked_bytes = 0
        self.check, self.list_files, self.browse = inner.check, inner.list_files, inner.browse
        self.stat_file, self.close = inner.stat_file, inner.close

    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> AbstractContextManager[BinaryIO]:
        self.asked_bytes += length or 0
        return self._inner.open_file(path, offset=offset, length=length, version=version)


@pytest.mark.parametrize("form", ["csv", "lines", "array"])
def test_of_a_large_file_only_the_beginning_counts(connector: Connector, tmp_path: Path, form: str) -> None:
    record = {"text": "x" * 5000}
    count = 3 * HEAD_BYTES // 5000
    line = json.dumps(record).encode()
    content = {
        "csv": b"text,n\n" + (record["text"].encode() + b",1\n") * count,
        "lines": (line + b"\n") * count,
        "array": b"[" + b",\n".join([line] * count) + b"]",
    }[form]

    found = preview(connector, tmp_path, content)

    assert 150 < found.sampled <= HEAD_BYTES // 5000
    assert found.unreadable == 0
    assert len(found.rows) == 20


def test_records_that_cannot_be_read_are_counted(connector: Connector, tmp_path: Path) -> None:
    assert preview(connector, tmp_path, b"a,b\n1,2\n3\n4,5,6\n").unreadable == 2
    assert preview(connector, tmp_path, b'{"a": 1}\n{"a": \n{"a": 2}\n').unreadable == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file: the file is empty (0 bytes)"),
        (b"PAR1 and nothing else", "file: the file begins like Parquet but cannot be read as such"),
        (gzip.compress(b"PAR1" * 100, mtime=0), "file: a Parquet file that is compressed or encrypted as a whole"),
        (b"%PDF-1.7", "file: the file is a PDF document"),
        (b"\x1f\x8bnot gzip at all", "file: begins like gzip, but is damaged"),
        (b'[{"a": 1}, {"a":', "file: "),
    ],
    ids=["empty", "parquet", "packed-parquet", "pdf", "gzip", "unclosed-array"],
)
def test_what_cannot_be_looked_into_is_said_to_be_so(
    connector: Connector, tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(FileError) as caught:
        preview(connector, tmp_path, content)
    assert str(caught.value).startswith(message)


def test_a_bomb_is_expanded_only_so_far(connector: Connector, tmp_path: Path) -> None:
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000, compresslevel=1, mtime=0)

    assert preview(connector, tmp_path, bomb).sampled == SAMPLE_ROWS


def test_pages_of_a_folder_are_in_order_and_whole(connector: Connector, tmp_path: Path) -> None:
    for name in ("b", "d", "a", "c"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "z").mkdir()

    pages = [explore_folder(connector, "", page=number, page_size=2) for number in (1, 2, 3, 4)]

    assert [[entry.path for entry in page.entries] for page in pages] == [["z", "a"], ["b", "c"], ["d"], []]
    assert [page.more for page in pages] == [True, True, False, False]
