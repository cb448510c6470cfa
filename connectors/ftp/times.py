"""Times as FTP servers write them, to UTC; which of them are exact, and which are not."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_STAMP = re.compile(r"\d{14}(?:\.\d+)?")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_A_DAY = timedelta(days=1)
_DAY_SECONDS, _MINUTE_SECONDS = 86_400, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTime:
    """A time from a listing, in a zone that the listing does not state.

    Attributes:
        local: Naive, in the server's zone.
        precision_seconds: 1, 60 or 86400: the true time lies within so many seconds from `local` on.
    """

    local: datetime
    precision_seconds: int

    def in_zone(self, zone: tzinfo) -> datetime | None:
        """Return the time in UTC, if the server's zone is this one; None if it is outside the years 1 to 9999 there."""
        try:
            return self.local.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:
            return None


def parse_stamp(text: str) -> datetime | None:
    """Return a time of MLSD or MDTM, which is UTC (RFC 3659, section 2.3); None if it is none."""
    if not _STAMP.fullmatch(text):
        return None
    digits, _, fraction = text.partition(".")
    month, day, hour, minute, second = (int(digits[start : start + 2]) for start in range(4, 14, 2))
    microsecond = int(fraction[:6].ljust(6, "0"))
    try:
        return datetime(int(digits[:4]), month, day, hour, minute, second, microsecond, tzinfo=UTC)
    except ValueError:
        return None


def parse_unix_date(text: str, *, now: datetime) -> ListedTime | None:
    """Return a date as `ls -l` writes it: `Nov 22 06:23`, `Nov 22  2025`, `22 Nov 2025` or `2025-11-22 06:23`.

    Args:
        text: The date.
        now: Aware. Dates without a year are the latest that are not in the future; a day is allowed for zones.
    """
    words = text.split()
    if len(words) == 2:
        return _parse(" ".join(words), "%Y-%m-%d %H:%M", _MINUTE_SECONDS)
    first, second, last = words
    month, day = (first, second) if second.isdecimal() else (second, first)
    number = _MONTHS.get(month.lower(), 0)
    if ":" not in last:
        return _parse(f"{last}-{number}-{day}", "%Y-%m-%d", _DAY_SECONDS)
    latest = now.astimezone(UTC).replace(tzinfo=None) + _A_DAY
    for year in range(latest.year, latest.year - 9, -1):  # 29 February may be eight years ago
        found = _parse(f"{year}-{number}-{day} {last}", "%Y-%m-%d %H:%M", _MINUTE_SECONDS)
        if found is not None and found.local <= latest:
            return found
    return None


def parse_dos_date(text: str) -> ListedTime | None:
    """Return a date as Windows servers write it: `11-22-25 06:23AM`, `11-22-2025 18:23` or `2025-11-22 18:23`."""
    date, time = text.upper().split()
    hour = "%I:%M%p" if time.endswith("M") else "%H:%M"
    parts = date.replace("/", "-").split("-")
    day = "%Y-%m-%d" if len(parts[0]) == 4 else "%m-%d-%Y" if len(parts[2]) == 4 else "%m-%d-%y"
    return _parse(f"{'-'.join(parts)} {time}", f"{day} {hour}", _MINUTE_SECONDS)


def _parse(text: str, pattern: str, precision_seconds: int) -> ListedTime | None:
    try:
        return ListedTime(local=datetime.strptime(text, pattern), precision_seconds=precision_seconds)  # noqa: DTZ007
    except ValueError:
        return None
