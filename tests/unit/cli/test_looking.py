import gzip

import pytest

from headwater.cli.account import first_lines
from headwater.cli.schema import fields
from headwater.errors import FileError
from headwater.model.nested import flatten, value_at

SCHEMA = {
    "type": "object",
    "required": ["_id"],
    "properties": {
        "_id": {"type": "string", "meta:xdmType": "string"},
        "person": {
            "type": "object",
            "properties": {"age": {"type": "integer", "meta:xdmType": "short", "minimum": -32768, "maximum": 32767}},
        },
        "tags": {"type": "array", "items": {"type": "string", "meta:xdmType": "string", "enum": ["a", "b"]}},
        "scores": {"type": "object", "additionalProperties": {"type": "number", "meta:xdmType": "double"}},
        "seen": {"type": "string", "format": "date-time", "meta:xdmType": "date-time"},
    },
}


def test_the_fields_of_a_schema() -> None:
    assert list(fields(SCHEMA)) == [
        ("_id", "string", True, ""),
        ("person.age", "short", False, ""),
        ("tags[]", "string", False, "enum ['a', 'b']"),
        ("scores{}", "double", False, ""),
        ("seen", "date-time", False, ""),
    ]


def test_a_record_becomes_columns() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1]}}, "e": "x"}) == [("a.b", 1), ("a.c.d", [1]), ("e", "x")]


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/a/0/b", 1), ("/x~1y", 2), ("/x~0y", 3), ("/a/7", None), ("/x~1y/z", None), ("/none", None)],
)
def test_pointers(pointer: str, value: object) -> None:
    assert value_at({"a": [{"b": 1}], "x/y": 2, "x~y": 3}, pointer) == value


def test_first_lines_of_plain_and_compressed_files() -> None:
    content = "\ufeffname,city\r\nAda,Zürich\r\n".encode()

    assert first_lines(content, 20) == ["name,city", "Ada,Zürich"]
    assert first_lines(gzip.compress(content, mtime=0), 1) == ["name,city"]
    assert first_lines(gzip.compress(content * 1000, mtime=0)[:80], 1) == ["name,city"]
    assert first_lines(b"", 20) == []


def test_a_compressed_file_is_expanded_only_so_far() -> None:
    assert sum(map(len, first_lines(gzip.compress(b"x" * 50_000_000, mtime=0), 1))) <= 256 * 1024


def test_damaged_gzip_is_said_to_be_so() -> None:
    with pytest.raises(FileError, match=r"^the file begins like gzip, but cannot be decompressed: "):
        first_lines(b"\x1f\x8bnot gzip at all", 1)


def test_parquet_has_no_lines() -> None:
    with pytest.raises(FileError, match=r"^the file is Parquet, which has no lines; load it into a dataset"):
        first_lines(b"PAR1\x15\x04", 20)
