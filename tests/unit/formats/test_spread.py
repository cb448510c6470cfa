"""Records written over several lines, without an array around them."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.formats.blocks import Limits
from headwater.formats.json_text import json_blocks
from headwater.formats.source import ByteSource
from tests.unit.formats.test_json_text import SMALL, json_values, read, records

ONE = b'{\n  "a": 1,\n  "b": [\n    {\n      "c": "}\\n{"\n    }\n  ]\n}'


@pytest.mark.parametrize("block", [16, 1 << 20])
def test_one_record_in_a_file(block: int) -> None:
    limits = Limits(block_bytes=block)
    assert read(ONE, limits) == [(ONE, 0, 1, None)]
    assert read(b"\xef\xbb\xbf\n" + ONE + b"\r\n", limits) == [(ONE, 4, 2, None)]


def test_several_one_after_the_other() -> None:
    assert read(ONE + b"\n" + ONE + b'\n\n{"a":2}\n' + ONE, Limits(max_record_bytes=1024)) == [
        (ONE, 0, 1, None),
        (ONE, 57, 9, None),
        (b'{"a":2}', 115, 18, None),
        (ONE, 123, 19, None),
    ]


def test_a_key_on_the_first_line() -> None:
    text = b'{"a":\n{"b":1},\n"c":\n[{"d":1},\n{"d":2}]}\n{"a":1}'
    assert records(b'{"a": 1,\n "b": 2}\n{"a": 3,\n "b": 4}') == [b'{"a": 1,\n "b": 2}', b'{"a": 3,\n "b": 4}']
    # Cut short on its first line, or written over several? The first piece alone is no record: read by lines.
    assert len(read(text)) == 6


def test_objects_within_a_record_at_the_beginning_of_a_line() -> None:
    whole = [{"a": [{"b": 1}, {"b": 2}], "c": {"d": {}}}, {"a": []}]
    text = "\n".join(json.dumps(value, indent=0) for value in whole).encode()
    assert [json.loads(record) for record in records(text, Limits(block_bytes=7))] == whole


def test_a_broken_record_ends_where_the_next_one_begins() -> None:
    broken = b'{\n  "a": [1,\n  "b": 2\n}'
    assert read(ONE + b"\n" + broken + b"\n" + ONE) == [(ONE, 0, 1, None), (broken, 57, 9, None), (ONE, 81, 13, None)]
    assert [record for record, *_ in read(broken + b"\n" + ONE)] == [broken, ONE]


def test_records_cut_short_after_a_comma_are_told_one_by_one() -> None:
    cut = b'{\n  "a": 1,'
    assert [record for record, *_ in read(b"\n".join([ONE, cut, cut, ONE]))] == [ONE, cut, cut, ONE]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{", [b"{"]),
        (b"{\n", [b"{"]),
        (b'{\n{"a":1}\n', [b"{", b'{"a":1}']),
        (b'{"a":[1,\n{"a":1}\n{"a":2}\n', [b'{"a":[1,', b'{"a":1}', b'{"a":2}']),
        (b'{"a":\n{"a":1}\n{"a":2}\n', [b'{"a":', b'{"a":1}', b'{"a":2}']),
        (b'{"a":1}\n{\n"a":2}\n', [b'{"a":1}', b"{", b'"a":2}']),
    ],
)
def test_lines_stay_lines(text: bytes, expected: list[bytes]) -> None:
    assert [record for record, *_ in read(text)] == expected


def test_a_record_that_is_too_long_is_one_fault_and_is_not_kept() -> None:
    long = b'{\n "a": "' + b"x" * 200_000 + b'",\n "b": 1\n}'
    found = read(ONE + b"\n" + long + b"\n" + ONE)
    assert [(offset, line, fault) for _, offset, line, fault in found] == [
        (0, 1, None),
        (57, 9, "the record is longer than 1,024 bytes (`max_record_bytes`)"),
        (58 + len(long), 13, None),
    ]
    assert len(found[1][0]) < 2048
    assert found[2][0] == ONE


def test_pieces_that_never_come_to_an_end_take_time_in_proportion() -> None:
    """Each byte is decoded at most twice, however the pieces hang together."""
    count = 100_000
    blocks = json_blocks(ByteSource(io.BytesIO(b'{\n"a":[\n' + b'{"b":1},\n' * count)), Limits(), file="f")
    assert sum(len(block.records) for block in blocks) == count + 1
    assert [len(read(b'{\n"a":[\n' + b'{"b":1},\n' * 500, SMALL))] == [501]


objects = st.lists(st.dictionaries(st.sampled_from(["a", "b", "\n{"]), json_values, min_size=1, max_size=3), max_size=9)


@given(
    values=objects, indent=st.sampled_from([0, 1, 4]), block=st.integers(1, 200), ends=st.sampled_from(["\n", "\n\n"])
)
def test_any_records_come_out_as_they_went_in_wherever_blocks_are_cut(
    values: list[dict[str, Any]], indent: int, block: int, ends: str
) -> None:
    text = "".join(json.dumps(value, indent=indent) + ends for value in values).encode()
    found = records(text, Limits(block_bytes=block, max_record_bytes=1 << 20))
    assert [json.loads(record) for record in found] == values
