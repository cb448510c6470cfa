"""What a connector is: the narrow interface through which files are read from any source."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file of a source, as the source described it.

    Attributes:
        path: The name under which the connector opens it. Bytes that are not UTF-8 are kept as lone surrogates
            (PEP 383), so that listing, `stat_file` and `open_file` agree to the byte; show it with `repr`.
        size_bytes: None if the source did not say.
        modified_at: Aware, UTC. None if the source did not say; never a guess.
        version: The store's own version id or ETag, where there is one.
        precision_seconds: How exact `modified_at` is: the true time lies within so many seconds from it on. More than
            1 where the source lists times to the minute (60) or to the day (86400).
    """

    path: str
    size_bytes: int | None
    modified_at: datetime | None
    version: str | None = None
    precision_seconds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFolder:
    """One folder of a source.

    Attributes:
        path: The name under which the connector lists it; encoded as `RemoteFile.path` is.
    """

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStep:
    """One step of a check that went well.

    Attributes:
        name: `reach`, `trust`, `authenticate` or `list`.
        detail: What was seen, for people; no secrets.
    """

    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The steps of a successful check, in the order in which they were done."""

    steps: tuple[CheckStep, ...]


class Connector(Protocol):
    """Reads files from one source, and changes nothing there.

    Building a connector does no I/O: it connects when it is first used, and again when it is used after the
    connection was lost. One connector is used by one thread at a time. Every method raises `ConnectorError`.

    Paths use `/`. A path with a `..` part, or outside the folder that the configuration gives access to, raises
    `AccessDeniedError`.
    """

    def check(self) -> CheckResult:
        """Reach the source, make sure that it is the right one, log in and list; raise at the first that fails."""
        ...

    def list_files(self, folder: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        """Yield the files of a folder lazily, in no particular order.

        A link to a file counts as that file; links to folders are not followed; a link to nothing, and what is
        neither file nor folder (a pipe, a device), is passed over.

        Args:
            folder: The folder; `""` is the one where the account starts.
            recursive: Whether to go into sub-folders.

        Raises:
            FileGoneError: The folder is not there. In stores that have no folders but keys with slashes, where an empty
                one can't be told from one that is not there, both have no files.
            AccessDeniedError: The folder, or a sub-folder on the way, may not be listed. It is never skipped.
        """
        ...

    def browse(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        """Yield the files and folders of one level lazily; errors and links to files as in `list_files`.

        A link to a folder is shown as a folder.
        """
        ...

    def stat_file(self, path: str) -> RemoteFile:
        """Return the file as it is now.

        Raises:
            FileGoneError: There is no such file, or it is a folder.
            AccessDeniedError: It may not be looked at.
        """
        ...

    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading, from `offset` bytes onwards; neither seekable nor held in memory.

        Without `length`, the stream ends at the size that the file had when it was opened: what a writer appends later
        is not read. It raises `TransferError` if fewer bytes come than that. Where the source does not tell sizes, it
        ends where the source says that it ends.

        Args:
            path: The file.
            offset: The first byte to read.
            length: How many bytes to read: exactly as many, or `TransferError` is raised. None: up to the end.
            version: A `RemoteFile.version` of this file: its bytes are read and no others. Sources without versions
                take no notice of it.

        Raises:
            FileGoneError: There is no such file, or it is a folder.
            FileChangedError: The file is no longer of that `version`.
            AccessDeniedError: It may not be read.
            TransferError: The file is shorter than `offset`, or than `offset` and `length` together.
        """
        ...

    def close(self) -> None:
        """Give the connection back. May be called twice; the connector may be used again afterwards."""
        ...


class ConnectorConfig(BaseModel, ABC):
    """Base of every connector's configuration; its JSON Schema is the connection spec that people see.

    A subclass sets `kind`, gives every field a title and a description, keeps secrets in `SecretStr`, and imports
    heavy libraries in `create_connector`, not at its module's top.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: ClassVar[str]
    pin_field: ClassVar[str | None] = None
    """Name of the field that says which key or certificate is trusted, by the fingerprint that an error shows last."""

    @property
    def connection_limit(self) -> int | None:
        """How many connections the account may have at once: its `max_connections`, or None without such a field."""
        return getattr(self, "max_connections", None)

    @abstractmethod
    def create_connector(self) -> Connector:
        """Build the connector; no I/O.

        Raises:
            ConfigurationError: A value can't be used, such as a private key that does not parse.
        """
