"""An element of an array whose brackets or quotes do not match: one bad row where that is safe, else a failed file."""

import json
import re

import pytest

from headwater.errors import FileError
from headwater.formats.blocks import Limits
from tests.unit.formats.test_json_text import read

RECORDS = [
    {"_id": i, "items": [{"SKU": "a", "q": [1, 2]}, {"SKU": "b"}], "o": {"p": {"q": 1}}, "t": ",\n{"} for i in range(6)
]
BLOCKS = [64, 1 << 20]


def by_lines(records: list[bytes]) -> bytes:
    return b"[" + b",\n".join(records) + b"]"


def indented(records: list[bytes]) -> bytes:
    return b"[\n  " + b",\n  ".join(record.replace(b"\n", b"\n  ") for record in records) + b"\n]\n"


def damage(index: int, *, indent: int | None) -> list[list[bytes]]:
    """The records with each of the closing brackets of one of them left out, except its own last."""
    whole = [json.dumps(record, indent=indent).encode() for record in RECORDS]
    places = [place.start() for place in re.finditer(rb"[\]}]", whole[index])][:-1]
    return [[*whole[:index], whole[index][:p] + whole[index][p + 1 :], *whole[index + 1 :]] for p in places]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("index", [0, 1, 3, 5])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_missing_bracket_costs_its_own_record_only(index: int, indent: int | None, block: int) -> None:
    join = by_lines if indent is None else indented
    for records in damage(index, indent=indent):
        found = read(join(records), Limits(block_bytes=block, max_record_bytes=10_000))
        assert len(found) == len(RECORDS)
        good = [json.loads(record) for place, (record, *_) in enumerate(found) if place != index]
        assert good == RECORDS[:index] + RECORDS[index + 1 :]
        text = join(records)
        assert all(text.startswith(record, offset) for record, offset, _, _ in found)
        assert [line for _, _, line, _ in found] == [text.count(b"\n", 0, offset) + 1 for _, offset, _, _ in found]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_bracket_too_many_costs_its_own_record_only(block: int) -> None:
    records = [json.dumps(record).encode() for record in RECORDS]
    for surplus in (b"}", b"]", b"]}", b"}]"):
        text = by_lines([*records[:2], records[2] + surplus, *records[3:]])
        found = [record for record, *_ in read(text, Limits(block_bytes=block))]
        assert found == [*records[:2], records[2] + surplus, *records[3:]]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("last", [b'{"a":"x}', b'{"a":"x\ny"}', b'{"a":["x"}'], ids=["quote", "line end", "bracket"])
def test_a_broken_last_record_without_indentation_is_one_record(last: bytes, block: int) -> None:
    good = [b'{"a":"%d"}' % i for i in range(10)]
    text = b"[\n" + b",\n".join([*good, last]) + b"\n]\n"
    found = read(text, Limits(block_bytes=block))
    assert [record for record, *_ in found] == [*good, last]
    assert found[-1][1:3] == (text.index(last), 12)


def test_a_broken_last_record_is_not_told_where_one_pair_of_records_shows_how_they_are_written() -> None:
    with pytest.raises(FileError, match="is never closed"):
        read(b'[\n{"a":"1"},\n{"a":"x}\n]\n', Limits())


def test_several_broken_elements_in_a_row() -> None:
    broken = [b'{"_id":%d,"a":[1,{"b":2}}' % i for i in range(3)]
    text = by_lines([b'{"_id":8,"a":1}', *broken, b'{"_id":9,"a":1}'])
    assert [record for record, *_ in read(text, Limits())] == [b'{"_id":8,"a":1}', *broken, b'{"_id":9,"a":1}']


def test_records_on_one_line_cannot_be_told_from_objects_within_one() -> None:
    text = b'[{"a":1},{"a":[{"a":2},{"a":3},{"a":4}]'
    with pytest.raises(FileError, match="the record that begins at byte 9, line 1"):
        read(text, Limits())


def test_what_may_be_cut_short_is_never_mended() -> None:
    """The second record's array may have been meant to hold all the others."""
    text = b'[{"a":1,"b":[]},\n{"a":2,"b":[{"a":5},\n{"a":3,"b":[]}]'
    with pytest.raises(FileError, match="the record that begins at byte 17, line 2"):
        read(text, Limits())


@pytest.mark.parametrize("block", BLOCKS)
def test_objects_within_records_written_like_records_are_no_records(block: int) -> None:
    """Without any indentation, what separates records stands within them too."""
    whole = [{"a": 1, "b": [{"a": 1}, {"a": 2}]} for _ in range(5)]
    text = json.dumps(whole, indent=0).encode()
    assert [json.loads(record) for record, *_ in read(text, Limits(block_bytes=block))] == whole
    broken = text.replace(b'"a": 2\n}\n]\n}', b'"a": 2\n}\n}', 3).replace(b'"a": 2\n}\n}', b'"a": 2\n}\n]\n}', 2)
    with pytest.raises(FileError, match="is never closed"):
        read(broken, Limits(block_bytes=block))
