"""Which keys open a file that somebody wants to look into."""

from headwater.errors import DocumentError
from headwater.flows.selection import file_matcher
from headwater.flows.workspace import Workspace
from headwater.model.documents import Dataflow, Encryption, Source
from headwater.model.paths import source_path


def encryption_of(workspace: Workspace, account: str, path: str, *, pgp: str | None = None) -> Encryption | None:
    """Return how a file is encrypted, as far as anybody says so; None if nobody does.

    Args:
        workspace: The installation.
        account: The account of the source.
        path: The file, as it is shown and stored.
        pgp: The account with the keys. Without it, the applied dataflows that take the file are asked.

    Raises:
        DocumentError: Dataflows that take the file name different keys for it.
    """
    if pgp is not None:
        return Encryption(public_key_id=pgp, required=False)
    flows = [flow for flow in workspace.catalog.resources.list("dataflow") if isinstance(flow, Dataflow)]
    named = {
        flow.name: flow.source.encryption
        for flow in flows
        if flow.source.encryption is not None and flow.source.account == account and _takes(flow.source, path)
    }
    found = {encryption.public_key_id: encryption for encryption in named.values()}
    if len(found) > 1:
        raise DocumentError(
            f"{path}: the dataflows {', '.join(sorted(named))} take it with different keys: {', '.join(sorted(found))}"
            ". Say which with `--pgp ACCOUNT`."
        )
    return next((each.model_copy(update={"required": False}) for each in found.values()), None)


def _takes(source: Source, path: str) -> bool:
    """Whether a file lies in the source's folder, or below it where that is asked for, and has such a name."""
    folder = _parts(source.path)
    *above, _ = _parts(source_path(path))
    inside = above[: len(folder)] == folder if source.recursive else above == folder
    return inside and file_matcher(source)(source_path(path))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
