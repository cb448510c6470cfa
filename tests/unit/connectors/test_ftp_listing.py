"""What servers write into listings, and what is made of it."""

import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ftp.listing import MAX_LINE_BYTES, Entry, Kind, ListingError, parse_facts, parse_line, split_lines
from connectors.ftp.times import ListedTime, parse_stamp, parse_unix_date

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
AT = ("2026-11-22 06:23:00", 60)
DAY = 86_400


def lines(listing: bytes) -> list[bytes]:
    return list(split_lines(io.BytesIO(listing)))


def listed(line: bytes) -> tuple[bytes, Kind, int | None, str, int]:
    entry = parse_line(line, now=NOW)
    assert entry is not None
    assert entry.listed is not None
    assert entry.modified_at is None
    return entry.name, entry.kind, entry.size_bytes, entry.listed.local.isoformat(" "), entry.listed.precision_seconds


class TestLines:
    def test_a_line_feed_in_a_name_does_not_end_the_line(self) -> None:
        assert lines(b"a\nb\r\nc\r\n") == [b"a\nb", b"c"]

    def test_a_server_that_ends_lines_with_lf(self) -> None:
        assert lines(b"a\nb\n\nc") == [b"a", b"b", b"c"]

    def test_an_empty_listing(self) -> None:
        assert lines(b"") == []

    def test_lines_across_blocks(self) -> None:
        names = [b"%06d" % number * 10 for number in range(5_000)]
        assert lines(b"\r\n".join(names) + b"\r\n") == names

    def test_a_line_without_an_end(self) -> None:
        with pytest.raises(ListingError) as caught:
            lines(b"a\r\n" + b"x" * 100_000)
        assert caught.value.line == b"x" * 200

    @given(st.lists(st.binary(min_size=1, max_size=40).filter(lambda line: b"\r" not in line and b"\n" not in line)))
    def test_every_line_comes_out_as_it_went_in(self, expected: list[bytes]) -> None:
        assert lines(b"".join(line + b"\r\n" for line in expected)) == expected


class TestFacts:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (
                b"Type=File;SIZE=7;Modify=20261122060000.250;Unique=8g1; two  words ",
                Entry(
                    name=b"two  words ",
                    kind=Kind.FILE,
                    size_bytes=7,
                    modified_at=datetime(2026, 11, 22, 6, 0, 0, 250_000, tzinfo=UTC),
                    identities=frozenset({"8g1"}),
                ),
            ),
            (b"type=dir;size=4096; in", Entry(name=b"in", kind=Kind.FOLDER, size_bytes=4096)),
            (b"type=cdir; .", Entry(name=b".", kind=Kind.OTHER)),
            (b"type=pdir; /", Entry(name=b"/", kind=Kind.OTHER)),
            (b"type=OS.unix=slink:/elsewhere; l", Entry(name=b"l", kind=Kind.LINK)),
            (b"type=OS.unix=symlink; l", Entry(name=b"l", kind=Kind.LINK)),
            (b"type=OS.unix=fifo; p", Entry(name=b"p", kind=Kind.OTHER)),
            (b" nothing is known", Entry(name=b"nothing is known", kind=Kind.UNKNOWN)),
            (b"size=-1;modify=yesterday; a", Entry(name=b"a", kind=Kind.UNKNOWN)),
            (b"size=99999999999999999999; a", Entry(name=b"a", kind=Kind.UNKNOWN)),
            (b"size=\xc2\xb2; a", Entry(name=b"a", kind=Kind.UNKNOWN)),
            (b"modify=20261322060000; a", Entry(name=b"a", kind=Kind.UNKNOWN)),
            (b"type=file;caf\xe9=1; \xe9=;", Entry(name=b"\xe9=;", kind=Kind.FILE)),
        ],
        ids=lambda value: value.decode("latin-1") if isinstance(value, bytes) else "",
    )
    def test_a_line(self, line: bytes, expected: Entry) -> None:
        assert parse_facts(line) == expected

    @pytest.mark.parametrize("line", [b"type=file;size=1;a", b"-rw-r--r-- 1 u g 1 Nov 22 06:00 a"], ids=["glued", "ls"])
    def test_a_line_that_is_none(self, line: bytes) -> None:
        with pytest.raises(ListingError):
            parse_facts(line)


