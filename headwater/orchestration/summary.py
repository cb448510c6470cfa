"""What a Dag run's note says about its flow run, and where its links lead."""

import re
from dataclasses import dataclass
from typing import Final

from headwater.model.runs import FlowRun, FlowRunState

MAX_NOTE: Final = 1000
"""What Airflow stores of a note."""

_STATES: Final = {
    FlowRunState.IN_PROGRESS: "Still running",
    FlowRunState.SUCCESS: "Success",
    FlowRunState.NO_NEW_DATA: "No new files",
    FlowRunState.FAILED: "Failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Addresses of our pages. `public_url` is where people reach the API server."""

    public_url: str

    def dataset(self, name: str) -> str:
        """A dataset's page."""
        return f"{self.public_url.rstrip('/')}/headwater/datasets/{name}"

    def batch(self, batch_id: str) -> str:
        """A batch's page."""
        return f"{self.public_url.rstrip('/')}/headwater/batches/{batch_id}"

    def flow_run(self, flow_run_id: str) -> str:
        """A flow run's page."""
        return f"{self.public_url.rstrip('/')}/headwater/flow-runs/{flow_run_id}"


def summarise(run: FlowRun, links: Links) -> str:
    """The flow run in a few lines of Markdown: counts, errors and links; no personal data."""
    lines = [f"**{_STATES[run.state]}**: {_counts(run)}"]
    lines += [f"- {_plain(error.message)} ({error.code})" for error in run.errors]
    lines += [f"- {_plain(note)}" for note in run.notes]
    pages = [f"[dataset {run.dataset}]({links.dataset(run.dataset)})", f"[flow run]({links.flow_run(run.id)})"]
    if run.batch_id is not None:
        pages.insert(0, f"[batch {run.batch_id}]({links.batch(run.batch_id)})")
    footer = " · ".join(pages)
    return f"{_cut(chr(10).join(lines), MAX_NOTE - len(footer) - 2)}\n\n{footer}"


def is_summary(note: str) -> bool:
    """Whether a Dag run's note was written by `summarise`, and not by a person."""
    return "/headwater/flow-runs/" in note


def _counts(run: FlowRun) -> str:
    counts = run.counts
    files = "1 file" if run.files == 1 else f"{run.files:,} files"
    return f"{files}, {counts.read:,} records in, {counts.loaded:,} loaded, {counts.failed:,} failed"


def _plain(text: str) -> str:
    """Text in which names from a source make no link, picture or tag of Markdown."""
    return re.sub(r"[][<>]", r"\\\g<0>", text)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
