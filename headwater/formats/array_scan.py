"""Where the elements of a JSON array begin and end, by brackets and quotes alone; what they hold is not judged.

So one broken element does not hide the others.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*+(["\n]?)|[\[\]{},]', re.DOTALL)
_BLANK = b" \t\r\n"
_NEXT_RECORD = re.compile(rb"[\]} \t\r\n]*+,[ \t\r\n]*+\{")
_PERHAPS = re.compile(rb"[\]} \t\r\n]*+(?:,[ \t\r\n]*+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayScan:
    """Elements found in a text.

    Attributes:
        spans: Start and end of each complete element, blanks around it left out; equal where a comma stands alone.
        rest: Where the text begins that belongs to no complete element.
        end: Position after the closing bracket, or None if it was not reached.
        is_full: Whether the scan ended for having as many elements as it may; the next one begins at `rest`.
    """

    spans: list[tuple[int, int]]
    rest: int
    end: int | None
    is_full: bool = False


def scan_elements(text: bytes, position: int, *, most: int, first: bool = True, at_end: bool = True) -> ArrayScan:
    """Scan the inside of an array.

    A `]` after which another record follows is one too many, and belongs to the element before it.

    Args:
        text: Some of a file.
        position: Where an element may begin: after the opening bracket or a comma.
        most: How many elements are found at most.
        first: Whether no element came before, so that `]` may follow without one.
        at_end: Whether no more text follows.
    """
    spans: list[tuple[int, int]] = []
    depth = surplus_until = 0
    for token in _TOKEN.finditer(text, position):
        mark = text[token.start()]
        if mark == 0x22:  # a quote
            if not token[1]:
                break
        elif mark in b"{[":
            depth += 1
        elif depth and mark in b"}]":
            depth -= 1
        elif not depth and mark in b",]":
            if mark == 0x5D and token.start() < surplus_until:
                continue
            if mark == 0x5D and (surplus := _NEXT_RECORD.match(text, token.end())):
                surplus_until = surplus.end()
                continue
            if mark == 0x5D and not at_end and _PERHAPS.fullmatch(text, token.end()):
                break
            span = _trim(text, position, token.start())
            position = token.end()
            alone = span[0] == span[1]
            if mark == 0x2C or not (alone and first and not spans):
                spans.append(span)
            if mark == 0x5D:
                return ArrayScan(spans=spans, rest=position, end=position)
            if len(spans) >= most:
                return ArrayScan(spans=spans, rest=position, end=None, is_full=True)
    return ArrayScan(spans=spans, rest=position, end=None)


def _trim(text: bytes, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _BLANK:
        start += 1
    while start < end and text[end - 1] in _BLANK:
        end -= 1
    return start, end
