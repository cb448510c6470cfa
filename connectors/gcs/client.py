"""Google's client, and the session under it."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import google.auth
import requests
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import storage
from google.oauth2 import service_account
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager

from connectors.errors import ConfigurationError
from connectors.gcs.config import GcsConfig
from connectors.objects.paced import paced_pools
from connectors.objects.trust import certificate_file
from connectors.pace import LeastSpeed

ENDPOINT = "https://storage.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/devstorage.read_only",)


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsClient:
    """A client for metadata, and its session for content. Threads may share both."""

    api: storage.Client
    session: AuthorizedSession


def service_account_of(config: GcsConfig) -> Credentials | None:
    """Return the credentials of the configured key; None if there is none. No I/O.

    Raises:
        ConfigurationError: The key is none.
    """
    if config.service_account_key is None:
        return None
    try:
        content = json.loads(config.service_account_key.get_secret_value())
        credentials: Credentials = service_account.Credentials.from_service_account_info(content, scopes=_SCOPES)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise ConfigurationError(
            "`service_account_key` can't be used. Give the whole text of the JSON file that Google Cloud made for the "
            "service account, with `client_email`, `token_uri` and `private_key`."
        ) from None  # the cause may repeat the key
    return credentials


def create_client(config: GcsConfig, credentials: Credentials | None, resources: ExitStack) -> GcsClient:
    """Build a client; the first request connects, but looking for default credentials may.

    Args:
        config: The bucket, and how to log in there.
        credentials: Those of the service account; None looks for Google's application default credentials.
        resources: Closes the client.

    Raises:
        ConfigurationError: The CA certificate can't be used.
        DefaultCredentialsError: There are no default credentials.
    """
    trusted = certificate_file(config.ca_certificate, resources) if config.ca_certificate else None
    login = _mounted(resources.enter_context(requests.Session()), trusted, config.least_speed, connections=1)
    request = Request(session=login)
    if config.anonymous:
        credentials = AnonymousCredentials()
    elif credentials is None:
        credentials, _ = google.auth.default(scopes=_SCOPES, request=request)
    session = resources.enter_context(AuthorizedSession(credentials, auth_request=request))
    _mounted(session, trusted, config.least_speed, connections=config.parallel_parts + 4)
    api = storage.Client(
        project=None,
        credentials=credentials,
        _http=session,
        client_options={"api_endpoint": config.endpoint or ENDPOINT},
    )
    # It would ask for the bucket's metadata in the background, for traces; most accounts have no right to.
    api._bucket_metadata_cache = None
    return GcsClient(api=api, session=session)


class _Adapter(HTTPAdapter):
    """Trusts the configured certificates; `Session.verify` would give way to the variable REQUESTS_CA_BUNDLE.

    Answers have to come at the least speed.
    """

    def __init__(self, trusted: str | None, least: LeastSpeed, connections: int) -> None:
        self._least = least
        super().__init__(pool_connections=2, pool_maxsize=connections)
        self._trusted = trusted

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 (of requests)
        """Make the pools."""
        super().init_poolmanager(*args, **options)
        self._pace(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> PoolManager:  # noqa: ANN401 (of requests)
        """Make the pools for a proxy, or return those that are there."""
        is_new = args[0] not in self.proxy_manager
        manager: PoolManager = super().proxy_manager_for(*args, **options)
        if is_new:
            self._pace(manager)
        return manager

    def _pace(self, manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = paced_pools(manager.pool_classes_by_scheme, self._least)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        """Send with the configured trust."""
        if self._trusted is not None:
            options["verify"] = self._trusted
        return super().send(request, *args, **options)


def _mounted(
    session: requests.Session, trusted: str | None, least: LeastSpeed, *, connections: int
) -> requests.Session:
    for protocol in ("https://", "http://"):
        session.mount(protocol, _Adapter(trusted, least, connections))
    return session
