"""`headwater doctor`: whether catalog, lake and profile store agree."""

from typing import Annotated

import typer

from headwater.cli.output import JsonOption, print_json, say
from headwater.cli.workspace import workspace


def doctor(
    mend: Annotated[bool, typer.Option("--mend", help="Put right what is safe to put right.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check every invariant over catalog, lake and profile store. Exits with status 1 if something is left wrong."""
    from headwater.flows.doctor import examine

    with workspace() as opened:
        findings = examine(opened, mend=mend)
    if as_json:
        print_json(findings)
    elif not findings:
        say("all is well")
    else:
        for finding in findings:
            say(f"{finding.code} {finding.subject}", style="green" if finding.mended else "red")
            say(f"    {finding.problem}")
            if finding.mended:
                say("    mended", style="green")
            elif finding.mendable and not mend:
                say("    `headwater doctor --mend` sees to it")
    if any(not finding.mended for finding in findings):
        raise typer.Exit(1)
