"""Whether a source can be used: one verdict for each step from reaching it to reading a file."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final, Self

from connectors.base import CheckStep, Connector, RemoteFile, RemoteFolder
from connectors.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    FileGoneError,
    TransferError,
    UntrustedHostError,
)
from headwater.model.paths import stored_path

STEPS: Final = ("reach", "trust", "authenticate", "list", "read")
"""The steps in their order. A source without a login, or that shows neither key nor certificate, has not all."""
READ_BYTES: Final = 512
"""How much of a file the last step reads."""
_MOST_FOLDERS = 20
_MOST_ENTRIES = 1000


class Outcome(StrEnum):
    """What came of a step."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_TRIED = "notTried"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepVerdict:
    """One step: what came of it, and what was seen, or what failed and what to do. For people; no secrets."""

    name: str
    outcome: Outcome
    detail: str

    @classmethod
    def from_step(cls, step: CheckStep) -> Self:
        """The verdict on a step that went well."""
        return cls(name=step.name, outcome=Outcome.PASSED, detail=step.detail)


def check_connector(connector: Connector) -> tuple[StepVerdict, ...]:
    """Reach the source, make sure that it is the right one, log in, list, and read the first bytes of a file.

    Raises:
        ConfigurationError: The configuration is wrong, so that nothing can be tried.
    """
    try:
        return take_steps(connector)
    except ConfigurationError:
        raise
    except ConnectorError as error:
        return failed_steps(error)


def take_steps(connector: Connector) -> tuple[StepVerdict, ...]:
    """Do what `check_connector` does, but raise where a step up to the listing fails.

    Raises:
        ConnectorError: A step failed; `failed_steps` says which.
    """
    result = connector.check()
    return (*map(StepVerdict.from_step, result.steps), _read_some_file(connector))


def failed_steps(error: ConnectorError) -> tuple[StepVerdict, ...]:
    """The verdicts of a check that ended with this error: the step that failed, and what therefore was not tried.

    The steps before it went well, but what was seen in them is not known.
    """
    failed = _step_of(error)
    before = [
        StepVerdict(name=name, outcome=Outcome.PASSED, detail="nothing was wrong")
        for name in STEPS[: STEPS.index(failed)]
    ]
    after = [
        StepVerdict(name=name, outcome=Outcome.NOT_TRIED, detail=f"not tried, because step {failed!r} failed")
        for name in STEPS[STEPS.index(failed) + 1 :]
    ]
    return (*before, StepVerdict(name=failed, outcome=Outcome.FAILED, detail=str(error)), *after)


def _step_of(error: ConnectorError) -> str:
    """The step that fails with such an error."""
    match error:
        case UntrustedHostError():
            return "trust"
        case AuthenticationError():
            return "authenticate"
        case AccessDeniedError() | FileGoneError() | TransferError():
            return "list"
        case _:
            return "reach"


def _read_some_file(connector: Connector) -> StepVerdict:
    path = None
    try:
        path = _some_file(connector)
        if path is None:
            return StepVerdict(
                name="read",
                outcome=Outcome.NOT_TRIED,
                detail=f"not tried, because no file was found in the first {_MOST_FOLDERS} folders",
            )
        with connector.open_file(path) as stream:
            count = len(stream.read(READ_BYTES))
    except ConnectorError as error:
        return StepVerdict(name="read", outcome=Outcome.FAILED, detail=str(error))
    detail = f"the first {count} bytes of {stored_path(path)!r} were read"
    return StepVerdict(name="read", outcome=Outcome.PASSED, detail=detail)


def _some_file(connector: Connector) -> str | None:
    """The path of a file near the start; a sub-folder that may not be listed is passed over."""
    waiting = deque([""])
    for _ in range(_MOST_FOLDERS):
        if not waiting:
            break
        folder = waiting.popleft()
        try:
            entries = list(islice(connector.browse(folder), _MOST_ENTRIES))
        except (AccessDeniedError, FileGoneError):
            if not folder:
                raise
            continue
        for entry in entries:
            if isinstance(entry, RemoteFile):
                return entry.path
        waiting += [entry.path for entry in entries if isinstance(entry, RemoteFolder)]
    return None
