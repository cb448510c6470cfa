"""`headwater account`: is a source there, and what does it hold?"""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.output import JsonOption, LimitOption, print_fields, print_json, print_table, say
from headwater.cli.workspace import workspace
from headwater.model.paths import stored_path

if TYPE_CHECKING:
    from connectors.base import RemoteFile, RemoteFolder
    from headwater.flows.preview import FilePreview, PreviewColumn
    from headwater.flows.trust import AccountCheck

app = typer.Typer(no_args_is_help=True, help="Accounts: reach sources and look into them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="An account's name.")]

_MARKS = {"passed": "✓", "failed": "✗", "notTried": "–"}


@app.command()
def check(
    name: Name,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Go on with a server whose key the account does not name, and show what to put there.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Reach the source, verify that it is the right one, log in, list, and read a file's first bytes.

    Of an account of type `pgp`: read its keys, look for a secret part that decrypts, and open it.
    Says of each step what was seen, or what failed and what to do. The exit status is 1 if a step failed.
    """
    from headwater.flows.trust import check_account

    with workspace() as opened:
        result = check_account(opened, name, trust=trust)
    if as_json:
        print_json(result)
    else:
        _print_check(result)
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def explore(
    name: Name,
    path: Annotated[str, typer.Argument(help="A folder; without it, where the account starts.")] = "",
    limit: LimitOption = 1000,
    page: Annotated[int, typer.Option("--page", min=1, max=1000, help="Which page, of --limit entries each.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """List one folder of the source: folders first, then files, by name, with sizes and times."""
    from headwater.flows.explore import explore_folder

    with workspace() as opened, opened.connect(name) as connector:
        found = explore_folder(connector, path, page=page, page_size=limit)
    entries = [_entry(entry) for entry in found.entries]
    if as_json:
        print_json(entries)
        return
    rows = [(e["type"], stored_path(str(e["path"])), e.get("sizeBytes"), e.get("modifiedAt")) for e in entries]
    empty = "the folder is empty" if page == 1 else "the folder has no entries on this page"
    print_table(("type", "path", "bytes", "modified"), rows, empty=empty)
    if found.more:
        say(f"there are more entries; --page {page + 1} shows the next")


@app.command()
def preview(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file's path, as `explore` shows it.")],
    limit: LimitOption = 20,
    pgp: Annotated[
        str | None,
        typer.Option(
            "--pgp",
            metavar="ACCOUNT",
            help="The account with the keys of an encrypted file; without it, the one that the file's dataflow names.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a file is: format, compression, dialect, columns with types, how each writes times, and the first rows.

    Only the beginning is read, so a signature is not verified. Shows personal data, where the file holds any.
    """
    from headwater.flows.pgp.decryptor import open_decryptor
    from headwater.flows.preview import preview_file
    from headwater.flows.preview_keys import encryption_of

    with ExitStack() as stack:
        opened = stack.enter_context(workspace())
        encryption = encryption_of(opened, name, file, pgp=pgp)
        decryptor = stack.enter_context(open_decryptor(encryption, opened.accounts))
        connector = stack.enter_context(opened.connect(name))
        found = preview_file(connector, file, rows=limit, decryptor=decryptor)
    if as_json:
        print_json(found)
    else:
        _print_preview(found)


def _print_check(result: "AccountCheck") -> None:
    for step in result.steps:
        say(f"{_MARKS[step.outcome]} {step.name}: {step.detail}")
    if result.first_use is not None:
        say(f"! The server showed {result.first_use.presented}, which nothing vouches for: it was trusted this once.")
        say("  If the server's operator says that this is its key, put it into the account's `params`:")
        say(f"  {result.first_use.field}: {result.first_use.value}")


def _print_preview(found: "FilePreview") -> None:
    print_fields(
        {
            "format": found.format,
            "compression": found.compression,
            **{name: repr(value) if name != "encoding" else value for name, value in found.dialect.items()},
            "rows looked at": found.sampled,
            "unreadable": found.unreadable or None,
        }
    )
    say("")
    columns = [(column.name, column.type, _time_text(column)) for column in found.columns]
    print_table(("column", "type", "times"), columns, empty="no columns were found")
    say("")
    names = [column.name for column in found.columns]
    print_table(names, [[row.get(name) for name in names] for row in found.rows], empty="no rows were found")


def _time_text(column: "PreviewColumn") -> str:
    """How a column writes times, on one line; empty if it holds none."""
    time = column.time
    if time is None:
        return ""
    parts = [time.form, f"in {time.unit}" if time.unit else "", f"zone {time.zone}" if time.zone else "no zone stated"]
    parts += [f"{time.unreadable:,} of {time.values:,} unreadable"] if time.unreadable else []
    parts += [f"{time.out_of_range_share:.1%} out of range"] if time.out_of_range else []
    return ", ".join(filter(None, parts)) + (f"; {time.advice}" if time.advice else "")


def _entry(entry: "RemoteFile | RemoteFolder") -> dict[str, object]:
    from connectors.base import RemoteFile

    if isinstance(entry, RemoteFile):
        return {"type": "file", "path": entry.path, "sizeBytes": entry.size_bytes, "modifiedAt": entry.modified_at}
    return {"type": "folder", "path": entry.path}
