"""What every page needs: who asks, and the opened installation."""

from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request

from headwater.flows import Workspace
from headwater.ui.access import NotAllowedError, Viewer

OpenWorkspace = Callable[[], Workspace]


async def current_viewer(request: Request) -> Viewer:
    """Who asks, as the app's `authorise` says."""
    viewer: Viewer = await request.app.state.authorise(request)
    request.state.viewer = viewer
    return viewer


ViewerDep = Annotated[Viewer, Depends(current_viewer)]


def opened_workspace(request: Request, _viewer: ViewerDep) -> Iterator[Workspace]:
    """The installation, opened for this request only, and only for somebody who is signed in."""
    open_workspace: OpenWorkspace = request.app.state.open_workspace
    with open_workspace() as workspace:
        yield workspace


WorkspaceDep = Annotated[Workspace, Depends(opened_workspace)]


def require_records(viewer: Viewer) -> None:
    """Refuse whoever may not see people's data.

    Raises:
        NotAllowedError: the viewer's role does not include it.
    """
    if not viewer.may_see_records:
        raise NotAllowedError("This page shows people's data, which your role does not allow you to see.")
