"""Airflow's users on our pages: plugin apps are not protected by Airflow, so every request is checked here."""

from typing import Literal
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

from headwater.ui.access import NotAllowedError, NotSignedInError, Viewer


async def airflow_viewer(request: Request) -> Viewer:
    """The signed-in Airflow user behind a request, by session cookie or bearer token.

    Whoever may read Dags may see the pages. Records and profiles are people's data: they are for those who may also
    change Dags (Airflow's role User and above), as Airflow's own viewers see no data either.

    Raises:
        NotSignedInError: there is no valid session or token.
        NotAllowedError: the user may not read Dags.
    """
    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException as error:
        raise NotSignedInError(f"Sign in to Airflow first: {error.detail}.", _login_url(request)) from error
    if not await run_in_threadpool(_may, user, "GET"):
        raise NotAllowedError("Your Airflow role does not allow you to read Dags, and so not to see these pages.")
    return Viewer(name=str(user.get_name()), may_see_records=await run_in_threadpool(_may, user, "PUT"))


def _may(user: BaseUser, method: Literal["GET", "PUT"]) -> bool:
    return get_auth_manager().is_authorized_dag(method=method, user=user)


def _login_url(request: Request) -> str:
    return f"{get_auth_manager().get_url_login()}?next={quote(str(request.url), safe='')}"
