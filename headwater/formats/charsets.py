"""UTF-16 as UTF-8, so that one reader serves for both."""

import codecs
from typing import Final

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.source import ByteSource

_UTF32: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_MARKS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_PARQUET: Final = b"PAR1"
_LEAST_BYTES: Final = 4096


def utf16_of(source: ByteSource, declared: str, *, file: str) -> str | None:
    """Which UTF-16 a text is written in (`utf-16-le`, `utf-16-be`), None if in another encoding.

    A byte order mark decides, and a declaration where there is none.

    Raises:
        FileError: "200" if it is declared as `utf-16` and has no byte order mark, or looks like UTF-16 undeclared.
    """
    start = source.peek(4)
    if start.startswith(_PARQUET) or start in _UTF32:
        return None
    if start[:2] in _MARKS:
        return _MARKS[start[:2]]
    if declared in _MARKS.values():
        return declared
    if declared == "utf-16" or looks_wide(start):
        found = "declared as utf-16, but has" if declared == "utf-16" else "the text looks like UTF-16 and has"
        raise FileError(
            f"{file}: {found} no byte order mark; say `encoding: utf-16-le` or `encoding: utf-16-be`",
            code=FILE_MISMATCH,
        )
    return None


def as_utf8(source: ByteSource, encoding: str) -> ByteSource:
    """A text in UTF-16 as UTF-8. What is no UTF-16 becomes bytes that are no UTF-8, so that its record is reported."""
    if source.peek(2) in _MARKS:
        source.read(2)
    return ByteSource(_Recoded(source, encoding))


class _Recoded:
    def __init__(self, source: ByteSource, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")

    def read(self, size: int, /) -> bytes:
        while piece := self._source.read(max(size // 2, _LEAST_BYTES)):
            text = self._decoder.decode(piece)
            if text:
                return text.encode("utf-8", "surrogatepass")
        rest, _ = self._decoder.getstate()
        self._decoder.reset()
        return b"\xff" if rest else b""


def looks_wide(start: bytes) -> bool:
    """Whether the first four bytes of a text are two characters of ASCII, each with a zero byte on the same side."""
    pairs = (start[0::2], start[1::2])
    return len(start) == 4 and any(
        not zeros.strip(b"\0") and all(32 <= byte < 127 for byte in letters) for zeros, letters in (pairs, pairs[::-1])
    )
