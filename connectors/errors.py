"""What can go wrong with a source.

::

    ConnectorError                  the source does not speak as its protocol says
    ├── ConfigurationError          the configuration is wrong: a person has to change it
    ├── UnreachableError            no connection came about                               (retryable)
    ├── AuthenticationError         the source does not accept the credentials
    ├── UntrustedHostError          the source could not prove that it is the one we trust
    ├── AccessDeniedError           a file or folder is there, and may not be read
    ├── FileGoneError               a file or folder is not there
    ├── FileChangedError            a file is not of the version that was asked for
    └── TransferError               an established connection failed, or data is incomplete (retryable)

`retryable` says whether the same call may succeed later with nothing changed. Every error keeps its facts as
attributes and survives pickling. None carries a secret or a file's content.
"""


class ConnectorError(Exception):
    """A source could not be used as asked.

    Attributes:
        message: What happened, to what, what was expected and what to do.
        source: The source's name for people, as in "SFTP server files.example.com:22". May be empty.
        retryable: Whether the same call may succeed later with nothing changed.
    """

    retryable: bool = False

    def __init__(self, message: str, source: str = "", *facts: object) -> None:
        super().__init__(message, source, *facts)
        self.message = message
        self.source = source

    def __str__(self) -> str:
        return self.message


class ConfigurationError(ConnectorError):
    """The connector's configuration is wrong, or names a kind that does not exist."""


class UnreachableError(ConnectorError):
    """No connection came about: unknown name, refused, timed out, or dropped before the login was over."""

    retryable = True


class AuthenticationError(ConnectorError):
    """The source does not accept the credentials.

    Not retryable, because repeating a wrong password locks accounts.
    """


class UntrustedHostError(ConnectorError):
    """The source showed a key or certificate that the configuration does not trust. Nothing was sent to it.

    Attributes:
        presented: Fingerprint of what the source showed.
        trusted: Fingerprints that the configuration trusts; empty if it names none.
    """

    def __init__(self, message: str, source: str = "", presented: str = "", trusted: tuple[str, ...] = ()) -> None:
        super().__init__(message, source, presented, trusted)
        self.presented = presented
        self.trusted = trusted


class AccessDeniedError(ConnectorError):
    """A file or folder may not be read.

    Attributes:
        path: The file or folder, as the source names it.
    """

    def __init__(self, message: str, source: str = "", path: str = "") -> None:
        super().__init__(message, source, path)
        self.path = path


class FileGoneError(ConnectorError):
    """A file or folder is not there (any more).

    Attributes:
        path: The file or folder, as the source names it.
        is_folder: Whether a folder was asked for.
    """

    def __init__(self, message: str, source: str = "", path: str = "", is_folder: bool = False) -> None:
        super().__init__(message, source, path, is_folder)
        self.path = path
        self.is_folder = is_folder


class FileChangedError(ConnectorError):
    """A file is no longer of the version that was asked for. Nothing of the other version was read.

    Attributes:
        path: The file, as the source names it.
        version: The version that was asked for.
    """

    def __init__(self, message: str, source: str = "", path: str = "", version: str = "") -> None:
        super().__init__(message, source, path, version)
        self.path = path
        self.version = version


class TransferError(ConnectorError):
    """An established connection failed, or fewer bytes came than the source had announced.

    Attributes:
        path: The file or folder, as the source names it. May be empty.
        expected_bytes: How many bytes were announced, where that is what failed.
        received_bytes: How many of them came.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        source: str = "",
        path: str = "",
        expected_bytes: int | None = None,
        received_bytes: int | None = None,
    ) -> None:
        super().__init__(message, source, path, expected_bytes, received_bytes)
        self.path = path
        self.expected_bytes = expected_bytes
        self.received_bytes = received_bytes


def file_gone(source: str, path: str) -> FileGoneError:
    """Return the error for a file that is not there."""
    return FileGoneError(
        f"{source} has no file {path!r}. It was removed or renamed since it was listed, or the path is wrong.",
        source,
        path,
    )


def folder_gone(source: str, path: str) -> FileGoneError:
    """Return the error for a folder that is not there."""
    return FileGoneError(
        f"{source} has no folder {path!r}. Check the path, upper and lower case included.", source, path, True
    )


def file_changed(source: str, path: str, *, version: str) -> FileChangedError:
    """Return the error for a file that was replaced since it was listed."""
    return FileChangedError(
        f"{source}: file {path!r} was replaced since it was listed; version {version} is no longer what is there. List "
        "the folder again and read the new one.",
        source,
        path,
        version,
    )


def not_a_file(source: str, path: str) -> FileGoneError:
    """Return the error for a path that leads to a folder, or to anything else that is no file."""
    return FileGoneError(f"{source}: {path!r} is not a file. Give the path of a file.", source, path)


def access_denied(source: str, path: str) -> AccessDeniedError:
    """Return the error for a file or folder that the account may not read."""
    return AccessDeniedError(
        f"{source} denies access to {path!r}. Nothing was read from there. Ask its operator to let this "
        "account read it, or choose another path.",
        source,
        path,
    )


def bytes_to_come(source: str, path: str, *, offset: int, length: int | None, size_bytes: int) -> int:
    """Return how many bytes a read from `offset` delivers of a file of that size.

    Raises:
        TransferError: The file ends before `offset`, or before `length` bytes from there.
    """
    last = offset + (length or 0)
    if last > size_bytes:
        raise TransferError(
            f"{source}: file {path!r} has {size_bytes} bytes, so it can't be read up to byte {last}. It was replaced "
            "by a shorter one; read it from the start.",
            source,
            path,
            last,
            size_bytes,
        )
    return size_bytes - offset if length is None else length
