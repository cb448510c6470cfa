"""The errors that Headwater raises.

HeadwaterError
├── SettingsError          a setting is missing, unknown or wrong
├── DocumentError          an authored document is wrong: file, line, key
├── NotFoundError          a named resource, flow run or batch does not exist
├── ConflictError          the change would break what exists, or somebody else made it first
├── SchemaError            XDM resources do not compose, or a change to one would break stored data
├── MappingError           a mapping set does not fit its schema or its source
├── FileError              a source file cannot be read as what it is said to be
├── ThresholdExceededError more records failed than the dataflow tolerates; nothing was loaded
├── LakeError              the lake refused or could not be reached
└── DeliveryError          a notification could not be delivered

A source's own errors are `connectors.errors.ConnectorError`. A class exists where a caller does something different.
"""


class HeadwaterError(Exception):
    """Root of Headwater's errors.

    `retryable` says whether the same call may succeed later with nothing changed.
    """

    retryable = False

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), str(self), self.__dict__))


def _rebuild(error_class: type[HeadwaterError], message: str, attributes: dict[str, object]) -> HeadwaterError:
    error = error_class.__new__(error_class)
    Exception.__init__(error, message)
    error.__dict__.update(attributes)
    return error


class SettingsError(HeadwaterError):
    """A setting is missing, unknown or wrong."""


class DocumentError(HeadwaterError):
    """An authored document is wrong.

    Attributes:
        file: Name of the document's file, or None if it came from elsewhere.
        line: 1-based line of the first problem, or None if unknown.
        key: Dotted path of the key at fault, or None for the whole document.
    """

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, key: str | None = None
    ) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.key = key


class NotFoundError(HeadwaterError):
    """A named resource, flow run or batch does not exist."""


class ConflictError(HeadwaterError):
    """The change would break what exists, or somebody else made it first."""


class SchemaError(HeadwaterError):
    """XDM resources do not compose, or a change to one would break stored data."""


class MappingError(HeadwaterError):
    """A mapping set does not fit its schema or its source."""


class FileError(HeadwaterError):
    """A source file cannot be read as what it is said to be.

    Attributes:
        code: AEP's number for the fault, such as "106" for an empty file.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class ThresholdExceededError(HeadwaterError):
    """More records failed than the dataflow tolerates; nothing was loaded."""


class LakeError(HeadwaterError):
    """The lake refused or could not be reached."""


class DeliveryError(HeadwaterError):
    """A notification could not be delivered."""
