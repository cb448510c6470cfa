"""A file, from its first byte to its report."""

from collections.abc import Iterator
from dataclasses import replace
from tempfile import TemporaryFile
from typing import BinaryIO

import pyarrow as pa
from pydantic import ValidationError

from headwater.errors import DocumentError, FileError
from headwater.formats.blocks import FILE_MISMATCH, Block
from headwater.formats.charsets import as_utf8, utf16_of
from headwater.formats.contents import Content, open_contents
from headwater.formats.delimited import delimited_blocks
from headwater.formats.detect import FormatName, detect_format
from headwater.formats.fields import mark_headers, read_header
from headwater.formats.json_text import json_blocks, skip_to_text
from headwater.formats.lines import line_blocks
from headwater.formats.options import FormatOptions
from headwater.formats.parquet import parquet_batches
from headwater.formats.parquet_rows import ParquetRows
from headwater.formats.pgp import Decryptor
from headwater.formats.source import ByteSource
from headwater.ingest.assemble import Place
from headwater.ingest.collector import paused_collector
from headwater.ingest.engine import Engine
from headwater.ingest.plan import Plan
from headwater.ingest.report import Chunk, FileReport, MemberRows, Observations
from headwater.model.parts import FilePart
from headwater.timestamps.options import TimestampOptions


class FileReader(Iterator[Chunk]):
    """Iterates over the chunks of one file; at the end, or at any time before, `report` says what was noticed."""

    def __init__(
        self,
        stream: BinaryIO,
        plan: Plan,
        *,
        file: str,
        format: str,
        options: FormatOptions,
        row_limit: int | None,
        part: FilePart | None,
        decryptor: Decryptor | None,
    ) -> None:
        self._stream = stream
        self._file = file
        self._declared = format
        self._given_options = options
        self._plan = plan.with_timestamps(_timestamps(options)) if options.timestamps else plan
        self._seen = Observations()
        self._part = part
        if part is None:
            self._contents = open_contents(stream, file=file, options=options, decryptor=decryptor)
            self._begin(next(self._contents))
        else:
            self._contents = iter(())
            self._begin_part(part)
        self._chunks = self._read(row_limit)

    def __next__(self) -> Chunk:
        return next(self._chunks)

    @property
    def format(self) -> str:
        """What the content is: `json`, `csv` or `parquet`."""
        return self._format

    @property
    def read_records(self) -> int:
        """How many records were read so far."""
        return self._seen.read

    @property
    def report(self) -> FileReport:
        """What was noticed so far."""
        return self._seen.report(
            file=self._file, format_name=self._format, compression=", ".join(self._content.layers) or None
        )

    def _begin(self, content: Content) -> None:
        """Make a content the one that is read."""
        self._content = content
        self._member = content.file.removeprefix(f"{self._file}!/") if content.is_member else None
        self._source = content.source
        self._options = self._given_options
        self._rows_before = self._seen.read
        wide = utf16_of(content.source, self._options.encoding, file=content.file)
        if wide is not None:
            self._options = self._options.model_copy(update={"encoding": wide})
            self._source = as_utf8(content.source, wide)
        self._format: FormatName = detect_format(self._source, file=content.file, declared=self._declared)

    def _begin_part(self, part: FilePart) -> None:
        """Make a part the one content: only plain text is divided, and what it is was told then."""
        self._source = ByteSource(self._stream, part.offset)
        self._content = Content(file=self._file, source=self._source, layers=(), is_member=False)
        self._member = None
        self._options = self._given_options
        self._rows_before = 0
        self._format = part.format

    @property
    def _first_line(self) -> int:
        return 1 if self._part is None else self._part.first_line

    def _read(self, row_limit: int | None) -> Iterator[Chunk]:
        while True:
            try:
                yield from self._read_content(row_limit)
            finally:
                self._note_member()
            if row_limit is not None and self._seen.read >= row_limit:
                return
            following = next(self._contents, None)
            if following is None:
                return
            self._begin(following)

    def _note_member(self) -> None:
        if self._member is not None:
            read = self._seen.read - self._rows_before
            self._seen.members.append(MemberRows(name=self._member, first_row=self._rows_before + 1, read=read))

    def _read_content(self, row_limit: int | None) -> Iterator[Chunk]:
        blocks, engine = self._open()
        for part in _small(blocks, self._options.limits.block_records):
            wanted = part if row_limit is None else part.part(0, row_limit - self._seen.read)
            if wanted.records:
                yield self._take(engine, wanted)
            if row_limit is not None and self._seen.read >= row_limit:
                return

    def _open(self) -> tuple[Iterator[Block], Engine]:
        match self._format:
            case "json":
                return self._json_blocks(), self._plan.json_engine()
            case "csv":
                return self._open_delimited()
            case _:
                rows = map(ParquetRows, self._parquet_batches())
                if self._plan.mapping is not None:
                    return (part.as_block() for part in rows), self._plan.json_engine(rule="parquet")
                return (Block(records=part) for part in rows), self._plan.parquet_engine()

    def _json_blocks(self) -> Iterator[Block]:
        """A file that was divided has a record to a line, whatever the lines of one part look like."""
        if self._part is None:
            return json_blocks(self._source, self._options.limits, file=self._content.file)
        line = skip_to_text(self._source, self._first_line)
        return line_blocks(self._source, self._options.limits, line=line)

    def _open_delimited(self) -> tuple[Iterator[Block], Engine]:
        header = None if self._part is None else self._part.header
        limits = self._options.limits
        blocks = delimited_blocks(self._source, self._options, limits, line=self._first_line, header=header)
        if header is not None:
            return (mark_headers(block, header) for block in blocks), self._delimited_engine(header)
        first = next(block for block in blocks if block.records)
        if 0 in first.faults:
            raise FileError(
                f"{self._content.file}: the header cannot be read: {first.faults[0]}. Lines end with LF or CRLF.",
                code=FILE_MISMATCH,
            )
        names = first.records[0]
        engine = self._delimited_engine(names)

        def records() -> Iterator[Block]:
            yield mark_headers(first.part(1), names)
            for block in blocks:
                yield mark_headers(block, names)

        return records(), engine

    def _delimited_engine(self, header: bytes) -> Engine:
        file = self._content.file
        names = read_header(header, self._options, file=file)
        engine, self._seen.unused_columns = self._plan.delimited_engine(names, self._options, file=file)
        return engine

    def _parquet_batches(self) -> Iterator[pa.RecordBatch]:
        """Parquet is read from its end: a stream that cannot be wound back is kept in a temporary file meanwhile."""
        if not self._content.layers and self._stream.seekable():
            yield from parquet_batches(self._stream, file=self._content.file)
            return
        with TemporaryFile() as copy:
            while piece := self._source.read(self._options.limits.block_bytes):
                copy.write(piece)
            yield from parquet_batches(copy, file=self._content.file)

    def _take(self, engine: Engine, block: Block) -> Chunk:
        with paused_collector():
            chunk = engine.read(block, self._place(), self._seen)
        self._seen.read += chunk.read
        self._seen.failed += len(chunk.errors)
        return chunk if self._member is None else replace(chunk, member=self._member)

    def _place(self) -> Place:
        before = 0 if self._part is None else self._part.records_before
        first_row = before + self._seen.read - self._rows_before + 1
        return Place(file=self._content.file, first_row=first_row, rows_before=self._rows_before)


