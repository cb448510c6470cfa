"""YAML text to a tree of values that know their lines: a bounded, safe subset of YAML 1.2.

Plain scalars follow YAML 1.2's core schema, so `no`, `on` and `02:00` are text; so are times and numbers with leading
zeros. Tags other than the core ones, merge keys, duplicate keys and texts that would grow beyond bounds are refused.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from headwater.errors import DocumentError

try:
    from yaml._yaml import CParser as _Parser
except ImportError:

    class _Parser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[no-redef]
        """PyYAML's own parser, where libyaml is missing: the same events, more slowly."""

        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)


MAX_CHARACTERS: Final = 1_048_576
"""The longest document that is read."""
MAX_NODES: Final = 100_000
"""How many values a document may hold, each alias counted as what it stands for."""
MAX_DEPTH: Final = 64
"""How deep values may nest."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+|\.)?([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 400

_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset({_CORE + name for name in ("str", "int", "float", "bool", "null")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value of a document.

    Attributes:
        line: 1-based line at which the value begins.
        value: A scalar; `dict[str, Node]` for a mapping; `list[Node]` for a list.
        key_lines: The line of each of a mapping's keys.
        size: How many values it holds, itself included.
    """

    line: int
    value: Any
    key_lines: dict[str, int]
    size: int

    def plain(self) -> Any:  # noqa: ANN401 - whatever the text says
        """The value without its lines, as `json.loads` would give it."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


def compose(text: str, *, file: str) -> Node:
    """Read one YAML document.

    Raises:
        DocumentError: the text is not YAML, is empty, holds several documents, or is outside the bounds.
    """
    if len(text) > MAX_CHARACTERS:
        raise _error(f"the document has {len(text):,} characters; {MAX_CHARACTERS:,} is the most that is read", file, 1)
    try:
        return _Composer(text, file).compose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        raise _error(f"not valid YAML: {error.problem}{context}", file, mark.line + 1 if mark else None) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _error(f"not valid YAML: {error.reason} (#x{_code_point(error.character):04x})", file, line) from None
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise _error("the text holds half of a surrogate pair; save the file as UTF-8", file, line) from None


class _Composer:
    """Builds nodes from the parser's events, so that depth and size are bounded while reading."""

    def __init__(self, text: str, file: str) -> None:
        self._events = _events(text)
        self._file = file
        self._anchors: dict[str, Node] = {}

    def compose(self) -> Node:
        self._expect(yaml.StreamStartEvent)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._error("the file is empty; a document begins with `kind` and `name`", event)
        root = self._node(next(self._events), depth=1)
        self._expect(yaml.DocumentEndEvent)
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error("a second document begins here (`---`); write one resource per file", event)
        return root

    def _expect(self, event_class: type[yaml.Event]) -> None:
        event = next(self._events)
        if not isinstance(event, event_class):
            raise self._error("the document does not end here as it should", event)

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error(f"values are nested more than {MAX_DEPTH} deep", event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._error(f"alias `*{event.anchor}` stands for nothing; its anchor comes first", event)
            return self._anchors[event.anchor]
        if isinstance(event, yaml.ScalarEvent):
            node = Node(line=_line(event), value=self._scalar(event), key_lines={}, size=1)
        elif isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(event, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(event, depth)
        else:
            raise self._error("a value is expected here", event)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _mapping(self, start: yaml.MappingStartEvent, depth: int) -> Node:
        self._check_tag(start, start.tag, {_CORE + "map"})
        children: dict[str, Node] = {}
        lines: dict[str, int] = {}
        size = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in children:
                raise self._error(f"key `{key}` is given twice, first in line {lines[key]}; keep one", event, key)
            lines[key] = _line(event)
            children[key] = self._node(next(self._events), depth + 1)
            size = self._bounded(size + children[key].size, event)
        return Node(line=_line(start), value=children, key_lines=lines, size=size)

    def _list(self, start: yaml.SequenceStartEvent, depth: int) -> Node:
        self._check_tag(start, start.tag, {_CORE + "seq"})
        children: list[Node] = []
        size = 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            children.append(self._node(event, depth + 1))
            size = self._bounded(size + children[-1].size, event)
        return Node(line=_line(start), value=children, key_lines={}, size=size)

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error("a key is text, not a list, a mapping or an alias", event)
        if event.value == "<<" and event.implicit[0]:
            raise self._error("merge keys (`<<`) are not supported; write the keys out", event, "<<")
        return str(event.value)

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        self._check_tag(event, event.tag, _SCALAR_TAGS)
        text = str(event.value)
        is_plain, _ = event.implicit
        if event.tag == _CORE + "str" or (event.tag is None and not is_plain):
            return text
        value = resolve_scalar(text)
        if event.tag is not None and event.tag != _CORE + _tag_name(value):
            raise self._error(f"`{text[:40]}` is not what its tag `{event.tag}` says", event)
        return value

    def _check_tag(self, event: yaml.Event, tag: str | None, known: Collection[str]) -> None:
        if tag is not None and tag not in known:
            raise self._error(f"tag `{tag[:80]}` is not supported; leave it out", event)

    def _bounded(self, size: int, event: yaml.Event) -> int:
        if size > MAX_NODES:
            raise self._error(f"the document has more than {MAX_NODES:,} values, aliases written out", event)
        return size

    def _error(self, message: str, event: yaml.Event, key: str | None = None) -> DocumentError:
        return _error(message, self._file, _line(event), key)


def resolve_scalar(text: str) -> str | int | float | bool | None:
    """What a plain scalar means in YAML 1.2's core schema; numbers with leading zeros and infinities stay text."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if len(text) <= _MAX_DIGITS and text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _FLOAT.fullmatch(text) and text.strip("+-.") != "" and text[-1] not in "eE":
            number = float(text)
            return number if number not in (float("inf"), float("-inf")) else text
    return text


def _events(text: str) -> Iterator[yaml.Event]:
    parser = _Parser(text)
    try:
        while (event := parser.get_event()) is not None:
            yield event
    finally:
        parser.dispose()


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _tag_name(value: object) -> str:
    return {type(None): "null", bool: "bool", int: "int", float: "float", str: "str"}[type(value)]


def _code_point(character: object) -> int:
    return character if isinstance(character, int) else ord(str(character)[0])


def _error(message: str, file: str, line: int | None, key: str | None = None) -> DocumentError:
    place = f"{file}:{line}" if line is not None else file
    return DocumentError(f"{place}: {message}", file=file, line=line, key=key)
