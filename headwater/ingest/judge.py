"""The row-by-row path: the full truth about one record. Slow, exact, and the only one that explains."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from jsonschema.exceptions import ValidationError

from headwater.ingest.convert import MAX_PROBLEMS, Conversion, HopelessError
from headwater.ingest.nested import ObjectColumn
from headwater.ingest.oracle import Fault, Oracle
from headwater.ingest.shape import escape
from headwater.ingest.values import describe
from headwater.model.records import (
    CODE_CONSTRAINT,
    CODE_CONVERSION,
    CODE_MAPPING,
    CODE_REQUIRED,
    CODE_UNREADABLE,
    Problem,
)
from headwater.xdm.patterns import TOO_LONG

TOO_DEEP: Final = "the record is nested too deeply"
"""The reason for which a record that exhausts the stack is rejected."""
_MAX_LISTED = 12

_decode = msgspec.json.Decoder(float_hook=float).decode


class UnreadableError(ValueError):
    """The bytes are no JSON object; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of one record.

    Attributes:
        record: The converted record as JSON, for the typed decode; None if it is rejected.
        problems: Why it is rejected, or, for one that is not, which of its values a mapping left out.
    """

    record: bytes | None
    problems: tuple[Problem, ...]


def parse_record(raw: bytes) -> dict[str, Any]:
    """The JSON object that a record's bytes are.

    Strict: no NaN, no comments, UTF-8 only, nothing after the object. Numbers out of range become infinite, so that
    their field can be named.

    Raises:
        UnreadableError: they are not one.
    """
    try:
        raw.decode()
        value = _decode(raw)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"byte {error.start} of the record is not UTF-8") from None
    except msgspec.ValidationError:
        value = _parse_huge_numbers(raw)
    except msgspec.DecodeError as error:
        raise UnreadableError(_why_malformed(str(error))) from None
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    if not isinstance(value, dict):
        raise UnreadableError(f"expected a JSON object, found {describe(value)}")
    return value


def _parse_huge_numbers(raw: bytes) -> object:
    """Numbers of thousands of digits, with the standard library's parser."""
    try:
        value = json.loads(raw, parse_int=_int_or_infinite, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UnreadableError("a text holds half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise UnreadableError(f"JSON is malformed: {error.msg} (byte {error.pos})") from None
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    return value


def _int_or_infinite(digits: str) -> float:
    return int(digits) if len(digits) < 400 else float(digits)


def _refuse_constant(name: str) -> float:
    raise json.JSONDecodeError(f"{name} is no JSON number", "", 0)


def _why_malformed(message: str) -> str:
    if "trailing characters" in message:
        return f"{message}: something follows the record, perhaps a second one on the same line"
    if "truncated" in message:
        return "the record ends too early: brackets or quotes are not closed, or half of a surrogate pair is missing"
    return message


class Judge:
    """Judges records of one schema, one by one."""

    def __init__(self, root: ObjectColumn, json_schema: Mapping[str, Any]) -> None:
        self._root = root
        self._oracle = Oracle(json_schema)

    def judge(self, raw: bytes, doubtful: Collection[str] = ()) -> Verdict:
        """Parse, convert and validate the bytes of one record.

        Args:
            raw: The record.
            doubtful: Names of fields, if it is known that all others are there and right, and the record as a whole.
        """
        try:
            value = parse_record(raw)
        except UnreadableError as error:
            return Verdict(record=None, problems=(unreadable(str(error)),))
        if doubtful and self._oracle.is_divisible:
            found = self._judge({name: value.get(name) for name in doubtful}, Conversion(), part=doubtful)
            if found.record is None:
                return found
        return self._judge(value, Conversion())

    def judge_value(self, value: dict[str, Any], *, mapped: bool) -> Verdict:
        """Convert and validate one record.

        Args:
            value: A JSON object.
            mapped: Whether it comes out of a mapping set: a value that does not convert is left out then.
        """
        return self._judge(value, Conversion(dropping=mapped))

    def _judge(self, value: dict[str, Any], conversion: Conversion, *, part: Collection[str] | None = None) -> Verdict:
        try:
            converted = conversion.record(self._root, value)
            problems = conversion.problems[:MAX_PROBLEMS]
            blamed = {problem.pointer for problem in problems if problem.code != CODE_MAPPING}
            faults = self._oracle.find_faults(converted, MAX_PROBLEMS, part=part, blamed=blamed)
            broken = list(dict.fromkeys(problem for fault in faults for problem in explain(fault)))
            broken = [problem for problem in broken if problem.pointer not in blamed]
            if broken or blamed:
                return Verdict(record=None, problems=tuple([*problems, *broken][:MAX_PROBLEMS]))
            return Verdict(record=msgspec.json.encode(converted, enc_hook=str), problems=tuple(problems))
        except HopelessError:
            return Verdict(record=None, problems=tuple(conversion.problems))
        except RecursionError:
            return Verdict(record=None, problems=(unreadable(TOO_DEEP),))


def unreadable(message: str, *, rule: str = "json") -> Problem:
    """The problem of a record that cannot be read at all."""
    return Problem(pointer="", rule=rule, code=CODE_UNREADABLE, message=message)


def explain(fault: Fault) -> Iterator[Problem]:
    """An error of the oracle in our words: without the value, which stands in the record anyway."""
    error = fault.error
    pointer = fault.pointer + "".join(f"/{escape(str(step))}" for step in error.absolute_path)
    rule = str(error.validator)
    if rule == "required" and isinstance(error.instance, dict):
        names: Any = error.validator_value
        for name in names:
            if name not in error.instance:
                yield Problem(
                    pointer=f"{pointer}/{escape(name)}",
                    rule=rule,
                    code=CODE_REQUIRED,
                    message=f"the required field {name!r} is missing, null or empty",
                )
        return
    code = CODE_CONVERSION if rule == "type" else CODE_CONSTRAINT
    yield Problem(pointer=pointer, rule=rule, code=code, message=_message(rule, error))


def _message(rule: str, error: ValidationError) -> str:
    limit: Any = error.validator_value
    schema: Any = error.schema
    match rule:
        case "enum":
            listed = ", ".join(map(str, limit[:_MAX_LISTED])) + (", …" if len(limit) > _MAX_LISTED else "")
            return f"the value is none of those allowed: {listed}"
        case "additionalProperties" if limit is False and isinstance(error.instance, dict):
            unknown = sorted(error.instance.keys() - schema.get("properties", {}).keys())
            return f"fields that the schema does not allow: {', '.join(unknown[:_MAX_LISTED])}"
        case "type":
            return f"expected {limit}, found {describe(error.instance)}"
        case "pattern" if error.message == TOO_LONG:
            return TOO_LONG
        case _ if rule in _MESSAGES:
            return _MESSAGES[rule].format(limit)
        case _:
            return f"the value breaks the schema's rule `{rule}`"


_MESSAGES: Final = {
    "const": "the value is not {}, the only one allowed",
    "pattern": "the text does not match the pattern {}",
    "minLength": "the text is shorter than {} characters",
    "maxLength": "the text is longer than {} characters",
    "minimum": "the number is less than {}",
    "maximum": "the number is greater than {}",
    "exclusiveMinimum": "the number is not greater than {}",
    "exclusiveMaximum": "the number is not less than {}",
    "multipleOf": "the number is no multiple of {}",
    "minItems": "the array has fewer than {} elements",
    "maxItems": "the array has more than {} elements",
    "minProperties": "the object has fewer than {} fields",
    "maxProperties": "the object has more than {} fields",
    "uniqueItems": "the array has an element twice",
    "format": "the text is not of format {}",
}
