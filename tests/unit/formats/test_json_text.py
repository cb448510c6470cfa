import io
import json
import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import FileError
from headwater.formats.blocks import Limits
from headwater.formats.json_text import json_blocks
from headwater.formats.source import ByteSource

SMALL = Limits(block_bytes=16, max_record_bytes=1024)


def read(text: bytes, limits: Limits = SMALL) -> list[tuple[bytes, int, int, str | None]]:
    """Every record with its offset, line and fault."""
    found = []
    for block in json_blocks(ByteSource(io.BytesIO(text)), limits, file="f.json"):
        assert block.offsets is not None
        assert block.lines is not None
        for i, record in enumerate(block.records):
            found.append((record, block.offsets[i], block.lines[i], block.faults.get(i)))
    return found


def records(text: bytes, limits: Limits = SMALL) -> list[bytes]:
    found = read(text, limits)
    assert all(fault is None for _, _, _, fault in found), found
    assert all(text[offset : offset + len(record)] == record for record, offset, _, _ in found)
    return [record for record, _, _, _ in found]


def test_lines() -> None:
    assert read(b'{"a":1}\n{"a":2}\n') == [(b'{"a":1}', 0, 1, None), (b'{"a":2}', 8, 2, None)]


def test_a_last_line_without_line_end() -> None:
    assert records(b'{"a":1}\n{"a":2}') == [b'{"a":1}', b'{"a":2}']


def test_blank_lines_hold_no_record_but_count_as_lines() -> None:
    found = read(b'\n{"a":1}\n\n  \t\r\n  {"a":2}\n\n')
    assert found == [(b'{"a":1}', 1, 2, None), (b'{"a":2}', 17, 5, None)]


def test_windows_line_ends() -> None:
    assert [record.strip() for record in records(b'{"a":1}\r\n{"a":2}\r\n')] == [b'{"a":1}', b'{"a":2}']


def test_a_byte_order_mark_is_left_out_but_counted() -> None:
    assert read(b'\xef\xbb\xbf{"a":1}\n') == [(b'{"a":1}', 3, 1, None)]
    assert read(b'\xef\xbb\xbf[{"a":1}]') == [(b'{"a":1}', 4, 1, None)]


def test_an_array_is_told_by_its_first_character() -> None:
    assert read(b' \n[{"a":1},\n {"a":[{},{}]}]\n') == [(b'{"a":1}', 3, 2, None), (b'{"a":[{},{}]}', 13, 3, None)]


def test_an_array_written_over_many_lines() -> None:
    text = json.dumps([{"a": i, "b": [{"c": "},{"}]} for i in range(20)], indent=2).encode()
    assert [json.loads(record) for record in records(text)] == json.loads(text)
    assert [line for _, _, line, _ in read(text)] == [2 + 8 * i for i in range(20)]


def test_an_empty_array_has_no_records() -> None:
    assert records(b" [ ] \n") == []


def test_a_line_that_is_an_array_holds_several_records() -> None:
    assert read(b'{"a":0}\n[{"a":1}, {"a":2}]\n[]\n{"a":3}') == [
        (b'{"a":0}', 0, 1, None),
        (b'{"a":1}', 9, 2, None),
        (b'{"a":2}', 18, 2, None),
        (b'{"a":3}', 30, 4, None),
    ]


def test_arrays_one_after_the_other() -> None:
    assert records(b'[{"a":1}]\n[{"a":2}]\n{"a":3}\n') == [b'{"a":1}', b'{"a":2}', b'{"a":3}']


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (b'[{"a":1},]', [None, "a comma without a record"]),
        (b'[,{"a":1}]', ["a comma without a record", None]),
        (b'[{"a":1},,{"a":2}]', [None, "a comma without a record", None]),
        (b'{"a":1}\n[{"a":2}\n{"a":3}', [None, "the array on this line is not closed", None]),
        (b'{"a":1}\n[{"a":2}] x\n{"a":3}', [None, "something follows the array", None]),
    ],
)
def test_faults_of_arrays(text: bytes, faults: list[str | None]) -> None:
    assert [fault for _, _, _, fault in read(text)] == faults


def test_a_broken_element_does_not_hide_the_others() -> None:
    assert records(b'[{"a":1}, {"a":}, nonsense, {"b" 2}, {"a":"x\\"],"}]') == [
        b'{"a":1}', b'{"a":}', b"nonsense", b'{"b" 2}', b'{"a":"x\\"],"}',
    ]  # fmt: skip


@pytest.mark.parametrize("text", [b'[{"a":1},{"a":2}', b'[{"a":1},{"a"', b"[", b'[{"a":1},', b'[{"a":"b]'])
def test_an_array_that_is_not_closed_fails_the_file(text: bytes) -> None:
    with pytest.raises(
        FileError, match="the JSON array that opens at byte 0 is never closed; the file ends in"
    ) as caught:
        read(text)
    assert caught.value.code == "200"


