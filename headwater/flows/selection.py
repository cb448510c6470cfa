"""Which of the files in a listing a run takes: names, windows, readiness, groups. Pure functions.

Rules: sources.md, section 6, with the extensions that the specification proposes (settle time, ignored names, markers).
"""

import fnmatch
import posixpath
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.base import RemoteFile
from headwater.catalog.ledger import FileVersion
from headwater.errors import DocumentError
from headwater.model.documents import Readiness, Source
from headwater.model.paths import stored_path

MAX_FILES = 10_000
"""Files of one batch, as AEP advises (sources.md, section 14); more wait for the next run."""
MOST_BYTES = 2**63 - 1
"""What databases hold. Servers that do not know a size may answer with 2⁶⁴ - 1."""
MAX_GROUPS = 500
"""Groups of one run: below Airflow's limit of 1,024 mapped tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Modification times that a run takes, half open: `start < time <= end`. None leaves an end open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def bounded(self) -> bool:
        """Whether it leaves anything out."""
        return self.start is not None or self.end is not None

    def holds(self, modified_at: datetime) -> bool:
        """Whether a file of that time is inside."""
        return (self.start is None or modified_at > self.start) and (self.end is None or modified_at <= self.end)


def file_matcher(source: Source) -> Callable[[str], bool]:
    """A function that tells whether a path is one of the source's files.

    Raises:
        DocumentError: `files` is no glob, or `regex:` is followed by something that is no regular expression.
    """
    root = "".join(f"{part}/" for part in source.path.split("/") if part not in ("", "."))
    ignored = _ignored_names(source)
    pattern = _compile(source.files)
    whole_path = source.files.startswith("regex:") or "/" in source.files

    def matches(path: str) -> bool:
        name = posixpath.basename(path)
        if ignored.match(name) is not None:
            return False
        return pattern.fullmatch(path.lstrip("/").removeprefix(root) if whole_path else name) is not None

    return matches


def _ignored_names(source: Source) -> re.Pattern[str]:
    """All of `ready.ignore` as one pattern; without any, one that fits no name."""
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in source.ready.ignore) or "(?!)")


def _compile(files: str) -> re.Pattern[str]:
    is_regex = files.startswith("regex:")
    try:
        return re.compile(files.removeprefix("regex:") if is_regex else _glob_to_regex(files), re.DOTALL)
    except re.error as error:
        raise DocumentError(
            f"`source.files` {files!r} is no {'regular expression' if is_regex else 'glob'}: {error}",
            key="source.files",
        ) from error


def _glob_to_regex(pattern: str) -> str:
    """`*` and `?` stay within a folder; `**/` stands for any folders, also none."""
    parts = []
    for piece in re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern.lstrip("/")):
        match piece:
            case "**/":
                parts.append("(?:[^/]+/)*")
            case "**":
                parts.append(".*")
            case "*":
                parts.append("[^/]*")
            case "?":
                parts.append("[^/]")
            case _ if piece.startswith("[") and piece.endswith("]"):
                inside = piece[1:-1].replace("\\", r"\\")
                parts.append(f"[{'^' + inside[1:] if inside.startswith('!') else inside}]")
            case _:
                parts.append(re.escape(piece))
    return "".join(parts)


def version_of(file: RemoteFile) -> FileVersion:
    """A listed file as the ledger knows it; a size that no file can have counts as not told."""
    is_told = file.size_bytes is not None and file.size_bytes <= MOST_BYTES
    return FileVersion(
        path=stored_path(file.path),
        size_bytes=file.size_bytes if is_told else None,
        modified_at=file.modified_at,
        version=file.version,
        precision_seconds=file.precision_seconds,
    )


def marker_of(path: str, marker: str) -> str:
    """The path of the file that says that `path` is complete."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, marker.replace("{file}", name))


