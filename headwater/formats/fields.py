"""Records of a delimited text to columns of texts."""

import csv
import io
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.csv as pv

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH, HEADER_EMPTY, Block
from headwater.formats.detect import UTF8_BOM
from headwater.formats.options import FormatOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFields:
    """Columns of a block.

    Attributes:
        columns: One for each column of the header; null for an empty field.
        positions: Which record of the block each row is.
        faults: Records that are not rows: position -> reason.
    """

    columns: list[pa.StringArray]
    positions: list[int] | range
    faults: dict[int, str]


def read_header(record: bytes, options: FormatOptions, *, file: str) -> tuple[str, ...]:
    """Names of the columns.

    Raises:
        FileError: "118" if there are none; "200" if the text is not in the declared encoding.
    """
    try:
        text = record.decode(options.byte_encoding)
    except UnicodeDecodeError:
        raise FileError(f"{file}: the header is not {options.encoding}{_hint(options)}", code=FILE_MISMATCH) from None
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=options.delimiter,
        quotechar=options.quote,
        escapechar=options.escape,
    )
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise FileError(f"{file}: the header cannot be read: {error}", code=FILE_MISMATCH) from None
    if not any(name.strip() for name in names):
        raise FileError(f"{file}: the header is empty; the first line must name the columns", code=HEADER_EMPTY)
    return tuple(names)


def parse_fields(block: Block, width: int, options: FormatOptions) -> TextFields:
    """Take the records of a block apart.

    Args:
        block: As `delimited_blocks` makes them.
        width: How many columns the header has.
        options: The dialect.
    """
    faults = dict(block.faults)
    data = b"\n".join(block.records)
    if b"\0" in data or not _is_text(data, options):
        faults |= {i: _why_no_text(r, options) for i, r in enumerate(block.records) if i not in faults}
        faults = {i: reason for i, reason in faults.items() if reason}
    positions: list[int] | range = range(len(block.records))
    if faults:
        positions = [position for position in positions if position not in faults]
        data = b"\n".join([block.records[position] for position in positions])
    if options.byte_encoding != "utf-8":
        data = data.decode(options.byte_encoding).encode()
    columns, uneven = _parse(data, width, options)
    if uneven:
        faults |= {positions[i]: f"the record has {n} fields, the header has {width}" for i, n in uneven.items()}
        positions = [position for i, position in enumerate(positions) if i not in uneven]
    return TextFields(columns=columns, positions=positions, faults=faults)


def _parse(data: bytes, width: int, options: FormatOptions) -> tuple[list[pa.StringArray], dict[int, int]]:
    """Columns of the even records, and the number of fields of each uneven one, by its place."""
    names = [str(number) for number in range(width)]
    uneven: dict[int, int] = {}

    def note_uneven(row: pv.InvalidRow) -> str:
        uneven[row.number - 1] = row.actual_columns
        return "skip"

    if not data:
        return [pa.nulls(0, pa.string()) for _ in names], uneven
    if data.startswith(UTF8_BOM):
        data = UTF8_BOM + data  # Arrow takes one away from whatever it is given
    table = pv.read_csv(
        pa.py_buffer(data),
        read_options=pv.ReadOptions(use_threads=False, column_names=names, block_size=len(data) + 64),
        parse_options=pv.ParseOptions(
            delimiter=options.delimiter,
            quote_char=options.quote,
            escape_char=options.escape or False,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=note_uneven,
        ),
        convert_options=pv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=["", options.null_marker or ""],
        ),
    )
    return [column.combine_chunks() for column in table.columns], uneven


def mark_headers(block: Block, header: bytes) -> Block:
    """The block, in which records that are the header once more are faults: two files put together, say."""
    again = (header, UTF8_BOM + header)
    if not any(record in block.records for record in again):
        return block
    found = {
        i: "the header stands here again; several files were put together, perhaps"
        for i, record in enumerate(block.records)
        if record in again
    }
    return replace(block, faults=found | block.faults)


def _hint(options: FormatOptions) -> str:
    return "; if the file is ISO-8859-1, say `encoding: iso-8859-1`" if options.encoding == "utf-8" else ""


def _is_text(text: bytes, options: FormatOptions) -> bool:
    if text.isascii():
        return True
    try:
        text.decode(options.byte_encoding)
    except UnicodeDecodeError:
        return False
    return True


def _why_no_text(record: bytes, options: FormatOptions) -> str:
    """Nothing, if it is text."""
    place = record.find(b"\0")
    if place >= 0:
        return f"byte {place} of the record is NUL"
    try:
        record.decode(options.byte_encoding)
    except UnicodeDecodeError as error:
        return f"byte {error.start} of the record is not {options.encoding.upper()}{_hint(options)}"
    return ""
