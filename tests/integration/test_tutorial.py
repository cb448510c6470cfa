"""The first tutorial, done word by word."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TUTORIAL = REPOSITORY / "docs" / "tutorials" / "first-dataflow.md"
PART = re.compile(
    r"Save this as\s+`(?P<name>[^`]+)`:\n\n```\w+\n(?P<text>.*?)```|```sh\n(?P<commands>.*?)```", re.DOTALL
)

pytestmark = pytest.mark.slow


def run(command: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HEADWATER_HOME": str(folder / "state"),
        "INBOX": str(folder / "inbox"),
        "COLUMNS": "200",
    }
    done = subprocess.run(  # noqa: S602 (the tutorial's own commands)
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Each command of the tutorial after the set-up, with what it printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "documents").mkdir()
    (folder / "inbox").mkdir()
    done: list[tuple[str, str]] = []
    _, _, after_setup = TUTORIAL.read_text(encoding="utf-8").partition("## Describe")
    for part in PART.finditer(after_setup):
        if part["name"]:
            (folder / part["name"]).write_text(part["text"], encoding="utf-8")
            continue
        for line in part["commands"].splitlines():
            batches = json.loads(run("headwater batch list --json", folder)) if "BATCH_ID" in line else [{"id": ""}]
            command = line.replace("BATCH_ID", batches[0]["id"])
            done.append((line, run(command, folder)))
    return done


def output(outputs: list[tuple[str, str]], command: str, number: int = 0) -> str:
    return [text for line, text in outputs if line == command][number]


def records(text: str) -> tuple[int, ...]:
    """Records read, loaded and failed, as a flow run's summary has them."""
    return tuple(int(re.findall(rf"records {what} +(\d+)", text)[0]) for what in ("read", "loaded", "failed"))


def test_documents_apply(outputs: list[tuple[str, str]]) -> None:
    assert "6 created, 0 changed, 0 unchanged" in output(outputs, "headwater apply documents")


def test_first_run_loads_two_records(outputs: list[tuple[str, str]]) -> None:
    assert records(output(outputs, "headwater run newsletter-daily")) == (2, 2, 0)
    preview = output(outputs, "headwater dataset preview newsletter_subscribers")
    assert "ada@example.com" in preview
    assert "Lindqvist" in preview


def test_second_run_finds_nothing_new(outputs: list[tuple[str, str]]) -> None:
    second = output(outputs, "headwater run newsletter-daily", 1)
    assert "noNewData" in second
    assert records(second) == (0, 0, 0)


def test_a_rejected_record_is_explained(outputs: list[tuple[str, str]]) -> None:
    assert records(output(outputs, "headwater run newsletter-daily", 2)) == (2, 1, 1)
    explained = output(outputs, "headwater batch errors BATCH_ID")
    for expected in ("subscribers-2.json", "line 1", "/person/gender", "cyclist", "male"):
        assert expected in explained


def test_profile_has_the_newest_name(outputs: list[tuple[str, str]]) -> None:
    command = "headwater profile show Email ada@example.com"
    assert "Okafor-Weiß" not in output(outputs, command)
    assert "Okafor-Weiß" in output(outputs, command, 1)