class TestUnix:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (b"-rw-r--r--   1 owner group   1234 Nov 22 06:23 a.csv", (b"a.csv", Kind.FILE, 1234, *AT)),
            (b"-rw-r--r--+  1 o g 1234 Nov  2  2024 a.csv", (b"a.csv", Kind.FILE, 1234, "2024-11-02 00:00:00", DAY)),
            (b"-rw-r--r--   1 owner 1234 Nov 22 06:23 no group", (b"no group", Kind.FILE, 1234, *AT)),
            (b"-rw-r--r--   1 an owner and his group 1234 Nov 22 06:23 a", (b"a", Kind.FILE, 1234, *AT)),
            (b"-rw-r--r--   1 o g 1 22 Nov 06:23 a", (b"a", Kind.FILE, 1, *AT)),
            (b"-rw-r--r--   1 o g 1 2 Nov 2024 a", (b"a", Kind.FILE, 1, "2024-11-02 00:00:00", DAY)),
            (b"-rw-r--r--   1 o g 1 2024-11-22 06:23 a", (b"a", Kind.FILE, 1, "2024-11-22 06:23:00", 60)),
            (b"-rw-r--r--   1 o g 1 Nov 22 06:23  a ", (b" a ", Kind.FILE, 1, *AT)),
            (b"-rw-r--r--   1 o g 1 Nov 22 06:23 x 9 Dec 24 2020", (b"x 9 Dec 24 2020", Kind.FILE, 1, *AT)),
            (b"-rw-r--r--   1 o g 1 Nov 22 06:23 a -> b", (b"a -> b", Kind.FILE, 1, *AT)),
            (b"drwxr-xr-x   2 o g 4096 Nov 22 06:23 in", (b"in", Kind.FOLDER, None, *AT)),
            (b"lrwxrwxrwx   1 o g 7 Nov 22 06:23 l -> /a b", (b"l", Kind.LINK, None, *AT)),
            (b"prw-r--r--   1 o g 0 Nov 22 06:23 p", (b"p", Kind.OTHER, None, *AT)),
            (b"brw-r--r--   1 o g 8, 1 Nov 22 06:23 b", (b"b", Kind.OTHER, None, *AT)),
            (b"-rwSr-sr-t   1 o g 1 Dec 31 23:59 last year", (b"last year", Kind.FILE, 1, "2025-12-31 23:59:00", 60)),
            (b"-rw-r--r--   1 o g 1 Feb 29 12:00 leap", (b"leap", Kind.FILE, 1, "2024-02-29 12:00:00", 60)),
            (b"-rw-r--r--   1 o g 1 Nov 23 06:23 tomorrow", (b"tomorrow", Kind.FILE, 1, "2026-11-23 06:23:00", 60)),
        ],
        ids=lambda value: value.decode() if isinstance(value, bytes) else "",
    )  # fmt: skip
    def test_a_line(self, line: bytes, expected: tuple[object, ...]) -> None:
        assert listed(line) == expected

    @pytest.mark.parametrize("line", [b"total 12", b"Total 0 "], ids=str)
    def test_the_total_says_nothing_of_an_entry(self, line: bytes) -> None:
        assert parse_line(line, now=NOW) is None

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"hello",
            b"+i8388621.48594,m825718503,r,s280,\tdjb.html",
            b"-rw-r--r-- 1 o g 1 Nov 22 06:23",
            b"-rw-r--r-- 1 o g 1 22. Nov 06:23 a",
            b"----------   1 owner    group         1803128 10 a" + b"x" * MAX_LINE_BYTES,
        ],
        ids=["empty", "words", "eplf", "no name", "german", "long"],
    )
    def test_a_line_that_is_not_understood(self, line: bytes) -> None:
        with pytest.raises(ListingError) as caught:
            parse_line(line, now=NOW)
        assert caught.value.line == line[:200]

    def test_a_date_that_there_is_not(self) -> None:
        entry = parse_line(b"-rw-r--r-- 1 o g 1 Nov 31 06:23 a", now=NOW)
        assert entry == Entry(name=b"a", kind=Kind.FILE, size_bytes=1)

    @given(st.binary(max_size=200))
    def test_no_bytes_break_the_parser(self, tail: bytes) -> None:
        for head in (b"", b"-rw-r--r-- 1 o g ", b"11-22-25  06:23AM "):
            try:
                entry = parse_line(head + tail, now=NOW)
            except ListingError:
                continue
            assert entry is None or (head + tail).find(entry.name) >= 0

    @pytest.mark.parametrize("filler", [b"1", b" ", b"1 ", b"a ", b"Nov 22 "], ids=repr)
    def test_a_hostile_line_takes_no_time_worth_mentioning(self, filler: bytes) -> None:
        line = (b"-rw-r--r-- " + filler * MAX_LINE_BYTES)[:MAX_LINE_BYTES]
        for _ in range(200):
            with pytest.raises(ListingError):
                parse_line(line, now=NOW)


