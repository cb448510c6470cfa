"""`headwater deliver` and `headwater notifications`: what webhooks are told, were told, and are told again."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from headwater.cli.output import JsonOption, LimitOption, print_json, print_table, say
from headwater.cli.workspace import workspace

app = typer.Typer(no_args_is_help=True, help="Notifications: webhooks, their journals, replays, signing keys.")

WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK", help="A webhook's name.")]


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


@app.command("list")
def list_webhooks(as_json: JsonOption = False) -> None:
    """List the webhooks and how each stands: new, active, unstable or disabled."""
    from headwater.flows.receivers import webhook_reports

    with workspace() as opened:
        found = webhook_reports(opened)
    if as_json:
        print_json(found)
        return
    rows = [(report.name, report.state, report.waiting, report.reason) for report in found]
    print_table(("webhook", "state", "waiting", "reason"), rows, empty="no webhooks yet")


@app.command()
def journal(
    webhook: WebhookArgument,
    since: Annotated[str | None, typer.Option(help="Go on after this position.")] = None,
    seek: Annotated[str | None, typer.Option(help="Begin that long ago: an ISO 8601 duration such as -PT2H.")] = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """Read a webhook's journal: what it was to be told in the last 7 days, sent or not, oldest first."""
    from headwater.flows.journal import parse_seek, read_journal

    with workspace() as opened:
        back = parse_seek(seek) if seek is not None else None
        page = read_journal(opened, webhook, since=since, seek=back, limit=limit)
    if as_json:
        print_json(page.to_json())
        return
    rows = [(str(e.position), e.event.id, e.event.code, e.event.subject, e.event.created_at) for e in page.entries]
    columns = ("position", "event", "code", "batch or flow run", "written")
    print_table(columns, rows, empty="nothing in the journal after that")
    if len(page.entries) == limit:
        say(f"more: --since {page.last}")


@app.command()
def replay(
    webhook: WebhookArgument,
    event: Annotated[list[str] | None, typer.Option(help="The id of an event; may be given several times.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Events from then on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Events before then (UTC); without it, up to now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Send events of a webhook's journal again, with the same ids. The first records of them stay as they are."""
    from headwater.flows.journal import replay_events, replay_range

    if (event is None) == (since is None):
        raise typer.BadParameter("give either --event or --since")
    with workspace() as opened:
        if since is not None:
            end = until.replace(tzinfo=UTC) if until is not None else datetime.now(UTC)
            count = replay_range(opened, webhook, since=since.replace(tzinfo=UTC), until=end)
        else:
            count = replay_events(opened, webhook, event or [])
    if as_json:
        print_json({"queued": count})
    else:
        say(f"{count:,} queued; they are sent with the next `headwater deliver`")


@app.command("rotate-keys")
def rotate_keys(as_json: JsonOption = False) -> None:
    """Make a new key pair for the signatures of deliveries, in place of the older one; both, if there are none."""
    from headwater.notify.signing import rotate_signing_keys
    from headwater.settings import Settings

    loaded = Settings.load()
    keys = [loaded.public_url.rstrip("/") + key.path for key in rotate_signing_keys(loaded.signing_keys)]
    if as_json:
        print_json({"publicKeys": keys})
        return
    say("deliveries are signed with these keys from now on, the newer first")
    for address in keys:
        say(f"  {address}")


@app.command()
def enable(webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Challenge a webhook anew, and send it events again if it answers. What it missed is not sent by itself."""
    from headwater.flows import receivers

    with workspace() as opened:
        receivers.enable(opened, webhook)
    if as_json:
        print_json({"webhook": webhook, "state": "active"})
    else:
        say(f"{webhook} is active; send it what it missed with `headwater notifications replay {webhook}`")
