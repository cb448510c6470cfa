import gzip
import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.formats.tail import find_cut
from tests.unit.formats.packing import tarred

LINE = json.dumps({"a": {"b": [1, 2]}, "c": "d"}).encode()
CUT_JSON = "the last JSON object is cut off"


def cut(content: bytes, encoding: str = "utf-8") -> str | None:
    stream = io.BytesIO(content)
    reason = find_cut(stream, encoding=encoding)
    assert stream.tell() == 0
    return reason


def test_the_end_of_a_tar_is_its_mark() -> None:
    packed = tarred(("a", LINE), ("b", LINE))
    for content in (packed, gzip.compress(packed, mtime=0)):
        assert cut(content) is None
    for content in (packed[:1024], gzip.compress(packed[:1024], mtime=0)):
        assert cut(content) == "the end mark of the tar archive is missing"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="blank"),
        pytest.param(LINE + b"\n" + LINE + b"\n", id="lines"),
        pytest.param(LINE + b"\r\n" + LINE, id="last line without end"),
        pytest.param(b'{\n  "a": 1\n}', id="record over several lines"),
        pytest.param(b'\xef\xbb\xbf{\n  "a": 1\n}', id="record over several lines after a byte order mark"),
        pytest.param(LINE + b'\n{\n  "a": {\n    "b": 1\n  }\n} \r\t', id="last record over several lines"),
        pytest.param(b'{\n"a": [\n{"b": 1},\n{"b": 2}\n]\n}', id="inner records begin lines"),
        pytest.param(b"[" + LINE + b"]\n" + LINE, id="array, then a record"),
        pytest.param(b"[" + LINE + b"]\n" + LINE + b"\n", id="array, then a line"),
        pytest.param(b'[{"a": 1}]\n{\n  "a": 1\n}', id="array, then a record over several lines"),
        pytest.param(LINE + b"\nrubbish\n", id="a bad last line is a bad row"),
        pytest.param(b"[" + LINE + b"," + LINE + b"]\n", id="array"),
        pytest.param(b"\xef\xbb\xbf" + LINE, id="byte order mark"),
        pytest.param(b"a,b,c\n1,2,3\n", id="csv"),
        pytest.param("\ufeffa,b,c\n1,2".encode("utf-16-le"), id="UTF-16 is not judged"),
        pytest.param('{"a":1}\n'.encode("utf-16-le"), id="UTF-16 without a mark is not judged"),
        pytest.param('{"a":1}\n'.encode("utf-16-be"), id="UTF-16BE without a mark is not judged"),
        pytest.param(b'{"a":1}\n{"a":1e400}', id="a number out of range"),
        pytest.param(b"a,b,c\n1,2,3", id="csv without last end of line"),
        pytest.param(b'a,b,c\n"1,2', id="quotes are not judged"),
        pytest.param(b"a;b\n1;2,5", id="semicolons"),
        pytest.param(b'{"a": "' + b"x" * 200_000 + b'"}', id="a line longer than the look"),
    ],
)
def test_whole(content: bytes) -> None:
    assert cut(content) is None
    if content:
        assert cut(gzip.compress(content, mtime=0)) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(LINE + b"\n" + LINE[:-1], CUT_JSON, id="a bracket is missing"),
        pytest.param(LINE[:5], CUT_JSON, id="the only line"),
        pytest.param(b'{\n  "a": {\n    "b": 1\n  }', CUT_JSON, id="an inner bracket ends the text"),
        pytest.param(b'[{"a": 1},\n{"a": 2}', "the JSON array is not closed", id="array of lines"),
        pytest.param(LINE + b"\n" + LINE[:9], CUT_JSON, id="an inner value"),
        pytest.param(b'{"a": "' + b"x" * 200_000, CUT_JSON, id="a line longer than the look"),
        pytest.param(b"[" + LINE + b",", "the JSON array is not closed", id="array"),
        pytest.param(b"[", "the JSON array is not closed", id="one bracket"),
        pytest.param(b"a,b,c\n1,2,3\n1,2", "the last row has 2 of 3 columns and no end of line", id="csv"),
        pytest.param(b"a\tb\n1", "the last row has 1 of 2 columns and no end of line", id="tabs"),
    ],
)
def test_cut(content: bytes, reason: str) -> None:
    assert cut(content) == reason
    assert cut(gzip.compress(content, mtime=0)) == reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_text_that_is_declared_as_utf_16_is_not_judged(encoding: str) -> None:
    content = "é,b,c\n1,2".encode("utf-16-be")
    assert cut(content, encoding) is None
    assert cut(gzip.compress(content, mtime=0), encoding) is None
    assert cut(gzip.compress(content, mtime=0)[:-8], encoding) == "the gzip data ends too early"


@pytest.mark.parametrize("missing", [1, 8, 20])
def test_cut_gzip(missing: int) -> None:
    assert cut(gzip.compress(LINE * 10_000, mtime=0)[:-missing]) == "the gzip data ends too early"


def test_damaged_gzip_is_for_the_reader() -> None:
    content = bytearray(gzip.compress(LINE * 100, mtime=0))
    content[-5] ^= 255
    assert cut(bytes(content)) is None


def test_parquet_and_zip() -> None:
    parquet, archive = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3]}), parquet)
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("a.csv", "a,b\n1,2\n")
    assert (cut(parquet.getvalue()), cut(archive.getvalue())) == (None, None)
    assert cut(parquet.getvalue()[:-1]) == "the Parquet footer is missing"
    assert cut(b"PAR1") == "the Parquet footer is missing"
    assert cut(archive.getvalue()[:-30]) == "the end of the ZIP archive is missing"