def test_a_record_in_an_array_that_does_not_end_fails_the_file_without_being_read_whole() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1, /) -> bytes:
            self.taken += size
            return b"[" + b"{" * (size - 1) if self.taken == size else b"{" * size

    endless = Endless()
    with pytest.raises(FileError, match=re.escape("does not end within 1,024 bytes (`max_record_bytes`)")):
        list(json_blocks(ByteSource(endless), SMALL, file="f.json"))
    assert endless.taken < 10_000


def test_a_line_that_is_too_long_is_one_fault_and_is_not_kept() -> None:
    text = b'{"a":1}\n{"a":"' + b"x" * 200_000 + b'"}\n{"a":2}\n'
    found = read(text)
    assert [(offset, line, fault) for _, offset, line, fault in found] == [
        (0, 1, None),
        (8, 2, "the record is longer than 1,024 bytes (`max_record_bytes`)"),
        (len(text) - 8, 3, None),
    ]
    assert len(found[1][0]) < 2048
    assert found[2][0] == b'{"a":2}'


def test_a_line_that_is_too_long_within_one_block() -> None:
    text = b'{"a":1}\n{"a":"' + b"x" * 2000 + b'"}\n{"a":2}\n'
    faults = [fault for _, _, _, fault in read(text, Limits(block_bytes=1 << 20, max_record_bytes=1024))]
    assert faults == [None, "the record is longer than 1,024 bytes (`max_record_bytes`)", None]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["},{", "]", '"', "\\", "\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.lists(st.dictionaries(st.sampled_from(["a", "b", "},{"]), json_values, max_size=3), max_size=12)


@pytest.mark.parametrize("start", ["", '{"a":0}\n'], ids=["array", "array on a line"])
def test_an_array_of_very_many_elements_is_handed_on_in_blocks(start: str) -> None:
    text = (start + "[" + ",".join(["1"] * 100) + "]\n").encode()
    source = ByteSource(io.BytesIO(text))
    blocks = list(json_blocks(source, Limits(block_records=7), file="f.json"))
    assert sum(len(block.records) for block in blocks) == 100 + bool(start)
    assert max(len(block.records) for block in blocks) < 2 * 7


@pytest.mark.slow
@pytest.mark.parametrize("start", [b"[", b"{}\n["], ids=["array", "array on a line"])
def test_many_thousands_of_commas_take_no_memory(start: bytes) -> None:
    text = start + b"," * 150_000 + b"]\n"
    tracemalloc.start()
    try:
        count = sum(len(block.records) for block in json_blocks(ByteSource(io.BytesIO(text)), Limits(), file="f.json"))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert count > 150_000


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"[1,2,3,4", "the array on this line is not closed"),
        (b"[1,2,3,4] x", "something follows the array"),
    ],
)
def test_a_line_that_is_no_array_is_one_fault_however_many_elements_it_has(text: bytes, fault: str) -> None:
    assert read(b"{}\n" + text + b"\n", Limits(block_records=2))[1:] == [(text, 3, 2, fault)]


@given(
    values=objects,
    indent=st.sampled_from([None, 1]),
    block=st.integers(1, 200),
    most=st.integers(1, 5),
    ascii_only=st.booleans(),
)
def test_any_array_comes_out_as_it_went_in_wherever_blocks_are_cut(
    values: list[Any], indent: int | None, block: int, most: int, ascii_only: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode()
    found = records(text, Limits(block_bytes=block, max_record_bytes=1 << 20, block_records=most))
    assert [json.loads(record) for record in found] == values


@given(values=objects, block=st.integers(1, 200), ends=st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_any_lines_come_out_as_they_went_in_wherever_blocks_are_cut(values: list[Any], block: int, ends: str) -> None:
    text = "".join(json.dumps(value) + ends for value in values).encode()
    found = records(text, Limits(block_bytes=block, max_record_bytes=1 << 20))
    assert [json.loads(record) for record in found] == values


@given(
    text=st.binary(max_size=60) | st.text('[]{},"\\ \n1a', max_size=60).map(str.encode),
    block=st.integers(1, 70),
    most=st.sampled_from([1, 2, 5, 100]),
)
def test_where_blocks_are_cut_makes_no_difference(text: bytes, block: int, most: int) -> None:
    def outcome(limits: Limits) -> object:
        try:
            return read(text, limits)
        except FileError as error:
            return str(error)

    limits = Limits(block_bytes=block, max_record_bytes=1024, block_records=most)
    assert outcome(limits) == outcome(Limits(max_record_bytes=1024))
