"""Large files: read once when they are discovered, to be ingested in parts by many tasks."""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from connectors.base import Connector, RemoteFile
from connectors.errors import FileChangedError, FileGoneError
from headwater.catalog.base import utc_now
from headwater.catalog.catalog import Stores
from headwater.catalog.ledger import Claim, FileVersion
from headwater.errors import FileError
from headwater.flows.candidates import Candidate
from headwater.flows.completeness import rules_digest
from headwater.flows.context import RunContext
from headwater.flows.continued import ContinuedStream
from headwater.flows.plans import format_options
from headwater.flows.workspace import Workspace
from headwater.formats.parts import divide
from headwater.formats.source import Readable
from headwater.formats.tail import find_cut
from headwater.model.parts import Division, Undivided
from headwater.model.paths import source_path
from headwater.model.runs import FileState

log = logging.getLogger(__name__)

MAX_PARTS = 250
"""About how many parts a run makes of its large files; with `selection.MAX_GROUPS` below Airflow's limit of 1,024."""


_END_BYTES = 65_536
_FINEST_BYTES = 65_536
"""Borders lie between blocks; these are an eighth of a part, and not smaller than this."""


@dataclass(slots=True, kw_only=True)
class LargeFiles:
    """What became of the large files among a run's candidates: divisions by path, and files for a later run."""

    divisions: dict[str, Division] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def divide_large_files(workspace: Workspace, context: RunContext, candidates: Sequence[Candidate]) -> LargeFiles:
    """Read the files above `split_bytes` once, and find where they can be divided.

    A run that reads only some records of each file divides none. A file of which a manifest tells more is not divided:
    what it says of records and checksums is checked where the file is read whole.

    Raises:
        connectors.errors.ConnectorError: a file cannot be read.
        DocumentError: the dataflow's format options are wrong.
    """
    found = LargeFiles()
    sizes = {candidate.file.path: candidate.file.size_bytes or 0 for candidate in candidates}
    part_bytes = bytes_of_a_part(list(sizes.values()), split_bytes=workspace.settings.split_bytes)
    large = [candidate for candidate in candidates if part_bytes and sizes[candidate.file.path] > part_bytes]
    if not large or context.request.row_limit is not None:
        return found
    with workspace.connect(context.source.account) as connector:
        divider = _Divider(workspace, connector, context, found)
        for candidate in large:
            if candidate.expected is not None:
                found.notes.append(f"{candidate.file.path!r} was not divided: it has a manifest")
            else:
                divider.divide(candidate.file, part_bytes)
    return found


def bytes_of_a_part(sizes: Sequence[int], *, split_bytes: int) -> int:
    """How long the parts of a run's files are: `split_bytes`, or longer if there were too many; 0 for never."""
    if not split_bytes:
        return 0
    return max(split_bytes, sum(size for size in sizes if size > split_bytes) // MAX_PARTS + 1)


def enter_parts(stores: Stores, context: RunContext, claim: Claim, division: Division) -> None:
    """In the caller's transaction: say what a claimed file's bytes are, and give each part a group.

    A file whose bytes are known already has no parts: its one group will find that out.
    """
    if context.request.loads:
        verdict = stores.ledger.record_content(
            claim.id,
            sha256=division.sha256,
            size_bytes=division.size_bytes,
            reprocess=context.request.reprocess,
        )
        if verdict.state is FileState.RELEASED:
            note = f"{claim.file.path!r} has the same bytes as {verdict.original!r}, which another run is loading"
            stores.flow_runs.add_notes(context.run.id, [note])
        if verdict.state is not FileState.CLAIMED:
            return
    stores.parts.add(claim.id, division.parts, first_group=claim.group)


class _Divider:
    """Divides the files of one run, one after the other."""

    def __init__(self, workspace: Workspace, connector: Connector, context: RunContext, found: LargeFiles) -> None:
        self._workspace = workspace
        self._connector = connector
        self._context = context
        self._options = format_options(context)
        self._found = found

    def divide(self, file: FileVersion, part_bytes: int) -> None:
        """Divide one file, or note why not."""
        log.info("dividing %r, %d bytes", file.path, file.size_bytes or 0)
        try:
            division, fault = self._read(file, part_bytes)
        except FileGoneError:
            self._leave(file, "was gone before it could be read")
        except FileChangedError as error:
            self._leave(file, f"changed while it was read ({error}); a later run takes it")
        except FileError as error:
            log.info("%s; its task will tell", error)
        else:
            if fault is not None:
                self._leave(file, fault)
            elif isinstance(division, Undivided):
                self._found.notes.append(f"{file.path!r} was not divided: it {division.reason}")
            else:
                self._found.divisions[file.path] = division

    def _read(self, file: FileVersion, part_bytes: int) -> tuple[Division | Undivided, str | None]:
        """The division, and why the file is left for a later run, or None."""
        path, size = source_path(file.path), file.size_bytes or 0
        before = self._connector.stat_file(path)
        limits = self._options.limits
        finely = replace(limits, block_bytes=min(limits.block_bytes, max(part_bytes // 8, _FINEST_BYTES)))
        with ContinuedStream(self._connector, file) as stream:
            watched = _Watched(stream)
            division = divide(
                watched,
                file=file.path,
                format=self._context.source.format,
                options=self._options,
                part_bytes=even_part(size, part_bytes),
                limits=finely,
            )
        if isinstance(division, Undivided):
            return division, None
        changed = _how_changed(file, before, self._connector.stat_file(path), division.size_bytes)
        if changed is not None:
            return division, f"changed while it was read ({changed}); a later run takes it"
        return division, self._cut(file, watched)

    def _cut(self, file: FileVersion, watched: "_Watched") -> str | None:
        """What is said of a file that ends too early, which is remembered until the file changes; None of others."""
        cut = (
            find_cut(watched.ends(), encoding=self._options.encoding) if self._context.source.ready.check_tail else None
        )
        if cut is None:
            return None
        if self._context.request.loads:
            observations = self._workspace.catalog.observations
            rules = rules_digest(None, check_tail=True, encoding=self._options.encoding)
            observations.note_cut(self._context.flow.name, file, cut, now=utc_now(), rules=rules)
        return f"is not complete: {cut}; it is taken when it has changed"

    def _leave(self, file: FileVersion, reason: str) -> None:
        self._found.left_out.add(file.path)
        self._found.notes.append(f"{file.path!r} {reason}")


def even_part(size_bytes: int, part_bytes: int) -> int:
    """The length of each part if a file falls into as few parts of at most about `part_bytes` as it can, all alike."""
    return -(-size_bytes // -(-size_bytes // part_bytes))


def _how_changed(listed: FileVersion, before: RemoteFile, after: RemoteFile, size_bytes: int) -> str | None:
    if listed.size_bytes != size_bytes:
        return f"{listed.size_bytes} bytes when listed, {size_bytes} when read"
    if before != after:
        return "it was another one before than after"
    return None


class _Watched:
    """A stream whose beginning and end are remembered."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._head = b""
        self._tail = b""

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        if len(self._head) < _END_BYTES:
            self._head = (self._head + piece)[:_END_BYTES]
        self._tail = (self._tail + piece)[-_END_BYTES:]
        return piece

    def ends(self) -> BinaryIO:
        """The beginning and the end of what was read, as a small file."""
        return io.BytesIO(self._head + b"\n" + self._tail)
