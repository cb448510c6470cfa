"""`headwater deliver`: notifications that are due."""

from headwater.cli.output import JsonOption, print_json, say
from headwater.cli.workspace import workspace


def deliver(as_json: JsonOption = False) -> None:
    """Deliver every notification that is due, of all flow runs."""
    from headwater.flows import steps

    with workspace() as opened:
        report = steps.deliver_due(opened)
    if as_json:
        print_json(report)
        return
    say(f"{report.delivered:,} delivered, {report.pending:,} pending")
    for note in report.notes:
        say(f"  {note}")
