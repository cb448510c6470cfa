"""Journals over HTTP, in the form of Adobe I/O Events (spec: notifications.md, section 8)."""

from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from headwater.errors import HeadwaterError, NotFoundError
from headwater.flows.journal import parse_seek, read_journal
from headwater.ui.context import WorkspaceDep

RETRY_AFTER_SECONDS: Final = 10
MAX_EVENTS: Final = 1000

router = APIRouter()


@router.get("/notifications/{name}/journal")
def show_journal(
    request: Request,
    name: str,
    workspace: WorkspaceDep,
    since: str | None = None,
    seek: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 100,
) -> Response:
    """The next events of a webhook's journal; 204 at its end. The `Link` header leads on."""
    try:
        back = parse_seek(seek) if seek is not None else None
        page = read_journal(workspace, name, since=since, seek=back, limit=limit)
    except NotFoundError:
        raise
    except HeadwaterError as error:
        return JSONResponse({"title": "Wrong place in the journal", "detail": str(error)}, status_code=400)
    place = {"since": page.last} if page.last is not None else {}
    query = urlencode(place | {"limit": limit})
    path = f"{request.scope.get('root_path', '')}/notifications/{quote(name, safe='')}/journal"
    headers = {"Link": f'<{path}?{query}>; rel="next"'}
    if not page.entries:
        return Response(status_code=204, headers=headers | {"Retry-After": str(RETRY_AFTER_SECONDS)})
    return JSONResponse(page.to_json(), headers=headers)
