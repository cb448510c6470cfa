"""Files against what manifests say of them, and manifests of what is not there."""

import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.base import Connector
from connectors.errors import AccessDeniedError, FileGoneError
from headwater.errors import DocumentError
from headwater.flows.candidates import Candidate
from headwater.flows.context import RunContext
from headwater.flows.manifests import MAX_BYTES, parse_manifest
from headwater.flows.readiness import BROKEN_MANIFEST, SET_INCOMPLETE, UNDELIVERED, Obstacle, contradiction
from headwater.flows.selection import file_matcher, marker_of
from headwater.flows.workspace import Workspace
from headwater.model.manifest import Expected
from headwater.model.paths import source_path, stored_path


@dataclass(slots=True, kw_only=True)
class Compared:
    """Candidates that know what is expected of them, and why some, by path, are not as they should be."""

    candidates: list[Candidate] = field(default_factory=list)
    wrong: dict[str, Obstacle] = field(default_factory=dict)


def compare(
    workspace: Workspace,
    context: RunContext,
    connector: Connector,
    candidates: Sequence[Candidate],
    manifest_name: str,
    beside: Collection[str],
) -> Compared:
    """Read the manifests of new files, and hold the files against them.

    Args:
        workspace: The installation.
        context: The run.
        connector: The source.
        candidates: All new files of the source: a folder's manifest stands for a set.
        manifest_name: `ready.manifest`.
        beside: The markers and manifests that are there.

    Raises:
        connectors.errors.ConnectorError: a manifest cannot be read.
    """
    for_one_file = "{file}" in manifest_name
    read: dict[str, Mapping[str, Expected]] = {}
    broken: dict[str, Obstacle] = {}
    found = Compared()
    for candidate in candidates:
        path = source_path(candidate.file.path)
        manifest = marker_of(path, manifest_name)
        if manifest in beside and manifest not in read and manifest not in broken:
            try:
                read[manifest] = _read(connector, manifest, path if for_one_file else None)
            except DocumentError as error:
                broken[manifest] = Obstacle(reason=BROKEN_MANIFEST, detail=str(error))
        expected = read.get(manifest, {}).get(path)
        obstacle = broken.get(manifest) or contradiction(candidate.file, expected)
        if obstacle is not None:
            found.wrong[candidate.file.path] = obstacle
        found.candidates.append(replace(candidate, expected=expected))
    if not for_one_file:
        found.wrong |= _broken_sets(workspace, context, found, read)
    return found


def undelivered(
    workspace: Workspace, context: RunContext, connector: Connector, orphans: Mapping[str, str | None]
) -> dict[str, Obstacle]:
    """Which manifests stand for files that never came, by stored path.

    Those of files that were taken before are left behind, and wait for nothing.

    Args:
        workspace: The installation.
        context: The run.
        connector: The source.
        orphans: See `selection.orphaned_manifests`.

    Raises:
        connectors.errors.ConnectorError: a manifest cannot be read.
    """
    matches = file_matcher(context.source)
    found: dict[str, Obstacle] = {}
    for manifest, described in orphans.items():
        try:
            named = [described] if described is not None else list(_read(connector, manifest, None))
        except FileGoneError:
            continue
        except (DocumentError, AccessDeniedError) as error:
            found[stored_path(manifest)] = Obstacle(reason=UNDELIVERED, detail=str(error))
            continue
        absent = sorted(stored_path(path) for path in named if matches(path))
        if absent and not workspace.catalog.ledger.known(context.flow.name, absent):
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            found[stored_path(manifest)] = Obstacle(reason=UNDELIVERED, detail=f"it is for {absent[0]!r}{more}")
    return found


def _broken_sets(
    workspace: Workspace, context: RunContext, found: Compared, read: Mapping[str, Mapping[str, Expected]]
) -> dict[str, Obstacle]:
    """A folder's manifest stands for a set: while one of its files is missing or wrong, the others wait too.

    A file that was taken before is not missed when it is gone, nor is one that the source does not take.
    """
    matches = file_matcher(context.source)
    sets = {manifest: {stored_path(path) for path in named if matches(path)} for manifest, named in read.items()}
    fit = {candidate.file.path for candidate in found.candidates} - found.wrong.keys()
    absent = {path for named in sets.values() for path in named} - fit
    missed = absent - workspace.catalog.ledger.known(context.flow.name, sorted(absent)).keys()
    broken = {posixpath.dirname(manifest) for manifest, named in sets.items() if named & missed}
    incomplete = Obstacle(reason=SET_INCOMPLETE)
    return {path: incomplete for path in fit if posixpath.dirname(source_path(path)) in broken}


def _read(connector: Connector, path: str, data_file: str | None) -> Mapping[str, Expected]:
    with connector.open_file(path) as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DocumentError(f"manifest {path!r} is larger than {MAX_BYTES} bytes", file=path)
    return parse_manifest(content, path=path, data_file=data_file)
