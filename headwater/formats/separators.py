"""What stands between the records of an array, in one file's own way of writing; for finding the next one by.

An element with a bracket too few never ends by counting: it takes the records after it along, up to the whole file. The
way back is the separator, under three conditions that keep it from ever cutting a good record, or from taking what is
within one for one: it holds a line end, so that it stands in no text; it stood within no valid record so far; and the
element is proved to be broken, whatever may follow.
"""

import re

import msgspec

_decode = msgspec.json.Decoder(float_hook=float).decode
_BEGINNING = re.compile(rb'([ \t\r\n]*+)(\{[ \t\r\n]*+"(?:[^"\\\n]|\\.)*+")')
_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Separator:
    """The comma after a record, and the beginning of the next up to its first key.

    Args:
        blank: What stands between comma and record.
        beginning: The opening bracket, blanks, and the first key.
        is_first: Whether it stands between the first records of the array; of another, too little is known.

    Attributes:
        text: Comma, blank and beginning.
        record_begins: Where in it the next record begins.
        is_safe: Whether records may be told by it that cannot be told by counting.
        is_confirmed: Whether it was found between records after it was made.
    """

    def __init__(self, blank: bytes, beginning: bytes, *, is_first: bool) -> None:
        self.text = b"," + blank + beginning
        self.record_begins = 1 + len(blank)
        self.is_safe = is_first and b"\n" in blank
        self.is_confirmed = False

    def confirm(self, text: bytes, comma: int) -> bool:
        """Whether it may be what stands at the comma after a record; a text too short to tell does not refute it."""
        found = text[comma : comma + len(self.text)]
        self.is_confirmed = self.is_confirmed or found == self.text
        return self.text.startswith(found)

    def note_valid(self, text: bytes, *, elements: int) -> None:
        """Look at valid records, with what stands between them, but not after them: may it stand within one?"""
        self.is_safe = self.is_safe and text.count(self.text) < elements
        self.is_confirmed = True

    def split(self, text: bytes, start: int, end: int, *, unfinished: bool = False) -> list[tuple[int, int]]:
        """The spans of the records that an element is, or took along if it is broken; it alone where that is unsafe.

        Args:
            text: Some of a file.
            start: Where the element begins.
            end: Where it ends.
            unfinished: Whether it goes on beyond its end; then the last span does, too.
        """
        whole = [(start, end)]
        if not self.is_safe or text.find(self.text, start, end) < 0:
            return whole
        if not unfinished and is_object(text[start:end]):
            self.is_safe = False
            return whole
        spans = self._pieces(text, start, end)
        second = spans[1][0] + len(self.text) - self.record_begins
        return spans if is_broken(text[start:second]) else whole

    def _pieces(self, text: bytes, start: int, end: int) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        position = start
        while (found := text.find(self.text, position, end)) >= 0:
            spans.append((position, found))
            position = found + self.record_begins
        return [*spans, (position, end)]


def guess_separator(text: bytes) -> Separator | None:
    """The separator of records that are written like the first, with which the text begins: each on lines of its own.

    None if there is no way to tell the beginning of a record from that of an object within one.
    """
    beginning = _BEGINNING.match(text)
    if beginning is None or beginning[1].endswith(b"\n"):
        return None
    line_end = b"\r\n" if b"\r\n" in text else b"\n"
    blank = beginning[1] if b"\n" in beginning[1] else line_end
    return Separator(blank, beginning[2], is_first=True)


def learn_separator(text: bytes, next_begins: int, *, is_first: bool) -> Separator | None:
    """The separator before the record that begins, after blanks, at a place; None if there is no object with a key."""
    beginning = _BEGINNING.match(text, next_begins)
    return Separator(beginning[1], beginning[2], is_first=is_first) if beginning else None


def without_closing(text: bytes) -> bytes | None:
    """A record without the closing bracket of its array; None if it does not end with both."""
    record = text.rstrip().removesuffix(b"]").rstrip()
    return record if text.rstrip().endswith(b"]") and record.endswith(b"}") else None


def is_broken(start: bytes) -> bool:
    """Whether nothing that begins like this is JSON, however it goes on."""
    try:
        _decode(start)
    except msgspec.ValidationError:
        return False
    except msgspec.DecodeError as error:
        return "truncated" not in str(error)
    except UnicodeDecodeError:
        return True
    except RecursionError:
        return False
    return False


def is_object(text: bytes) -> bool:
    """Whether a text is one JSON object."""
    try:
        return isinstance(_decode(text), dict)
    except _UNDECODABLE:
        return False
