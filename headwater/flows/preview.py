"""A look into a file of a source: what it is, its columns, its first rows, and how its times are written."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, Final, cast

import msgspec

from connectors.base import Connector
from headwater.errors import FileError
from headwater.flows.ranged import RangedFile
from headwater.formats.blocks import FILE_MISMATCH, Block, Limits
from headwater.formats.charsets import as_utf8, utf16_of
from headwater.formats.contents import open_contents
from headwater.formats.delimited import delimited_blocks
from headwater.formats.detect import detect_format
from headwater.formats.dialect import guess_options
from headwater.formats.fields import parse_fields, read_header
from headwater.formats.json_text import json_blocks
from headwater.formats.options import FormatOptions
from headwater.formats.parquet import parquet_batches
from headwater.formats.parquet_rows import ParquetRows, UnreadableRowError
from headwater.formats.pgp import Decryptor
from headwater.formats.source import ByteSource, Readable
from headwater.model.nested import flatten
from headwater.model.paths import source_path
from headwater.timestamps.verdict import TimeVerdict, judge_times

HEAD_BYTES: Final = 1024 * 1024
"""How much of a file's text is looked at, decompressed."""
SAMPLE_ROWS: Final = 1000
"""How many rows decide types and times at most."""
_BLOCK_BYTES = 64 * 1024
_RANGE_BYTES = 256 * 1024
_PARQUET = b"PAR1"
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewColumn:
    """One column: its dotted name, the type of its values in the sample, and how it writes times if it holds any."""

    name: str
    type: str
    time: TimeVerdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """What the beginning of a file shows. `repr` shows no rows, which may hold personal data.

    Attributes:
        path: The file.
        format: `json`, `csv` or `parquet`.
        compression: What was taken off, or None.
        dialect: CSV: delimiter, quote and encoding, under the names of the format options.
        columns: Those that the sample has, in the order in which they come.
        sampled: How many rows decided types and times.
        unreadable: How many records of the sample can't be read.
        rows: The first rows, by column.
    """

    path: str
    format: str
    compression: str | None
    dialect: Mapping[str, str]
    columns: tuple[PreviewColumn, ...]
    sampled: int
    unreadable: int
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    format: str
    compression: str | None = None
    dialect: Mapping[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]]
    unreadable: int = 0


def preview_file(connector: Connector, path: str, *, rows: int = 20, decryptor: Decryptor | None = None) -> FilePreview:
    """Look into a file without reading more of it than its beginning; of Parquet, its footer and first rows.

    Of an archive, its first member is shown; a ZIP archive, whose directory is its end, is read as a whole. Of an
    encrypted file, only the beginning is decrypted: whether it is whole and well signed is not known.

    Args:
        connector: The source.
        path: As it is shown and stored.
        rows: How many rows to return.
        decryptor: Has the keys if it is encrypted.

    Raises:
        connectors.errors.ConnectorError: The file can't be read.
        FileError: It is empty, damaged, or of no known format.
    """
    sample = _sample_parquet(connector, path) or _sample_text(connector, path, decryptor or _NoKeys())
    return FilePreview(
        path=path,
        format=sample.format,
        compression=sample.compression,
        dialect=sample.dialect,
        columns=tuple(_columns(sample.rows)),
        sampled=len(sample.rows),
        unreadable=sample.unreadable,
        rows=tuple(sample.rows[:rows]),
    )


def _sample_parquet(connector: Connector, path: str) -> _Sample | None:
    """The first rows of a Parquet file; None if it is none."""
    with connector.open_file(source_path(path)) as stream:
        if stream.read(len(_PARQUET)) != _PARQUET:
            return None
    file = connector.stat_file(source_path(path))
    if file.size_bytes is None:
        raise FileError(
            f"{path}: the source does not tell the file's size, without which Parquet, which begins at the end, can't "
            "be looked into. Load it into a dataset to look at it.",
            code=FILE_MISMATCH,
        )
    with io.BufferedReader(RangedFile(connector, file), _RANGE_BYTES) as seekable:
        batch = next(parquet_batches(cast(BinaryIO, seekable), file=path), None)
    rows, unreadable = ([], 0) if batch is None else _parquet_rows(ParquetRows(batch.slice(0, SAMPLE_ROWS)))
    return _Sample(format="parquet", rows=rows, unreadable=unreadable)


def _parquet_rows(found: ParquetRows) -> tuple[list[dict[str, Any]], int]:
    rows: list[dict[str, Any]] = []
    for place in range(len(found)):
        with suppress(UnreadableRowError):
            rows.append(dict(flatten(found.values(place))))
    return rows, len(found) - len(rows)


class _NoKeys:
    """Says what to do about an encrypted file."""

    required = False

    def decrypt(self, message: ByteSource, *, file: str) -> Readable:
        raise FileError(
            f"{file}: the file is encrypted or signed with OpenPGP, and no dataflow that takes it says with which "
            "keys. Name the account of type `pgp` that holds them, with `--pgp ACCOUNT`.",
            code=FILE_MISMATCH,
        )


