"""The validator that has the last word on a record: plain JSON Schema over a resolved schema."""

import calendar
import re
from typing import Any

from jsonschema import Draft6Validator, FormatChecker
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from headwater.xdm.keywords import pattern, unique_items

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])")

_BOUNDED = {"pattern": pattern, "uniqueItems": unique_items}
_Validator: type[Validator] = extend(Draft6Validator, _BOUNDED)  # type: ignore[no-untyped-call]


def is_date(value: object) -> bool:
    """Whether a value is an RFC 3339 full-date that exists (`2024-02-29`); what is not a string passes.

    The year 0000 is refused, since no column type of ours holds it.
    """
    if not isinstance(value, str):
        return True
    match = _DATE.fullmatch(value)
    if match is None:
        return False
    year, month, day = (int(part) for part in match.groups())
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def is_date_time(value: object) -> bool:
    """Whether a value is an RFC 3339 date-time with its offset (`2024-02-29T08:30:00.5+01:00`).

    What is not a string passes. Stricter than RFC 3339 in one point: a leap second (`:60`) is refused, since no
    timestamp column holds it.
    """
    if not isinstance(value, str):
        return True
    return value[10:11] in ("T", "t") and is_date(value[:10]) and _TIME.fullmatch(value, 11) is not None


def _format_checker() -> FormatChecker:
    """Only the formats that XDM's own types rest on; e-mail, IP and URI formats are annotations."""
    checker = FormatChecker(formats=())
    checker.checks("date")(is_date)
    checker.checks("date-time")(is_date_time)
    return checker


def make_validator(json_schema: dict[str, Any]) -> Validator:
    """A draft-06 validator for a resolved schema; safe to keep and reuse.

    `date` and `date-time` are enforced, every other format is ignored. A record is checked as it is written: nothing is
    converted, so a number in a string field is an error here.

    Args:
        json_schema: `ResolvedSchema.json_schema`, or any draft-06 schema without remote references.
    """
    return _Validator(json_schema, format_checker=_format_checker())
