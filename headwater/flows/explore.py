"""What a folder of a source holds, page by page."""

import heapq
from dataclasses import dataclass

from connectors.base import Connector, RemoteFile, RemoteFolder
from headwater.model.paths import source_path


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPage:
    """Entries of one folder, folders first, then files, each by path; `more` if there are further pages."""

    entries: tuple[RemoteFile | RemoteFolder, ...]
    more: bool


def explore_folder(connector: Connector, folder: str, *, page: int = 1, page_size: int = 1000) -> FolderPage:
    """Return one page of a folder's entries.

    The folder is listed whole for every page, since sources list in no order; of its entries no more are held than
    those up to the end of the page.

    Args:
        connector: The source.
        folder: As it is shown and stored; `""` is where the account starts.
        page: The first is 1.
        page_size: How many entries a page has.

    Raises:
        connectors.errors.ConnectorError: The folder is not there, or can't be listed.
    """
    end = page * page_size
    found = heapq.nsmallest(end + 1, connector.browse(source_path(folder)), key=_place)
    return FolderPage(entries=tuple(found[end - page_size : end]), more=len(found) > end)


def _place(entry: RemoteFile | RemoteFolder) -> tuple[bool, str]:
    return isinstance(entry, RemoteFile), entry.path