def _sample_text(connector: Connector, path: str, decryptor: Decryptor) -> _Sample:
    with connector.open_file(source_path(path)) as stream:
        contents = open_contents(stream, file=path, decryptor=decryptor)
        content = next(contents)
        wide = utf16_of(content.source, "utf-8", file=path)
        source = content.source if wide is None else as_utf8(content.source, wide)
        format_name = detect_format(source, file=path, declared="auto")
        head = source.read(HEAD_BYTES)
        cut = bool(source.peek(1))
    compression = ", ".join(content.layers) or None
    if format_name == "parquet":
        raise FileError(
            f"{path}: a Parquet file that is compressed or encrypted as a whole can't be looked into; load it into a "
            "dataset to look at it",
            code=FILE_MISMATCH,
        )
    if format_name == "json":
        rows, unreadable = _json_rows(head, cut=cut, file=path)
        return _Sample(format=format_name, compression=compression, rows=rows, unreadable=unreadable)
    options = guess_options(head)
    rows, unreadable = _csv_rows(head, options, cut=cut, file=path)
    dialect = {"delimiter": options.delimiter, "quote": options.quote, "encoding": wide or options.encoding}
    return _Sample(format=format_name, compression=compression, dialect=dialect, rows=rows, unreadable=unreadable)


def _json_rows(head: bytes, *, cut: bool, file: str) -> tuple[list[dict[str, Any]], int]:
    limits = Limits(block_bytes=_BLOCK_BYTES)
    rows: list[dict[str, Any]] = []
    unreadable, ends_badly = 0, False
    for block in _as_far_as_it_goes(json_blocks(ByteSource(io.BytesIO(head)), limits, file=file), cut=cut):
        for position, record in enumerate(block.records):
            decoded = None if position in block.faults else _decoded(record)
            ends_badly = not isinstance(decoded, dict)
            if isinstance(decoded, dict):
                rows.append(dict(flatten(decoded)))
            unreadable += ends_badly
            if len(rows) >= SAMPLE_ROWS:
                return rows, unreadable
    return rows, unreadable - (cut and ends_badly)


def _csv_rows(head: bytes, options: FormatOptions, *, cut: bool, file: str) -> tuple[list[dict[str, Any]], int]:
    text = head[: head.rfind(b"\n") + 1] or head if cut else head
    limits = Limits(block_bytes=_BLOCK_BYTES)
    blocks = (block for block in delimited_blocks(ByteSource(io.BytesIO(text)), options, limits) if block.records)
    first = next(blocks)
    if 0 in first.faults:
        raise FileError(f"{file}: the header cannot be read: {first.faults[0]}", code=FILE_MISMATCH)
    header = read_header(first.records[0], options, file=file)
    rows: list[dict[str, Any]] = []
    unreadable = 0
    for block in (first.part(1), *islice(blocks, HEAD_BYTES // _BLOCK_BYTES)):
        fields = parse_fields(block, len(header), options)
        columns = [column.to_pylist() for column in fields.columns]
        rows += [dict(zip(header, values, strict=True)) for values in zip(*columns, strict=True)]
        unreadable += len(fields.faults)
        if len(rows) >= SAMPLE_ROWS:
            break
    return rows[:SAMPLE_ROWS], unreadable


def _as_far_as_it_goes(blocks: Iterator[Block], *, cut: bool) -> Iterator[Block]:
    """The blocks; where the text was cut here, it is no fault of the file that its end is not there."""
    try:
        yield from blocks
    except FileError:
        if not cut:
            raise


def _decoded(record: bytes) -> object:
    try:
        return msgspec.json.decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _columns(rows: Sequence[Mapping[str, Any]]) -> Iterator[PreviewColumn]:
    columns: dict[str, list[object]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    for name, found in columns.items():
        values = [value for value in found if value is not None and value != ""]
        yield PreviewColumn(name=name, type=_type_of(values), time=judge_times(name, values))


def _type_of(values: Sequence[object]) -> str:
    """The type that all values have; texts of a CSV file count as what they can be read as."""
    kinds = {_kind(value) for value in values}
    if kinds == {"integer", "number"}:
        return "number"
    if not kinds:
        return "empty"
    return kinds.pop() if len(kinds) == 1 else "string" if kinds <= _OF_TEXTS else "mixed"


_OF_TEXTS = {"integer", "number", "boolean", "string"}
_NAMES = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", bytes: "bytes"}


def _kind(value: object) -> str:
    if not isinstance(value, str):
        return _NAMES.get(type(value), type(value).__name__)
    text = value.strip()
    if text.lower() in ("true", "false"):
        return "boolean"
    if _INTEGER.fullmatch(text):
        return "integer"
    return "number" if _is_number(text) else "string"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower().strip("+-") not in ("nan", "inf", "infinity")
