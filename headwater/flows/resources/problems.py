"""What is wrong with documents: collected, then raised as one error."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from headwater.errors import ConflictError, DocumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong.

    Attributes:
        file: Name of the document's file, or of the resource where there is none.
        message: What is wrong; one that has its place in the text already has `is_placed` set.
        is_conflict: The document is right by itself, but would break what is stored.
    """

    file: str
    message: str
    line: int | None = None
    key: str | None = None
    is_conflict: bool = False
    is_placed: bool = False

    @classmethod
    def from_error(cls, error: DocumentError) -> Self:
        """The problems of a document that could not be read; its message names the places."""
        return cls(file=error.file or "", message=str(error), line=error.line, key=error.key, is_placed=True)

    def __str__(self) -> str:
        if self.is_placed:
            return self.message
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


def raise_problems(problems: Iterable[Problem]) -> None:
    """Raise all problems as one error, one line each; nothing happens if there are none.

    Raises:
        ConflictError: every problem is a conflict with what is stored.
        DocumentError: at least one document is wrong by itself; the attributes are the first one's.
    """
    found = list(dict.fromkeys(problems))
    if not found:
        return
    message = "\n".join(str(problem) for problem in found)
    if all(problem.is_conflict for problem in found):
        raise ConflictError(message)
    first = next(problem for problem in found if not problem.is_conflict)
    raise DocumentError(message, file=first.file, line=first.line, key=first.key)