def files_beside(paths: Collection[str], source: Source) -> set[str]:
    """Those of the listed paths that are the marker or manifest of a listed file of the source, and so no data files.

    A file that only looks like one, as JSON data does with `manifest: "{file}.json"`, is a data file.
    """
    patterns = [pattern for pattern in (source.ready.marker, source.ready.manifest) if pattern is not None]
    matches = file_matcher(source)
    wanted = {marker_of(path, pattern) for path in paths if matches(path) for pattern in patterns}
    return wanted.intersection(paths)


def orphaned_markers(paths: Collection[str], source: Source) -> dict[str, str]:
    """Those of the listed paths that are markers of files which are not there, and the paths of these files.

    Only names that the source would take for data are looked at. What has a marker of its own is a data file, whatever
    its name looks like. One marker for a whole folder is never without its file.
    """
    marker = source.ready.marker
    if marker is None or "{file}" not in marker:
        return {}
    present = set(paths)
    names = _marker_names(marker)
    matches = file_matcher(source)
    orphans = {}
    for path in present:
        folder, name = posixpath.split(path)
        found = names.fullmatch(name)
        if found is None or not matches(path) or marker_of(path, marker) in present:
            continue
        marked = posixpath.join(folder, found["file"])
        if marked not in present:
            orphans[path] = marked
    return orphans


def orphaned_manifests(paths: Collection[str], source: Source) -> dict[str, str | None]:
    """Those of the listed paths that are manifests of what is not there, and the file that each belongs to.

    None stands for all that a folder's manifest names, where the folder has no file of the source. A manifest that the
    source would itself take for data is judged as data.
    """
    manifest, ignored = source.ready.manifest, _ignored_names(source)
    if manifest is None:
        return {}
    present, matches = set(paths), file_matcher(source)
    others = [path for path in present if not matches(path) and not ignored.match(posixpath.basename(path))]
    if "{file}" not in manifest:
        with_data = {posixpath.dirname(path) for path in present if matches(path)}
        alone = [path for path in others if posixpath.dirname(path) not in with_data]
        return {path: None for path in alone if posixpath.basename(path) == manifest}
    orphans: dict[str, str | None] = {}
    names = _marker_names(manifest)
    for path in others:
        folder, name = posixpath.split(path)
        found = names.fullmatch(name)
        if found is None:
            continue
        described = posixpath.join(folder, found["file"])
        if described not in present and matches(described):
            orphans[path] = described
    return orphans


def _marker_names(marker: str) -> re.Pattern[str]:
    """Names of markers or manifests with `{file}`; the group `file` is the name that it stands for."""
    first, *others = (re.escape(part) for part in marker.split("{file}"))
    return re.compile(first + "(?P<file>.+)" + "(?P=file)".join(others), re.DOTALL)


def seconds_to_wait(
    modified_at: datetime | None, since: datetime | None, *, now: datetime, readiness: Readiness
) -> float:
    """How long until a file counts as settled; 0 if it does now.

    It is settled if it has not been modified for `settle_seconds`, or if we have seen it unchanged for that long, which
    also serves servers that give no times or whose clock is ahead. Both are confirmed after the file was read.
    """
    settle = timedelta(seconds=readiness.settle_seconds)
    known = [time for time in (modified_at, since) if time is not None and time <= now]
    if not settle or not known:
        return settle.total_seconds()
    return max(0.0, (min(known) + settle - now).total_seconds())


def into_groups(sizes: Sequence[int | None], *, group_bytes: int) -> list[int]:
    """A group number for each file, in order: consecutive small files share a group up to `group_bytes`."""
    total = sum(size or 0 for size in sizes)
    limit = max(group_bytes, total // MAX_GROUPS + 1, 1)
    numbers: list[int] = []
    group, filled = 0, 0
    for size in sizes:
        weight = size or 0
        if numbers and filled + weight > limit and group < MAX_GROUPS - 1:
            group, filled = group + 1, 0
        filled += weight
        numbers.append(group)
    return numbers
