"""Notifications for people to read: an e-mail, or a message in a chat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from headwater.model.runs import Event

MAX_ERRORS: Final = 10
_TITLES: Final = {
    "ing_load_success": "Batch loaded",
    "ing_load_failure": "Batch failed",
    "ig_load_success": "Identities loaded",
    "ig_load_failure": "Identities could not be loaded",
    "ps_load_success": "Profiles loaded",
    "ps_load_failure": "Profiles could not be loaded",
    "sources_flow_run_success": "Flow run succeeded",
    "sources_flow_run_failure": "Flow run failed",
    "sources_file_late": "Files are late",
    "sources_file_missing": "Files are missing",
    "sources_file_short": "Files are smaller than expected",
    "sources_file_empty": "Files are empty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a person is told: a line, some facts by name, and where to read on (None if there is no such page)."""

    event_id: str
    title: str
    facts: Mapping[str, str]
    link: str | None

    def to_html(self) -> str:
        """The body of an e-mail."""
        rows = "".join(
            f'<tr><th align="left">{escape(name)}</th><td>{escape(fact)}</td></tr>' for name, fact in self.facts.items()
        )
        link = f'<p><a href="{escape(self.link)}">{escape(self.link)}</a></p>' if self.link else ""
        return f"<p><b>{escape(self.title)}</b></p><table>{rows}</table>{link}"

    def to_slack(self) -> str:
        """The text of a Slack message; what Slack would take for commands is escaped."""
        lines = [f"*{_plain(self.title)}*", *(f"{name}: {_plain(fact)}" for name, fact in self.facts.items())]
        return "\n".join([*lines, self.link] if self.link else lines)


def write_message(event: Event, *, public_url: str) -> Message:
    """Say in words what an event says.

    Args:
        event: What happened.
        public_url: Where people reach the pages.
    """
    title = _TITLES.get(event.code, event.code)
    where = event.flow or event.dataset
    facts = {"dataflow": event.flow, "dataset": event.dataset, "time": f"{event.created_at:%Y-%m-%d %H:%M:%S} UTC"}
    facts |= _counts(event.body.get("event"))
    return Message(
        event_id=event.id,
        title=f"{title}: {where}" if where else title,
        facts={name: fact for name, fact in facts.items() if fact is not None},
        link=_link(event, public_url.rstrip("/")),
    )


def _counts(payload: object) -> dict[str, str | None]:
    """Records, files and errors, from whichever form the payload has."""
    if not isinstance(payload, dict):
        return {}
    metrics = payload.get("metrics", {})
    records = metrics.get("recordSummary", {})
    loaded = payload.get("xdm:succesfulRecords", records.get("outputRecordCount"))
    failed = payload.get("xdm:failedRecords", records.get("failedRecordCount"))
    errors = payload.get("xdm:errors", metrics.get("statusSummary", {}).get("errors", []))
    return {
        "records loaded": None if loaded is None else f"{loaded:,}",
        "records failed": None if failed is None else f"{failed:,}",
        "paths": ", ".join(payload.get("paths", [])) or None,
        "errors": _errors(errors),
    }


def _errors(errors: Sequence[Mapping[str, Any]]) -> str | None:
    lines = [str(error.get("message", error.get("xdm:description", ""))) for error in errors[:MAX_ERRORS]]
    more = len(errors) - len(lines)
    return "; ".join([*lines, f"and {more:,} more"] if more > 0 else lines) or None


def _link(event: Event, base: str) -> str | None:
    if event.code.startswith(("ing_", "ig_", "ps_")):
        return f"{base}/headwater/batches/{event.subject}"
    return f"{base}/headwater/flow-runs/{event.subject}" if event.code.startswith("sources_flow_run_") else None


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
