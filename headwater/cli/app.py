"""The commands, put together; our own errors become one message and exit status 1."""

import logging
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from connectors.errors import ConnectorError
from headwater.cli import (
    account,
    batch,
    batch_life,
    dataset,
    doctor,
    flow_run,
    lake,
    notifications,
    profile,
    resources,
    run,
    schema,
    settings,
)
from headwater.cli.output import print_error
from headwater.errors import HeadwaterError


class HeadwaterGroup(TyperGroup):
    """Turns errors that say what to do into a message on stderr, without a traceback unless `--debug` is given."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer keeps its context's class to itself
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (HeadwaterError, ConnectorError) as error:
            if ctx.params.get("debug"):
                raise
            print_error(str(error))
            raise typer.Exit(1) from None


_SILENT = logging.NullHandler()
"""Commands say what happened themselves; what is logged is the same, or for developers."""

app = typer.Typer(
    cls=HeadwaterGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Scheduled dataflows from files to lake, identity graph and profiles. Settings come from HEADWATER_*.",
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, and the log on standard error.")] = False,
) -> None:
    """Options before the command."""
    if debug:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    else:
        for name in ("headwater", "connectors"):
            logging.getLogger(name).addHandler(_SILENT)


app.command("apply")(resources.apply)
app.command("diff")(resources.diff)
app.command("get")(resources.get)
app.command("delete")(resources.delete)
app.command("run")(run.run)
app.command("deliver")(notifications.deliver)
app.command("settings")(settings.settings)
app.command("doctor")(doctor.doctor)
batch.app.command("revert")(batch_life.revert)
batch.app.command("delete")(batch_life.delete)
batch.app.command("replay")(batch_life.replay)
app.add_typer(dataset.app, name="dataset")
app.add_typer(batch.app, name="batch")
app.add_typer(lake.app, name="lake")
app.add_typer(flow_run.app, name="flow-run")
app.add_typer(profile.app, name="profile")
app.add_typer(profile.identity_app, name="identity")
app.add_typer(notifications.app, name="notifications")
app.add_typer(account.app, name="account")
app.add_typer(schema.app, name="schema")
