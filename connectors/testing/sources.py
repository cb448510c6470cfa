"""The other side of a connector under test."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

ODD_NAMES = (
    "Gr\u00f6\u00dfe.csv",
    "Gro\u0308\u00dfe.csv",  # the same to the eye, decomposed
    "файл.json",
    "数据.parquet",
    "party🎉.csv",
    "two words.csv",
    " leading and trailing ",
    'it\'s "quoted".csv',
    "a#b?c%20d&e+f=g;h.csv",
    "star*[x]{y}!.csv",
    "back\\slash.csv",
    "tab\there.csv",
    "line\nbreak.csv",
    "-rf",
    "~",
    "$HOME`id`.csv",
    "...",
    "..hidden",
    ".dot",
    "n" * 255,
)
"""Names that are legal and that careless code breaks on."""

BYTES_NAME = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
"""A name in Latin-1, which is no UTF-8."""


class SourceUnderTest(ABC):
    """The other side of a connector: a real source, and the hands that put files there.

    Paths are those that the connector uses, below `folder`. What a kind of source can't have returns None; a source
    that is a server has all of it (`TrustedServerContract`).

    Attributes:
        kind: The connector's kind.
        folder: An existing, empty folder, as the connector names it; `""` where the account starts.
        has_folders: Whether a folder is there without a file in it; where not, a missing one is listed as empty.
        unsupported_names: Those of `ODD_NAMES` and `BYTES_NAME` that the source itself can't hold.
    """

    kind: str
    folder: str = ""
    has_folders: bool = True
    unsupported_names: frozenset[str] = frozenset()

    @abstractmethod
    def config(self) -> Mapping[str, object]:
        """Return a configuration that works."""

    @abstractmethod
    def put_file(self, path: str, content: bytes) -> None:
        """Write a file in place, its folders included."""

    @abstractmethod
    def remove_file(self, path: str) -> None:
        """Remove a file."""

    @abstractmethod
    def make_folder(self, path: str) -> None:
        """Make an empty folder."""

    def append_to_file(self, path: str, content: bytes) -> bool | None:
        """Append to a file; None if files are only ever replaced."""
        return None

    def shorten_file(self, path: str, size_bytes: int) -> bool | None:
        """Cut a file off in place; None if files are only ever replaced."""
        return None

    def make_link(self, path: str, target: str) -> bool | None:
        """Make a symbolic link to another path of the connector's; None if there are no links."""
        return None

    def deny(self, path: str) -> AbstractContextManager[None] | None:
        """Refuse to list a folder while the block runs; None if the source can't."""
        return None

    def wrong_secret(self) -> Mapping[str, object] | None:
        """Return a configuration with a secret that is not the right one; None if there are no secrets."""
        return None

    def unreachable(self) -> Mapping[str, object] | None:
        """Return a configuration of a server that is not there; None if there is no server."""
        return None

    def untrusted(self) -> Mapping[str, object] | None:
        """Return a configuration that trusts another key or certificate; None if there is none to trust."""
        return None


class FolderSource(SourceUnderTest):
    """A source whose files are those of a local folder, as it is with most test servers.

    Args:
        root: The local folder that is `""` for the connector.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fsencode(root)

    def put_file(self, path: str, content: bytes) -> None:
        """Write a file in place, its folders included; everybody may read them."""
        folder = os.path.dirname(self.local_path(path))  # noqa: PTH120 (pathlib has no byte paths)
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 (pathlib has no byte paths)
        with open(self.local_path(path), "wb") as file:  # noqa: PTH123 (pathlib has no byte paths)
            file.write(content)

    def remove_file(self, path: str) -> None:
        """Remove a file."""
        os.remove(self.local_path(path))  # noqa: PTH107 (pathlib has no byte paths)

    def append_to_file(self, path: str, content: bytes) -> bool | None:
        """Append to a file."""
        with open(self.local_path(path), "ab") as file:  # noqa: PTH123 (pathlib has no byte paths)
            file.write(content)
        return True

    def shorten_file(self, path: str, size_bytes: int) -> bool | None:
        """Cut a file off in place."""
        os.truncate(self.local_path(path), size_bytes)
        return True

    def make_folder(self, path: str) -> None:
        """Make an empty folder."""
        os.makedirs(self.local_path(path))  # noqa: PTH103 (pathlib has no byte paths)

    def make_link(self, path: str, target: str) -> bool | None:
        """Make a relative link."""
        folder = os.path.dirname(self.local_path(path))  # noqa: PTH120 (pathlib has no byte paths)
        target_from_here = os.path.relpath(self.local_path(target), folder)
        os.symlink(target_from_here, self.local_path(path))  # noqa: PTH211 (pathlib has no byte paths)
        return True

    def local_path(self, path: str) -> bytes:
        """Return where a path of the connector's is on this machine."""
        return os.path.join(self._root, path.encode("utf-8", "surrogateescape"))  # noqa: PTH118 (byte paths)
