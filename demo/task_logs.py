"""The logs of Airflow's tasks, as people want to read them."""

import json
from pathlib import Path
from typing import Any, Final

_SHOWN = 15
_NOT_WORTH_SHOWING: Final = ("::group::", "::endgroup::")


def task_log(airflow_home: Path, dag_id: str, run_id: str, task_id: str) -> Path | None:
    """Return the log of a task's newest attempt, None if it has none. Of a mapped task's logs it is the last."""
    folder = airflow_home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
    logs = sorted(folder.rglob("attempt=*.log"), key=lambda log: log.stat().st_mtime)
    return logs[-1] if logs else None


def readable_lines(log: Path) -> list[str]:
    """Return the last lines of a task's log: time, level and text, without its JSON; for errors what was raised."""
    lines = [line for text in log.read_text(encoding="utf-8", errors="replace").splitlines() for line in _read(text)]
    return lines[-_SHOWN:]


def _read(text: str) -> list[str]:
    try:
        entry = json.loads(text)
    except ValueError:
        return [text]
    if not isinstance(entry, dict):
        return [text]
    event = str(entry.get("event", ""))
    if event.startswith(_NOT_WORTH_SHOWING):
        return []
    return [f"{str(entry.get('timestamp', ''))[11:19]} {entry.get('level', '')}: {event}", *_raised(entry)]


def _raised(entry: dict[str, Any]) -> list[str]:
    errors = entry.get("error_detail") or []
    return [f"    {error.get('exc_type')}: {error.get('exc_value')}" for error in errors]
