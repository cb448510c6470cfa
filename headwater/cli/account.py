"""`headwater account`: is a source there, and what does it hold?"""

import zlib
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.output import JsonOption, LimitOption, print_json, print_table, say
from headwater.cli.workspace import workspace
from headwater.errors import FileError
from headwater.model.paths import source_path, stored_path

if TYPE_CHECKING:
    from connectors.base import RemoteFile, RemoteFolder

app = typer.Typer(no_args_is_help=True, help="Accounts: reach sources and look into them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="An account's name.")]

_HEAD_BYTES = 256 * 1024
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"


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
    """Reach the source, verify that it is the right one, log in and list; say what was done."""
    from headwater.flows.trust import check_account

    with workspace() as opened:
        result = check_account(opened, name, trust=trust)
    if as_json:
        print_json(result)
        return
    for step in result.steps:
        say(f"✓ {step.name}: {step.detail}")
    if result.first_use is not None:
        say(f"! The server showed {result.first_use.presented}, which nothing vouches for: it was trusted this once.")
        say("  If the server's operator says that this is its key, put it into the account's `params`:")
        say(f"  {result.first_use.field}: {result.first_use.value}")


@app.command()
def explore(
    name: Name,
    path: Annotated[str, typer.Argument(help="A folder; without it, where the account starts.")] = "",
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """List one folder of the source: folders first, then files, by name."""
    with workspace() as opened, opened.connect(name) as connector:
        found = list(islice(connector.browse(source_path(path)), limit))
    entries = sorted(map(_entry, found), key=lambda entry: (entry["type"] == "file", entry["path"]))
    if as_json:
        print_json(entries)
        return
    rows = [(e["type"], stored_path(str(e["path"])), e.get("sizeBytes"), e.get("modifiedAt")) for e in entries]
    print_table(("type", "path", "bytes", "modified"), rows, empty="the folder is empty")
    if len(found) == limit:
        say(f"only the first {limit:,} entries were listed; --limit shows more")


@app.command()
def preview(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file's path, as `explore` shows it.")],
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Show a file's first lines, decompressed if it is gzip. Shows personal data, where the file holds any."""
    with workspace() as opened, opened.connect(name) as connector, connector.open_file(source_path(file)) as stream:
        head = stream.read(_HEAD_BYTES)
    text = first_lines(head, limit)
    if as_json:
        print_json({"path": file, "lines": text})
    elif not text:
        say("the file is empty")
    else:
        for line in text:
            say(line)


def first_lines(head: bytes, limit: int) -> list[str]:
    """The first lines of a file of which the first bytes are known; the last one may be cut.

    Raises:
        FileError: the file is Parquet, which has no lines, or damaged gzip.
    """
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, _HEAD_BYTES)
        except zlib.error as error:
            raise FileError(f"the file begins like gzip, but cannot be decompressed: {error}", code="107") from error
    if head.startswith(_PARQUET):
        raise FileError("the file is Parquet, which has no lines; load it into a dataset to look at it", code="300")
    return head.decode("utf-8-sig", "replace").splitlines()[:limit]


def _entry(entry: "RemoteFile | RemoteFolder") -> dict[str, object]:
    from connectors.base import RemoteFile

    if isinstance(entry, RemoteFile):
        return {"type": "file", "path": entry.path, "sizeBytes": entry.size_bytes, "modifiedAt": entry.modified_at}
    return {"type": "folder", "path": entry.path}