class TestDos:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (b"11-22-25  06:23AM   <DIR>     two words", (b"two words", Kind.FOLDER, None, "2025-11-22 06:23:00", 60)),
            (b"11-22-2025  06:23PM             1,234 a.csv", (b"a.csv", Kind.FILE, 1234, "2025-11-22 18:23:00", 60)),
            (b"2025-11-22  18:23             1234  a ", (b" a ", Kind.FILE, 1234, "2025-11-22 18:23:00", 60)),
            (b"11/22/25 12:05AM <JUNCTION> j", (b"j", Kind.LINK, None, "2025-11-22 00:05:00", 60)),
        ],
        ids=lambda value: value.decode() if isinstance(value, bytes) else "",
    )  # fmt: skip
    def test_a_line(self, line: bytes, expected: tuple[object, ...]) -> None:
        assert listed(line) == expected


class TestTimes:
    def test_a_listed_time_in_a_zone(self) -> None:
        time = ListedTime(local=datetime(2026, 7, 1, 12, 0), precision_seconds=60)  # noqa: DTZ001
        assert time.in_zone(BERLIN) == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["", "2026", "20261122", "2026112206000", "20261122060000+1", "20261122246000"])
    def test_a_stamp_that_is_none(self, text: str) -> None:
        assert parse_stamp(text) is None

    @given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001
    def test_every_stamp_comes_out_as_it_went_in(self, time: datetime) -> None:
        assert parse_stamp(f"{time:%Y%m%d%H%M%S}.{time.microsecond:06}") == time.replace(tzinfo=UTC)

    @given(st.datetimes(min_value=datetime(2024, 3, 1), max_value=datetime(2099, 1, 1)), st.integers(0, 180))  # noqa: DTZ001
    def test_a_date_without_a_year_is_the_latest_that_is_not_in_the_future(self, now: datetime, days: int) -> None:
        then = datetime.fromordinal(now.toordinal() - days)
        found = parse_unix_date(f"{then:%b} {then.day} 00:00", now=now.replace(tzinfo=UTC))
        assert found is not None
        assert found.local == then


@pytest.mark.parametrize(("year", "zone"), [(1, "Asia/Tokyo"), (9999, "America/New_York")])
def test_a_time_at_the_edge_of_time_is_none(year: int, zone: str) -> None:
    local = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 0 if year == 1 else 23)  # noqa: DTZ001
    assert ListedTime(local=local, precision_seconds=60).in_zone(ZoneInfo(zone)) is None
