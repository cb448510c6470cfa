"""boto3's client, with nothing left to the environment that the configuration decides."""

from contextlib import ExitStack
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError
from botocore.loaders import Loader

from connectors.objects.paced import paced_pools
from connectors.objects.trust import certificate_file
from connectors.s3.config import S3Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SESSION_NAME = "headwater"
_DEFAULT_REGION = "us-east-1"
_OWN_ENDPOINT: dict[str, Any] = {"ignore_configured_endpoint_urls": True}  # the type stubs do not know it


def create_client(config: S3Config, resources: ExitStack) -> "S3Client":
    """Build a client; the first request connects.

    boto3's transfer manager is not used, and its CRT variant could not be: it takes no notice of `service_url`, and
    would send the requests to Amazon.

    Args:
        config: The bucket, and how to log in there.
        resources: Closes the client.

    Raises:
        ConfigurationError: The CA certificate can't be used.
        NoCredentialsError: There are no credentials to assume the role with.
    """
    verify = certificate_file(config.ca_certificate, resources) if config.ca_certificate else None
    session = _session(config, verify)
    client: S3Client = boto3.session.Session(botocore_session=session).client(
        "s3",
        endpoint_url=config.service_url,
        region_name=_region(config, session),
        verify=verify,
        config=_options(config),
    )
    _pace(client, config)
    resources.callback(client.close)
    return client


def _pace(client: Any, config: S3Config) -> None:  # noqa: ANN401 (a client of any service)
    """Bound the time of each answer; boto3 has no setting for it, nor a way to put in connections of one's own."""
    session: Any = client._endpoint.http_session
    pools = paced_pools(session._pool_classes_by_scheme, config.least_speed)
    session._pool_classes_by_scheme = session._manager.pool_classes_by_scheme = pools


def _options(config: S3Config) -> Config:
    return Config(
        connect_timeout=config.timeout_seconds,
        read_timeout=config.timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": config.max_attempts},
        max_pool_connections=config.parallel_parts + 4,
        s3={"addressing_style": config.addressing_style},
        # Checksums are those of whole objects, which a client that sees ranges can't check; `objects.checksums` does.
        response_checksum_validation="when_required",
        **_OWN_ENDPOINT,
        user_agent_extra="headwater",
    )


@cache
def _loader() -> Loader:
    """What boto3 knows about services: read from its files once, and not for every connector."""
    return Loader()


def _new_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    return session


def _session(config: S3Config, verify: str | None) -> botocore.session.Session:
    session = _new_session()
    if config.access_key is not None and config.secret_key is not None:
        token = config.session_token.get_secret_value() if config.session_token else None
        session.set_credentials(config.access_key, config.secret_key.get_secret_value(), token)
    return session if config.role_arn is None else _with_role(config, config.role_arn, session, verify)


def _with_role(
    config: S3Config, role_arn: str, source: botocore.session.Session, verify: str | None
) -> botocore.session.Session:
    """Return a session whose credentials are those of the role, fetched when they are first needed."""
    credentials = source.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    arguments = {"RoleSessionName": _SESSION_NAME}
    if config.external_id is not None:
        arguments["ExternalId"] = config.external_id.get_secret_value()
    create = partial(
        source.create_client,
        region_name=_region(config, source),
        endpoint_url=config.sts_url,
        verify=verify,
        config=_options(config),
    )

    def create_paced(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (botocore's)
        client = create(*arguments, **options)
        _pace(client, config)
        return client

    fetcher = AssumeRoleCredentialFetcher(
        client_creator=create_paced,
        source_credentials=credentials,
        role_arn=role_arn,
        extra_args=arguments,
        cache={},
    )
    session = _new_session()
    session.register_component("credential_provider", _RoleCredentials(fetcher))
    return session


class _RoleCredentials:
    """Where a session finds the credentials of the role."""

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        self._fetcher = fetcher

    def load_credentials(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._fetcher.fetch_credentials, method="assume-role")


def _region(config: S3Config, session: botocore.session.Session) -> str:
    return config.region or session.get_config_variable("region") or _DEFAULT_REGION
