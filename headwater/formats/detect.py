"""What a content is, by its first bytes."""

import re
from typing import Final, Literal

from headwater.errors import FileError
from headwater.formats.blocks import FILE_EMPTY, FILE_MISMATCH
from headwater.formats.source import ByteSource

FormatName = Literal["json", "csv", "parquet"]
UTF8_BOM: Final = b"\xef\xbb\xbf"
_PEEK_BYTES = 65_536
_UTF32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_JSON_LINE = re.compile(rb"^[ \t\r]*[\[{]", re.MULTILINE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def detect_format(source: ByteSource, *, file: str, declared: str) -> FormatName:
    """What the content is. `declared` is `auto`, `json`, `ndjson`, `csv` or `parquet`.

    JSON is told from CSV by the first lines: one that begins with `{` or `[` makes the file JSON.

    Raises:
        FileError: "106" if there is nothing but blanks; "200" if the content contradicts what is declared.
    """
    found = _look(source.peek(_PEEK_BYTES), file=file)
    wanted = "json" if declared == "ndjson" else declared
    if wanted in ("auto", found):
        return found
    if wanted == "json" and found == "csv":
        # Text that looks like no JSON: said to be JSON, its lines are reported one by one.
        return "json"
    if wanted == "csv" and found == "json":
        return "csv"
    raise FileError(f"{file}: declared as {declared}, but the content is {found}", code=FILE_MISMATCH)


def _look(start: bytes, *, file: str) -> FormatName:
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(_UTF32):
        raise FileError(f"{file}: the text is UTF-32; send it as UTF-8", code=FILE_MISMATCH)
    text = start.removeprefix(UTF8_BOM)
    if not text.strip():
        raise FileError(f"{file}: the file is empty (nothing but blanks)", code=FILE_EMPTY)
    head = b"\n".join(text.lstrip().split(b"\n", 10)[:10])
    if _JSON_LINE.search(head):
        return "json"
    if _BINARY.search(head.split(b"\n", 1)[0]):
        raise FileError(
            f"{file}: the content is binary and of no known format; supported are JSON, CSV and Parquet",
            code=FILE_MISMATCH,
        )
    return "csv"
