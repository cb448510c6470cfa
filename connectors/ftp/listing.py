"""Lines of listings: MLSD (RFC 3659, section 7), and LIST as Unix and Windows servers write it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import BinaryIO

from connectors.ftp.times import ListedTime, parse_dos_date, parse_stamp, parse_unix_date

MAX_LINE_BYTES = 8 * 1024
"""No file system has names that long; a longer line is not a line."""

_BLOCK_BYTES = 64 * 1024

# The date is looked for from the left, where no file's name can stand yet. One space separates it from the name.
_UNIX = re.compile(
    rb"([-bcdlpsD])[-rwxsStTlL]{9}\S?\s(?:.*?\s)??(\d{1,19})\s+"
    rb"([A-Za-z]{3}\s+\d{1,2}\s+(?:\d{4}|\d{1,2}:\d\d)|\d{1,2}\s+[A-Za-z]{3}\s+(?:\d{4}|\d{1,2}:\d\d)"
    rb"|\d{4}-\d\d-\d\d\s+\d\d:\d\d) (.*)",
    re.DOTALL,
)
_DOS = re.compile(
    rb"(\d{1,4}[-/]\d\d[-/]\d{2,4}\s+\d\d:\d\d(?:[AaPp][Mm])?)\s+(?:<([A-Za-z]+)>\s+|([\d,.]{1,25}) )(.*)", re.DOTALL
)
_TOTAL = re.compile(rb"total \d+\s*", re.IGNORECASE)


class Kind(Enum):
    """What an entry of a folder is, as far as the listing says."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a folder.

    Attributes:
        name: As the server sent it.
        kind: What it is.
        size_bytes: None if the server did not say.
        modified_at: In UTC; None if the server did not say, or did not state the zone.
        listed: A time whose zone is not stated; None where there is none.
        identities: The `unique` fact, which is the same for all names of one file or folder; empty if there is none.
    """

    name: bytes
    kind: Kind
    size_bytes: int | None = None
    modified_at: datetime | None = None
    listed: ListedTime | None = None
    identities: frozenset[str] = frozenset()


class ListingError(Exception):
    """A line is in no known format.

    Attributes:
        line: The line, cut off where it is too long to show.
    """

    def __init__(self, line: bytes) -> None:
        super().__init__(line[:200])
        self.line = line[:200]


def split_lines(listing: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a listing without their ends.

    Lines end with CRLF, so that a name may contain a line feed. Only if the listing begins without any CRLF, lines
    end with LF, as a few servers have it.

    Raises:
        ListingError: A line is longer than `MAX_LINE_BYTES`.
    """
    rest = listing.read(_BLOCK_BYTES)
    end = b"\r\n" if b"\r\n" in rest else b"\n"
    while rest:
        *lines, rest = rest.split(end)
        yield from (line for line in lines if line)
        if len(rest) > MAX_LINE_BYTES:
            raise ListingError(rest)
        block = listing.read(_BLOCK_BYTES)
        if not block:
            break
        rest += block
    if rest:
        yield rest


def parse_facts(line: bytes) -> Entry:
    """Read a line of MLSD, or the middle line of MLST without its leading space.

    Raises:
        ListingError: It is none.
    """
    head, separator, name = line.partition(b" ")
    if not separator or (head and not head.endswith(b";")):
        raise ListingError(line)
    pairs = (fact.partition("=") for fact in head.decode("utf-8", "replace").split(";"))
    facts = {key.lower(): value for key, _, value in pairs}
    size = facts.get("size", "")
    return Entry(
        name=name,
        kind=_kind_of(facts.get("type", "").lower()),
        size_bytes=int(size) if size.isascii() and size.isdecimal() and len(size) < 20 else None,
        modified_at=parse_stamp(facts.get("modify", "")),
        identities=frozenset({facts["unique"]} if "unique" in facts else ()),
    )


def parse_line(line: bytes, *, now: datetime) -> Entry | None:
    """Read a line of LIST; None if it says nothing of an entry.

    Args:
        line: The line.
        now: Aware; see `parse_unix_date`.

    Raises:
        ListingError: It is in no known format.
    """
    if _TOTAL.fullmatch(line):
        return None
    if len(line) <= MAX_LINE_BYTES:
        if match := _UNIX.fullmatch(line):
            return _unix_entry(match, now)
        if match := _DOS.fullmatch(line):
            return _dos_entry(match)
    raise ListingError(line)


def _kind_of(fact: str) -> Kind:
    """Return what a `type` fact says; the folder itself and its parent (`cdir`, `pdir`) are none of its entries."""
    if fact.startswith(("os.unix=slink", "os.unix=symlink")):
        return Kind.LINK
    if fact.startswith("os."):
        return Kind.OTHER
    kinds = {"file": Kind.FILE, "dir": Kind.FOLDER, "cdir": Kind.OTHER, "pdir": Kind.OTHER}
    return kinds.get(fact, Kind.UNKNOWN)


def _unix_entry(match: re.Match[bytes], now: datetime) -> Entry:
    letter, size, date, name = match.groups()
    kind = {b"-": Kind.FILE, b"d": Kind.FOLDER, b"l": Kind.LINK}.get(letter, Kind.OTHER)
    listed = parse_unix_date(date.decode("ascii"), now=now)
    if kind is Kind.LINK:
        return Entry(name=name.partition(b" -> ")[0], kind=kind, listed=listed)
    return Entry(name=name, kind=kind, size_bytes=int(size) if kind is Kind.FILE else None, listed=listed)


def _dos_entry(match: re.Match[bytes]) -> Entry:
    date, marker, size, name = match.groups()
    listed = parse_dos_date(date.decode("ascii"))
    if marker is None:
        digits = size.translate(None, b",.")
        return Entry(name=name, kind=Kind.FILE, size_bytes=int(digits) if digits else None, listed=listed)
    return Entry(name=name, kind=Kind.FOLDER if marker.upper() == b"DIR" else Kind.LINK, listed=listed)
