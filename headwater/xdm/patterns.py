r"""Patterns of a schema, matched against values that nobody vouches for.

Python's `re` has the last word on what matches, but it tries every way there is: for some patterns, the time grows with
the square of a text's length, or doubles with each character. RE2, which Arrow has, takes time in proportion to the
text. So RE2 answers where both agree, and for the rest a text's length is bounded.
"""

import re
from functools import lru_cache
from typing import Final

MOST_CHARACTERS: Final = 1000
"""A longer text breaks a pattern, where only `re` could match the two and might take very long."""
TOO_LONG: Final = f"the text is longer than the {MOST_CHARACTERS:,} characters that its pattern can be matched with"
_FEW: Final = 16
"""So many characters cost `re` less than a call of RE2, whatever the pattern."""

_DIFFERS_IN_RE2 = re.compile(r"\\[DWSbBpPQC]|\(\?[^:]|\[\^[^\]]*\\|\[\[:|\{,|\{(?:\d+,)?0\d")
"""Constructs with which RE2 may match what Python's `re` does not."""
_ONLY_IN_RE = re.compile(r"[\x0b\x1c-\x1f]|\n\Z")
"""Within ASCII, what `re` alone takes for white space, and for the end of a text."""
_CLASSES = re.compile(r"\\[dws]")
"""Classes that are wider for `re`, outside ASCII."""
_CHARACTERS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_LOOPS = re.compile(r"(?<!\()[*+?]|\{\d*,\d*\}")


class Pattern:
    """A regular expression.

    Attributes:
        text: As it is written.
        is_in_re2: Whether what RE2 matches, `re` does too. The reverse holds within ASCII, nearly.

    Raises:
        re.error: it is none.
    """

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self._search = re.compile(pattern).search
        self._is_quick = _is_quick(pattern)
        self._has_classes = _CLASSES.search(pattern) is not None
        self.is_in_re2 = not _DIFFERS_IN_RE2.search(pattern) and _in_re2(pattern, "") is not None

    def accepts(self, text: str) -> bool:
        """Whether the pattern matches somewhere in a text, and the text is not too long to tell."""
        if self._is_quick or len(text) <= _FEW:
            return self._search(text) is not None
        if self.is_in_re2:
            if _in_re2(self.text, text):
                return True
            if self._is_agreed(text):
                return False
        return len(text) <= MOST_CHARACTERS and self._search(text) is not None

    def is_too_long(self, text: str) -> bool:
        """Whether a text that is not accepted is so for its length alone."""
        return len(text) > MOST_CHARACTERS and not self._is_quick and not self._is_agreed(text)

    def _is_agreed(self, text: str) -> bool:
        """Whether what RE2 does not match, `re` does not either."""
        return self.is_in_re2 and (text.isascii() or not self._has_classes) and not _ONLY_IN_RE.search(text)


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Pattern:
    """The pattern, compiled once.

    Raises:
        re.error: it is no regular expression.
    """
    return Pattern(pattern)


def _in_re2(pattern: str, text: str) -> bool | None:
    """Whether it matches for RE2; None if RE2 does not understand it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return bool(pc.match_substring_regex(pa.scalar(text), pattern).as_py())
    except pa.ArrowInvalid:
        return None


def _is_quick(pattern: str) -> bool:
    """Whether `re` certainly takes time in proportion to the text: one loop from the beginning, or none anywhere."""
    bare = _CHARACTERS.sub("x", pattern)
    if "|" in bare or re.search(r"\)[*+?{]|\(\?[a-zA-Z]", bare):
        return False
    return len(_LOOPS.findall(bare)) <= bare.startswith("^")
