"""Archives and character sets through the engine: provenance of each member, rows as if they stood alone."""

import csv
import gzip
import io
import re
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import FileError
from headwater.ingest import compile_plan
from tests.unit.formats.packing import tarred, zipped, zstd
from tests.unit.ingest.reading import read

PLAN = compile_plan(
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer", "meta:xdmType": "long"}}}
)
FIRST = b"a,b\nx,1\ny,zwei\nz,3\n"
SECOND = b"a,b\nu,4\nv\n"


@pytest.mark.parametrize(
    "packed", [zipped(("d/1.csv", FIRST), ("2.csv", SECOND)), tarred(("d/1.csv", FIRST), ("2.csv", SECOND))]
)
def test_errors_name_the_member_and_rows_are_numbered_through(packed: bytes) -> None:
    outcome = read(PLAN, packed)
    assert [(row["a"], row["row_number"], row["byte_offset"]) for row in outcome.rows] == [
        ("x", 1, 4),
        ("z", 3, 15),
        ("u", 4, 4),
    ]
    assert [(e.file, e.row_number, e.line, e.byte_offset, e.raw) for e in outcome.errors] == [
        ("in/f!/d/1.csv", 2, 3, 8, b"y,zwei"),
        ("in/f!/2.csv", 2, 3, 8, b"v"),
    ]
    assert outcome.report.notes == (
        "in/f: 2 members of the archive were read, their records numbered through: d/1.csv (1 to 3), 2.csv (4 to 5)",
    )


def test_members_may_be_of_several_formats_unless_one_is_declared() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": ["p", "q"], "b": [5, 6]}), sink)
    members = [("1.csv", FIRST), ("2.json.gz", gzip.compress(b'{"a":"w"}\n', mtime=0)), ("3.parquet", sink.getvalue())]
    outcome = read(PLAN, zipped(*members))
    assert [(row["a"], row["row_number"]) for row in outcome.rows] == [("x", 1), ("z", 3), ("w", 4), ("p", 5), ("q", 6)]
    with pytest.raises(FileError, match=re.escape("in/f!/3.parquet: declared as csv, but the content is parquet")):
        read(PLAN, zipped(members[0], members[2]), format="csv")


def test_a_limit_of_rows_ends_in_the_member_where_it_is_reached() -> None:
    outcome = read(PLAN, zipped(("1", FIRST), ("2", SECOND), ("3", b"no header of ours\n")), row_limit=4)
    assert outcome.report.read == 4
    assert [(member.name, member.first_row, member.read) for member in outcome.report.members] == [
        ("1", 1, 3),
        ("2", 4, 1),
    ]


def test_a_member_that_is_no_source_file_fails_the_archive_by_name() -> None:
    with pytest.raises(FileError, match=re.escape("in/f!/readme: the content is binary and of no known format")):
        read(PLAN, tarred(("1.csv", FIRST), ("readme", b"\0\1\2\3\n")))


def test_without_an_archive_nothing_is_said_of_members() -> None:
    outcome = read(PLAN, zstd(FIRST))
    assert (outcome.report.compression, outcome.report.members) == ("zstd", ())
    assert {error.file for error in outcome.errors} == {"in/f"}


ENCODINGS = ["utf-8", "utf-8-sig", "iso-8859-1", "windows-1252", "utf-16", "utf-16-le", "utf-16-be"]


@given(
    table=st.lists(st.text('aé,"\n€ü ', max_size=6).map(lambda cell: cell.replace("€", "ß")), min_size=1, max_size=12),
    encoding=st.sampled_from(ENCODINGS),
    pack=st.sampled_from(
        [bytes, zstd, lambda body: zipped(("m", body)), lambda body: gzip.compress(tarred(("m", body)))]
    ),
)
def test_a_table_is_the_same_in_every_encoding_and_wrapper(table: list[str], encoding: str, pack: Any) -> None:  # noqa: ANN401
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["a", "b"], *([cell, number] for number, cell in enumerate(table))])
    outcome = read(PLAN, pack(text.getvalue().encode(encoding)), encoding=encoding.removesuffix("-sig"), format="csv")
    assert outcome.errors == []
    assert [(row["a"], row["b"]) for row in outcome.rows] == [(cell or None, n) for n, cell in enumerate(table)]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        pytest.param("\ufeffa,b\ngrün,1\n".encode("utf-16-le"), {}, id="UTF-16 LE by its mark"),
        pytest.param("\ufeffa,b\ngrün,1\n".encode("utf-16-be"), {}, id="UTF-16 BE by its mark"),
        pytest.param("\ufeffa,b\ngrün,1\n".encode("utf-16-be"), {"encoding": "utf-16-le"}, id="the mark goes first"),
        pytest.param("\ufeff[{'a':'grün'}]".replace("'", '"').encode("utf-16-le"), {}, id="JSON"),
        pytest.param("{'a':'grün'}\n".replace("'", '"').encode("utf-16-be"), {"encoding": "utf-16-be"}, id="no mark"),
        pytest.param("a,b\ngrün,1\n".encode("cp1252"), {"encoding": "Windows-1252"}, id="Windows-1252"),
    ],
)
def test_encodings(content: bytes, options: dict[str, Any]) -> None:
    [row] = read(PLAN, content, **options).rows
    assert row["a"] == "grün"


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        pytest.param(
            "a,b\nx,1\n\ud800y,2\nz,3\n".encode("utf-16-le", "surrogatepass"),
            "utf-16-le",
            "byte 0 of the record is not UTF-16-LE",
            id="half a surrogate pair",
        ),
        pytest.param(
            b"\xff\xfe" + "a,b\nx,1\nz,3\nq,4".encode("utf-16-le") + b"x",
            "utf-8",
            "byte 3 of the record is not UTF-16-LE",
            id="half a character at the end",
        ),
        pytest.param(
            b"a,b\nx,1\ny\x81,2\nz,3\n", "windows-1252", "byte 1 of the record is not WINDOWS-1252", id="undefined"
        ),
        pytest.param(
            b"a,b\nx,1\ny\xfc,2\nz,3\n",
            "utf-8",
            "byte 1 of the record is not UTF-8; if the file is ISO-8859-1, say `encoding: iso-8859-1`",
            id="not UTF-8",
        ),
        pytest.param(b"a,b\nx,1\ny\0,2\nz,3\n", "utf-8", "byte 1 of the record is NUL", id="NUL"),
        pytest.param(b"a,b\nx,1\n\0\0\0\nz,3\n", "iso-8859-1", "byte 0 of the record is NUL", id="nothing but NUL"),
    ],
)
def test_bytes_that_are_no_text_cost_one_row(content: bytes, encoding: str, message: str) -> None:
    outcome = read(PLAN, content, encoding=encoding, format="csv")
    assert [row["a"] for row in outcome.rows] == ["x", "z"]
    assert message in outcome.problem().message


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("a,b\n1,2\n".encode("utf-16-le"), "utf-8", "in/f: the text looks like UTF-16 and has no byte order mark; say"),
        ("a,b\n1,2\n".encode("utf-16-be"), "utf-8", "say `encoding: utf-16-le` or `encoding: utf-16-be`"),
        (b"a,b\n1,2\n", "utf-16", "in/f: declared as utf-16, but has no byte order mark"),
        ("a,b".encode("utf-32"), "utf-8", "in/f: the text is UTF-32; send it as UTF-8"),
    ],
)
def test_encodings_that_cannot_be_told(content: bytes, encoding: str, message: str) -> None:
    with pytest.raises(FileError, match=re.escape(message)):
        read(PLAN, content, encoding=encoding)
