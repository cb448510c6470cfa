"""Rejected records come to be replayed in bounded pieces."""

from collections.abc import Iterator
from itertools import count

from headwater.flows.replay import PIECE_BYTES, PIECE_RECORDS, RejectedRecord, into_pieces


def record(number: int, *, file: str = "a", raw: bytes = b"{}") -> RejectedRecord:
    return RejectedRecord(file=file, row=number, line=None, offset=None, raw=raw, rows_before=0)


def endless(raw: bytes = b"{}") -> Iterator[RejectedRecord]:
    return (record(number, raw=raw) for number in count(1))


def test_a_piece_has_records_of_one_file_in_their_order() -> None:
    records = [record(1), record(2), record(1, file="b"), record(3)]

    assert list(into_pieces(records)) == [records[:2], records[2:3], records[3:]]
    assert list(into_pieces([])) == []


def test_pieces_are_bounded_whatever_comes() -> None:
    many = into_pieces(endless())
    assert [len(next(many)) for _ in range(3)] == [PIECE_RECORDS] * 3
    assert next(many)[0].row == 3 * PIECE_RECORDS + 1

    large = into_pieces(endless(raw=bytes(64 * 1024)))
    assert [sum(len(each.raw) for each in next(large)) for _ in range(3)] == [PIECE_BYTES] * 3

    huge = into_pieces(endless(raw=bytes(PIECE_BYTES + 1)))
    assert [len(next(huge)) for _ in range(2)] == [1, 1]