def _small(blocks: Iterator[Block], most: int) -> Iterator[Block]:
    """The blocks, those with very many records in parts: each record may become an error with all its reasons."""
    for block in blocks:
        if len(block.records) <= most:
            yield block
            continue
        for start in range(0, len(block.records), most):
            yield block.part(start, start + most)


def _timestamps(options: FormatOptions) -> TimestampOptions:
    try:
        return TimestampOptions.from_json(options.timestamps)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(["timestamps", *map(str, found["loc"])])
        raise DocumentError(f"format option `{key}`: {found['msg']}", key=f"format_options.{key}") from None


def read_file(
    stream: BinaryIO,
    plan: Plan,
    *,
    file: str,
    format: str = "auto",
    options: FormatOptions | None = None,
    row_limit: int | None = None,
    part: FilePart | None = None,
    decryptor: Decryptor | None = None,
) -> FileReader:
    """Read a file's records, checked and converted, in chunks of bounded size.

    Wrappers and format are told by the content. A bad record never raises: it is in the chunk's `errors`. Members of an
    archive are read one after the other; their rows are numbered through, and errors name the member as
    `ARCHIVE!/MEMBER`, with row, line and offset in it.

    Args:
        stream: The file's bytes; not closed here.
        plan: How its records are read.
        file: Its path, for messages and errors.
        format: `auto`, `json`, `ndjson`, `csv` or `parquet`.
        options: Of the format.
        row_limit: Only so many records are read.
        part: What part of a divided file the stream is (`headwater.formats.parts`); None for a whole file. Rows and
            errors are those that reading the whole file gives for these records.
        decryptor: Has the keys of a file that is encrypted as a whole.

    Raises:
        FileError: the file is not what it is declared to be, is empty or damaged. It may come after some chunks, which
            then mean nothing: a file counts as read only when the iteration ends.
        DocumentError: the options for timestamps are wrong.
    """
    return FileReader(
        stream,
        plan,
        file=file,
        format=format,
        options=options or FormatOptions(),
        row_limit=row_limit,
        part=part,
        decryptor=decryptor,
    )
