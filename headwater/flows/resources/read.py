"""Documents from files: every problem of every file in one error."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import DocumentError
from headwater.flows.resources.problems import Problem, raise_problems
from headwater.model.documents import Resource
from headwater.model.nodes import MAX_CHARACTERS
from headwater.model.yaml import find_line, parse_document

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoredDocument:
    """A resource and where it was written. `text` is kept to find lines in; both are "" for what has no file."""

    resource: Resource
    file: str = ""
    text: str = ""

    @property
    def kind(self) -> str:
        """The resource's kind."""
        return kind_of(self.resource)

    def problem(self, message: str, *location: int | str, is_conflict: bool = False) -> Problem:
        """Something that is wrong with the key at `location`."""
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        return Problem(
            file=self.file or f"{self.kind} {self.resource.name}",
            line=find_line(self.text, *location) if self.text else None,
            key=key or None,
            message=message,
            is_conflict=is_conflict,
        )


def kind_of(resource: Resource) -> str:
    """The kind of a resource, as documents write it."""
    return str(type(resource).model_fields["kind"].default)


def read_documents(paths: Sequence[Path]) -> tuple[AuthoredDocument, ...]:
    """Read documents: files, and folders with every `*.yaml` and `*.yml` below them; hidden ones are left out.

    Raises:
        DocumentError: a path does not exist, a folder holds no document, a document is wrong, or two documents are the
            same resource. All problems are listed.
    """
    problems: list[Problem] = []
    documents: list[AuthoredDocument] = []
    for file in _files(paths, problems):
        try:
            documents.append(read_document(file))
        except DocumentError as error:
            problems.append(Problem.from_error(error))
    problems += _given_twice(documents)
    raise_problems(problems)
    return tuple(documents)


def read_document(file: Path) -> AuthoredDocument:
    """Read one file.

    Raises:
        DocumentError: it cannot be read, is not UTF-8, or is not a resource.
    """
    name = str(file)
    try:
        with file.open("rb") as stream:
            content = stream.read(4 * MAX_CHARACTERS + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DocumentError(f"{name}: cannot be read: {error.strerror}", file=name) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{name}:{line}: the file is not UTF-8 (byte {error.start:,}); save it as UTF-8"
        raise DocumentError(message, file=name, line=line) from error
    return AuthoredDocument(resource=parse_document(text, file=name), file=name, text=text)


def _files(paths: Sequence[Path], problems: list[Problem]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and _is_visible(file, path))
            if not found:
                problems.append(Problem(file=str(path), message="the folder holds no documents (*.yaml, *.yml)"))
        elif path.exists():
            found = [path]
        else:
            problems.append(Problem(file=str(path), message="no such file or folder"))
            continue
        for file in found:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _is_visible(file: Path, folder: Path) -> bool:
    return file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _given_twice(documents: Iterable[AuthoredDocument]) -> Iterator[Problem]:
    first: dict[tuple[str, str], AuthoredDocument] = {}
    for document in documents:
        key = (document.kind, document.resource.name)
        if key in first:
            message = f"{document.kind} {document.resource.name!r} is also in {first[key].file}; keep one"
            yield document.problem(message, "name")
        first.setdefault(key, document)
