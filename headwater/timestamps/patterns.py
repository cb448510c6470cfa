"""Java date patterns (`dd.MM.yyyy HH:mm:ss`) as readers of text.

Letters as in `java.time.format.DateTimeFormatter`: y M d H h m s S a X Z, text in single quotes. Others are refused
when the pattern is compiled.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

AEP_PATTERNS = (
    "yyyy-MM-dd HH:mm:ssZ",
    "yyyy-MM-dd HH:mm:ss.SSSZ",
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'",
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "yyyy.MM.dd",
    "yyyy-MMM-dd",
    "yyyyMMdd",
    "MM-dd-yyyy",
    "MMddyyyy",
    "M/dd/yyyy",
    "dd.M.yyyy",
    "M/dd/yyyy hh:mm:ss a",
    "dd.M.yyyy hh:mm:ss a",
    "dd.MMM.yyyy",
    "dd-MMM-yyyy",
)
"""What AEP's mapper tries, in its order (spec: data-prep.md, section 5.2)."""

_MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTHS = tuple(name[:3] for name in _MONTH_NAMES)
_PIECE = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<letters>([A-Za-z])\3*)|(?P<other>[^A-Za-z']+)")
_HOURS = r"[+-](?:[01]\d|2[0-3])"
_OFFSETS = {
    "X": rf"Z|{_HOURS}(?:[0-5]\d)?",
    "XX": rf"Z|{_HOURS}[0-5]\d",
    "XXX": rf"Z|{_HOURS}:[0-5]\d",
    "Z": rf"{_HOURS}[0-5]\d",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatePattern:
    """A compiled pattern.

    Attributes:
        text: The pattern as written.
        needs_zone: Whether it reads a time of day without an offset.
    """

    text: str
    needs_zone: bool
    _regex: re.Pattern[str]
    _fixed_utc: bool

    def read(self, text: str) -> datetime | None:
        """The time that a text stands for, naive if it states no offset; None if it does not fit the pattern.

        A date without a time of day is midnight UTC.
        """
        match = self._regex.fullmatch(text)
        if match is None:
            return None
        parts = match.groupdict()
        try:
            read = datetime(  # noqa: DTZ001  (the zone is added below, or by the caller who knows it)
                int(parts["y"]),
                _month(parts["M"]),
                int(parts.get("d") or 1),
                _hour(parts),
                int(parts.get("m") or 0),
                int(parts.get("s") or 0),
                int((parts.get("S") or "0").ljust(6, "0")[:6]),
            )
        except ValueError:
            return None
        if "H" not in parts and "h" not in parts:
            return read.replace(tzinfo=UTC)
        return _with_offset(read, parts.get("X"), self._fixed_utc)


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def _hour(parts: dict[str, str | None]) -> int:
    if parts.get("H") is not None:
        return int(parts["H"] or 0)
    if parts.get("h") is None:
        return 0
    hour = int(parts["h"] or 0)
    if not 1 <= hour <= 12:
        raise ValueError("hour outside 1 to 12")
    return hour % 12 + (12 if (parts["a"] or "").lower() == "pm" else 0)


def _with_offset(read: datetime, offset: str | None, fixed_utc: bool) -> datetime:
    if fixed_utc or offset == "Z":
        return read.replace(tzinfo=UTC)
    if offset is None:
        return read
    digits = offset[1:].replace(":", "")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return read.replace(tzinfo=timezone(-distance if offset[0] == "-" else distance))


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> DatePattern:
    """Compile a Java date pattern.

    Raises:
        ValueError: a letter is not supported or stands twice; there is no year or month; or the pattern would read
            texts that mean several times, such as a clock of twelve hours without AM or PM.
    """
    expression: list[str] = []
    seen: set[str] = set()
    literals: list[str] = []
    position = 0
    for piece in _PIECE.finditer(text):
        if piece.start() != position:
            break
        position = piece.end()
        if piece["letters"]:
            expression.append(_group(text, piece["letters"], seen))
        else:
            literal = (piece["quoted"] or "'").replace("''", "'") if piece["other"] is None else piece["other"]
            literals.append(literal)
            expression.append(re.escape(literal))
    if position != len(text):
        raise ValueError(f"date pattern {text!r} has a quote that is not closed")
    if not {"y", "M"} <= seen:
        raise ValueError(f"date pattern {text!r} has no year (yyyy) or no month (MM)")
    _refuse_ambiguous(text, seen)
    fixed_utc = literals[-1:] == ["Z"] and text.endswith("'Z'")
    timed = bool(seen & {"H", "h"})
    return DatePattern(
        text=text,
        needs_zone=timed and "X" not in seen and not fixed_utc,
        _regex=re.compile("".join(expression), re.ASCII),
        _fixed_utc=fixed_utc,
    )


def _refuse_ambiguous(pattern: str, seen: set[str]) -> None:
    """Refuse a pattern whose parts contradict each other, or leave open which hour is meant."""
    if {"H", "h"} <= seen:
        reason = "has H and h; one of them tells the hour"
    elif "H" in seen and "a" in seen:
        reason = "has AM or PM (a) beside hours from 0 to 23 (H); write h for hours from 1 to 12"
    elif "h" in seen and "a" not in seen:
        reason = "has hours from 1 to 12 (h) without AM or PM (a); write H for hours from 0 to 23"
    elif not seen & {"H", "h"} and (rest := seen & {"m", "s", "S", "a", "X"}):
        reason = f"has {', '.join(sorted(rest))} but no hour (HH); a date without a time of day is midnight UTC"
    else:
        return
    raise ValueError(f"date pattern {pattern!r} {reason}")


def _group(pattern: str, letters: str, seen: set[str]) -> str:
    """The regular expression for one run of pattern letters."""
    name = {"L": "M", "Z": "X"}.get(letters[0], letters[0])
    body = _BODIES[name](letters) if name in _BODIES else None
    if body is None:
        raise ValueError(f"date pattern {pattern!r}: {letters!r} is not supported; known are y M d H h m s S a X Z")
    if name in seen:
        raise ValueError(f"date pattern {pattern!r} has {letters[0]!r} twice")
    seen.add(name)
    return f"(?P<{name}>{body})"


def _digits(letters: str) -> str | None:
    return {1: r"\d{1,2}", 2: r"\d{2}"}.get(len(letters))


def _months(letters: str) -> str | None:
    if len(letters) < 3:
        return _digits(letters)
    return rf"(?i:{'|'.join(_MONTHS if len(letters) == 3 else _MONTH_NAMES)})"


_BODIES: dict[str, Callable[[str], str | None]] = {
    "y": lambda letters: r"\d{4}" if len(letters) in (1, 4) else None,
    "M": _months,
    "d": _digits,
    "H": _digits,
    "h": _digits,
    "m": _digits,
    "s": _digits,
    "S": lambda letters: rf"\d{{{len(letters)}}}" if len(letters) <= 9 else None,
    "a": lambda letters: r"(?i:am|pm)" if len(letters) == 1 else None,
    "X": lambda letters: _OFFSETS.get(letters),
}
