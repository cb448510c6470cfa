import json
import os
from pathlib import Path

from demo.task_logs import readable_lines, task_log

ERROR = {
    "timestamp": "2026-11-22T04:34:54.329287Z",
    "level": "error",
    "event": "Task failed with exception",
    "error_detail": [{"exc_type": "ThresholdExceededError", "exc_value": "1000 of 1000 records failed", "frames": []}],
}


def write_log(path: Path, *entries: object, age: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def test_newest_attempt_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "dag_id=luma-crm" / "run_id=once" / "task_id=ingest"
    write_log(folder / "map_index=0" / "attempt=1.log", age=60)
    newest = write_log(folder / "map_index=0" / "attempt=2.log")
    assert task_log(tmp_path, "luma-crm", "once", "ingest") == newest
    assert task_log(tmp_path, "luma-crm", "once", "finish") is None


def test_what_was_raised_is_shown_without_frames(tmp_path: Path) -> None:
    entry = {"timestamp": "2026-11-22T04:34:53.1Z", "level": "info", "event": "Reading"}
    log = write_log(tmp_path / "attempt=1.log", {"event": "::group::Pre Execute"}, entry, ERROR, 7)
    assert readable_lines(log) == [
        "04:34:53 info: Reading",
        "04:34:54 error: Task failed with exception",
        "    ThresholdExceededError: 1000 of 1000 records failed",
        "7",
    ]


def test_only_the_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    log.write_text("".join(f"line {number}\n" for number in range(1, 31)))
    assert readable_lines(log) == [f"line {number}" for number in range(16, 31)]
