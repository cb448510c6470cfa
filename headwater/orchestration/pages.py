"""Our pages as a part of Airflow's API server."""

from functools import cache

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send


class Pages:
    """The pages, built when they are first asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = await run_in_threadpool(_build)
        await app(scope, receive, send)


@cache
def _build() -> ASGIApp:
    """Airflow's users, and the installation that the settings name."""
    from headwater.flows import open_workspace
    from headwater.orchestration.access import airflow_viewer
    from headwater.settings import Settings
    from headwater.ui.app import create_app

    return create_app(
        authorise=airflow_viewer,
        open_workspace=lambda: open_workspace(Settings.load()),
        signing_keys=Settings.load().signing_keys,
    )
