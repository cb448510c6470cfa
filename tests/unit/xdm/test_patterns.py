"""Patterns: what `re` says, within bounded time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.xdm.patterns import MOST_CHARACTERS, Pattern
from headwater.xdm.validation import make_validator

_PARTS = [r"\.", r"\d", r"\w", r"\s", r"\S", r"\D", r"\A", r"\Z", r"\b", r"\012", r"\n", r"[\w-]"]
_PARTS += ["a", "b", "1", ".", "[ab]", "[^a]", "[]a]", "^", "$", "(a)", "(?:a|b)", "(?!a)", "{", "_", "é"]
_LOOPS = ["", "", "*", "+", "?", "*?", "{2}", "{1,2}", "{,2}", "{02}", "++"]
_pieces = st.tuples(st.sampled_from(_PARTS), st.sampled_from(_LOOPS)).map("".join)
_patterns = st.lists(_pieces, min_size=1, max_size=4).map("".join)
_texts = st.text(st.sampled_from("ab1_ .{2}\n\t\x0b\x1cé٣"), max_size=6)
_FILLING = "-" * 20
"""Longer than what is left to `re` for its shortness."""


def compile_or_none(pattern: str) -> Pattern | None:
    try:
        return Pattern(pattern)
    except re.error:
        return None


@given(_patterns.map(compile_or_none), _texts, st.sampled_from(["", _FILLING]), st.sampled_from(["", _FILLING]))
def test_the_answer_is_that_of_re(pattern: Pattern | None, text: str, before: str, after: str) -> None:
    if pattern is not None:
        whole = before + text + after
        assert pattern.accepts(whole) is (re.search(pattern.text, whole) is not None)


@pytest.mark.parametrize("pattern", [r"^(?!x)", r"^[^\D]+$", r"\S", r"^\b.{1,5}"])
def test_a_pattern_with_one_loop_from_the_start_is_matched_with_texts_of_any_length(pattern: str) -> None:
    assert Pattern(pattern).accepts("1" * 1_000_000)
    assert not Pattern(pattern).is_too_long("é" * 1_000_000)


@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_text_is_too_long_only_where_re_alone_can_tell(letter: str) -> None:
    pattern = Pattern(r"^\w+\s*$")
    for length in (MOST_CHARACTERS, MOST_CHARACTERS + 1):
        text = letter * length
        assert pattern.accepts(text) is (letter == "a" or length == MOST_CHARACTERS)
        assert pattern.is_too_long(text) is not pattern.accepts(text)


def test_where_re2_can_tell_a_text_is_never_too_long() -> None:
    assert Pattern(r"[^@]+@[^@]+$").accepts("é" * 2000 + "@é")
    assert not Pattern(r"[^@]+@[^@]+$").is_too_long("é" * 2000)
    assert Pattern(r"\w+@\w+").accepts("é" * 2000 + "a@b")


def test_the_validator_says_why() -> None:
    validator = make_validator({"pattern": r"^\w+\s*$"})
    assert [error.message for error in validator.iter_errors("é" * 1001)] == [
        "the text is longer than the 1,000 characters that its pattern can be matched with"
    ]
    assert [error.message for error in validator.iter_errors("é!")] == ["the text does not match"]
    assert validator.is_valid(5)
