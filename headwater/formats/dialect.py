"""The dialect of a delimited text, guessed from its beginning; for looking into a file, never for loading it."""

import csv
import io
from typing import Final, Literal

from headwater.formats.detect import UTF8_BOM
from headwater.formats.options import FormatOptions

DELIMITERS: Final = (",", ";", "\t", "|")
_LINES = 20


def guess_options(head: bytes) -> FormatOptions:
    """Return the delimiter and encoding that the first lines are most likely written in.

    The delimiter is the one that gives the header most columns, with as many in the lines after it; a text that is not
    UTF-8 is taken for ISO-8859-1.
    """
    text, encoding = _decoded(head.removeprefix(UTF8_BOM))
    lines = [line for line in text.splitlines()[: _LINES + 1] if line]
    complete = lines[:-1] if len(lines) > 1 else lines
    return FormatOptions(delimiter=max(DELIMITERS, key=lambda one: _score(complete, one)), encoding=encoding)


def _decoded(head: bytes) -> tuple[str, Literal["utf-8", "iso-8859-1"]]:
    try:
        return head.decode(), "utf-8"
    except UnicodeDecodeError as error:
        # The last character may have been cut in the middle.
        if error.start >= len(head) - 3 and error.reason == "unexpected end of data":
            return head[: error.start].decode(), "utf-8"
        return head.decode("iso-8859-1"), "iso-8859-1"


def _score(lines: list[str], delimiter: str) -> tuple[int, int]:
    """How many lines have as many columns as the header, if it has several; and how many columns it has."""
    try:
        widths = [len(row) for row in csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter)]
    except csv.Error:
        return 0, 0
    if not widths or widths[0] < 2:
        return 0, 0
    return widths.count(widths[0]), widths[0]
