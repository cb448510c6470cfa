"""The pages as an app of their own, to be mounted or served alone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from headwater.errors import HeadwaterError, NotFoundError
from headwater.ui import journals, keys
from headwater.ui.access import Authorise, NotAllowedError, NotSignedInError
from headwater.ui.context import OpenWorkspace
from headwater.ui.pages import router
from headwater.ui.rendering import render_message, wants_html

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer: nothing from elsewhere, no inline script, and nothing kept, for pages show people's data."""


def create_app(*, authorise: Authorise, open_workspace: OpenWorkspace, signing_keys: Path | None = None) -> FastAPI:
    """Build the pages.

    Args:
        authorise: Says who asks, before anything is answered; raises `NotSignedInError` or `NotAllowedError`.
        open_workspace: Opens the installation; called once for each request, and closed after it.
        signing_keys: Folder of the keys that sign notifications, whose public halves are served to everybody.
    """
    app = FastAPI(title="Headwater pages", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.authorise = authorise
    app.state.open_workspace = open_workspace
    app.state.signing_keys = signing_keys
    app.include_router(keys.router)
    app.include_router(journals.router)
    app.include_router(router)
    app.middleware("http")(_add_headers)
    app.exception_handler(NotSignedInError)(_answer_not_signed_in)
    app.exception_handler(NotAllowedError)(_answer_not_allowed)
    app.exception_handler(NotFoundError)(_answer_not_found)
    app.exception_handler(HeadwaterError)(_answer_failed)
    return app


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _answer_not_signed_in(request: Request, error: Exception) -> Response:
    login_url = error.login_url if isinstance(error, NotSignedInError) else None
    if login_url is not None and wants_html(request) and request.method == "GET":
        return RedirectResponse(login_url, status_code=303)
    return _answer(request, 401, "Not signed in", str(error.args[0]))


async def _answer_not_allowed(request: Request, error: Exception) -> Response:
    return _answer(request, 403, "Not allowed", str(error))


async def _answer_not_found(request: Request, error: Exception) -> Response:
    return _answer(request, 404, "Not found", str(error))


async def _answer_failed(request: Request, error: Exception) -> Response:
    return _answer(request, 500, "This did not work", str(error))


def _answer(request: Request, status: int, title: str, message: str) -> Response:
    if wants_html(request):
        return render_message(request, status=status, title=title, message=message)
    return JSONResponse({"title": title, "detail": message}, status_code=status)
