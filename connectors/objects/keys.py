"""Keys of an object store as paths: files and folders where there are only names with slashes in them.

Every key has exactly one path, and opening that path asks for exactly that key. One leading slash of a path has no
meaning (`/in/a.csv` is the key `in/a.csv`); a key that begins with a slash, or a folder whose name is empty, shows
with one more slash than it has.
"""

import logging

from connectors.errors import file_gone, folder_gone
from connectors.paths import checked_path

_log = logging.getLogger(__name__)


class KeySpace:
    """The keys below an account's folder, and their paths.

    Args:
        folder_path: The folder that the account gives access to; None or empty for the whole bucket.
        source: The source's name for people.

    Raises:
        AccessDeniedError: The folder has a `..` part.
    """

    def __init__(self, folder_path: str | None, *, source: str) -> None:
        self._source = source
        self._root = ""
        self._root = self.prefix_of(folder_path or "")

    def key_of(self, path: str) -> str:
        """Return the key of a file.

        Raises:
            AccessDeniedError: The path has a `..` part or a NUL character.
            FileGoneError: No key can be that path: it ends in a slash, or is no text.
        """
        key = self._relative(path)
        if not key or key.endswith("/") or not _is_text(key):
            raise file_gone(self._source, path)
        return self._root + key

    def prefix_of(self, folder: str) -> str:
        """Return what the keys in a folder begin with; "" for the whole bucket.

        Raises:
            AccessDeniedError: The path has a `..` part or a NUL character.
            FileGoneError: No folder can have that name, which is no text.
        """
        prefix = self._relative(folder)
        if not _is_text(prefix):
            raise folder_gone(self._source, folder)
        return self._root + (prefix if not prefix or prefix.endswith("/") else f"{prefix}/")

    def file_path(self, key: str) -> str | None:
        """Return the path of a key; None for a folder's marker, and for a key that can't be asked for by HTTP.

        The latter have a part `.` or `..`, which clients and proxies resolve like a folder: another key would be read.
        They are passed over with a warning.
        """
        path = self._shown(key)
        return None if key.endswith("/") else path

    def same_path(self, path: str) -> str:
        """Return the path under which a listing shows the file that this path leads to."""
        return self.file_path(self.key_of(path)) or path

    def folder_path(self, prefix: str) -> str | None:
        """Return the path of what keys begin with, its last slash included; None as in `file_path`."""
        path = self._shown(prefix)
        if path is None:
            return None
        name = path.removesuffix("/")
        return path if name.endswith("/") or not name else name

    def _relative(self, path: str) -> str:
        checked_path(path, source=self._source)
        return "/".join(part for part in path.split("/") if part != ".").removeprefix("/")

    def _shown(self, key: str) -> str | None:
        if not {".", ".."}.isdisjoint(key.split("/")):
            _log.warning(
                "%s holds key %r, which can't be read: it has a part '.' or '..'. It was passed over; rename it.",
                self._source,
                key,
            )
            return None
        path = key.removeprefix(self._root)
        return f"/{path}" if path.startswith("/") else path


def _is_text(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:  # a lone surrogate: bytes that are no UTF-8, which no key has
        return False
    return True
