import pytest

from headwater.formats.dialect import guess_options


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_the_delimiter_is_the_one_that_makes_even_columns(delimiter: str) -> None:
    lines = [["id", "name", "price"], ["1", '"a, b; c | d\te"', "1,5" if delimiter != "," else "1.5"], ["2", "x", "3"]]
    text = "\ufeff" + "\n".join(delimiter.join(line) for line in lines) + "\n"

    assert guess_options(text.encode()).delimiter == delimiter


def test_one_column_is_taken_for_commas() -> None:
    assert guess_options(b"name\nAda\n").delimiter == ","


def test_text_that_is_not_utf_8_is_taken_for_latin() -> None:
    assert guess_options("name;city\nAda;Zürich\n".encode("iso-8859-1")).encoding == "iso-8859-1"


def test_a_character_that_was_cut_is_no_reason_for_latin() -> None:
    assert guess_options("name;city\nAda;Zü".encode()[:-1]).encoding == "utf-8"


def test_a_field_beyond_measure_does_not_stop_the_guess() -> None:
    assert guess_options(b'a,b\n"' + b"x" * 500_000).delimiter == ","
