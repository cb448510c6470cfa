"""Templates to answers."""

from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

STATIC_TYPES: Final = {"headwater.css": "text/css", "headwater.js": "text/javascript"}
"""The files beside the pages, and what they are."""


def render(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page. All values are escaped."""
    html = (
        _environment()
        .get_template(template)
        .render(base=request.scope.get("root_path", ""), viewer=getattr(request.state, "viewer", None), **values)
    )
    return HTMLResponse(html, status_code=status)


def render_message(request: Request, *, status: int, title: str, message: str) -> HTMLResponse:
    """A page that says what went wrong."""
    return render(request, "message.html", status=status, title=title, message=message)


def wants_html(request: Request) -> bool:
    """Whether a browser asks, and not a program."""
    return "text/html" in request.headers.get("accept", "")


@cache
def static_file(name: str) -> bytes:
    """One of `STATIC_TYPES`."""
    return files("headwater.ui").joinpath("static", name).read_bytes()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("headwater.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": show_number, "time": show_time, "bytes": show_bytes, "value": show_value}
    return environment


def show_number(number: int | None) -> str:
    """A count with its thousands apart; a dash for None."""
    return "–" if number is None else f"{number:,}"


def show_time(moment: datetime | None) -> str:
    """A time in UTC, to the second; a dash for None."""
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def show_bytes(size: int | None) -> str:
    """A size in a unit that fits; a dash for None."""
    if size is None:
        return "–"
    shown, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if shown < 1024:
            break
        shown, unit = shown / 1024, larger
    return f"{shown:,.0f} {unit}" if unit == "B" else f"{shown:,.1f} {unit}"


def show_value(value: object) -> str:
    """A field's value as JSON would show it; whole numbers without a point, empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
