"""The dataflow documents of the flows folders, read anew at each parse: no database, no network."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import DocumentError
from headwater.model.documents import Dataflow
from headwater.model.yaml import find_line, parse_document
from headwater.orchestration.schedules import ScheduleError, check_schedule
from headwater.settings import Settings

_SUFFIXES = (".yaml", ".yml")
_KIND = re.compile(r"^kind\s*:\s*[\"']?([A-Za-z_]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataflowFile:
    """A dataflow and the file that it was read from."""

    flow: Dataflow
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsRead:
    """What the flows folders hold: the dataflows that can run, and what is wrong with the others."""

    flows: tuple[DataflowFile, ...]
    problems: tuple[DocumentError, ...]


def read_documents(folders: Collection[Path], *, only: str | None = None) -> DocumentsRead:
    """Read every dataflow below the folders, by path; documents of other kinds are passed over.

    A broken document is a problem and hides no other. Of two dataflows with one name, the first by path counts.

    Args:
        folders: Searched with their subfolders; hidden files and folders are left out.
        only: Name of the one dataflow that is wanted; files that cannot hold it are not parsed.
    """
    flows: dict[str, DataflowFile] = {}
    problems: list[DocumentError] = []
    for file in _document_files(folders):
        try:
            flow = _read_dataflow(file, only)
            if flow is not None:
                _add(flows, DataflowFile(flow=flow, file=file))
        except DocumentError as problem:
            problems.append(problem)
    return DocumentsRead(flows=tuple(flows.values()), problems=tuple(problems))


def check_documents(folders: Collection[Path] | None = None) -> None:
    """Say what is wrong with the dataflow documents, all of it in one error.

    Args:
        folders: Where to look; None for the folders that the settings name.

    Raises:
        DocumentError: at least one document is broken; the message names file, line and key of each problem.
        SettingsError: a folder that `HEADWATER_FLOWS` names does not exist.
    """
    searched = Settings.load().flow_folders if folders is None else tuple(folders)
    problems = [*_missing_folders(searched), *read_documents(searched).problems]
    if not problems:
        return
    first = problems[0]
    count = "1 dataflow document is" if len(problems) == 1 else f"{len(problems)} dataflow documents are"
    raise DocumentError(
        "\n".join(
            [
                f"{count} wrong and has no Dag; the other Dags are not affected."
                if len(problems) == 1
                else f"{count} wrong and have no Dags; the other Dags are not affected.",
                *(str(problem) for problem in problems),
                "Mend the file and save it; its Dag appears when the folder is next read.",
            ]
        ),
        file=first.file,
        line=first.line,
        key=first.key,
    )


def _document_files(folders: Collection[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
            if file.suffix in _SUFFIXES and not hidden and file not in seen and file.is_file():
                seen.add(file)
                yield file


def _read_dataflow(file: Path, only: str | None) -> Dataflow | None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{file}: cannot be read: {error}. Documents are UTF-8 text.", file=str(file)) from error
    if only is not None and only not in text:
        return None
    kind = _KIND.search(text)
    if kind is not None and kind.group(1) != "dataflow":
        return None
    document = parse_document(text, file=str(file))
    if not isinstance(document, Dataflow):
        return None
    _check_schedule(document, text, file)
    return document


def _check_schedule(flow: Dataflow, text: str, file: Path) -> None:
    """Refuse what only Airflow can judge here; in the Dag file it would take all other Dags with it."""
    try:
        check_schedule(flow.schedule)
    except ScheduleError as error:
        line = find_line(text, "schedule", error.key)
        raise DocumentError(
            f"{file}:{line}: schedule.{error.key}: {error}", file=str(file), line=line, key=f"schedule.{error.key}"
        ) from error


def _add(flows: dict[str, DataflowFile], found: DataflowFile) -> None:
    earlier = flows.get(found.flow.name)
    if earlier is not None:
        raise DocumentError(
            f"{found.file}: name: dataflow {found.flow.name!r} is already defined in {earlier.file}, which counts. "
            "Give this one another name.",
            file=str(found.file),
            key="name",
        )
    flows[found.flow.name] = found


def _missing_folders(folders: Collection[Path]) -> list[DocumentError]:
    default = Settings.load().home / "flows"
    return [
        DocumentError(
            f"{folder}: the flows folder does not exist. Create it, or correct HEADWATER_FLOWS.", file=str(folder)
        )
        for folder in folders
        if folder != default and not folder.is_dir()
    ]
