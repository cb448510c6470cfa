"""Errors in our words, from what boto3 and the store say."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from connectors.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    TransferError,
    UnreachableError,
    access_denied,
    file_changed,
    file_gone,
    folder_gone,
)
from connectors.objects.trust import untrusted_certificate
from connectors.pace import TooSlowError
from connectors.s3.config import S3Config

LIBRARY_ERRORS = (boto.BotoCoreError, boto.ClientError, ResponseParserError, urllib3.exceptions.HTTPError, OSError)
"""What boto3 raises; the last two come from the body of an answer."""

_UNFETCHED = (
    boto.CredentialRetrievalError,
    boto.MetadataRetrievalError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
)
_MISCONFIGURED = (boto.ParamValidationError, boto.NoRegionError, boto.InvalidRegionError, boto.ConfigParseError)
_BAD_KEYS = {
    "InvalidAccessKeyId": "does not know the access key. Check `access_key`",
    "SignatureDoesNotMatch": "does not accept the secret of the access key. Check `secret_key`",
    "InvalidToken": "does not accept the session token. Check `session_token`",
    "ExpiredToken": "says that the session token has expired. Give new temporary keys",
    "ExpiredTokenException": "says that the session token has expired. Give new temporary keys",
    "TokenRefreshRequired": "says that the session token has expired. Give new temporary keys",
    "InvalidClientTokenId": "does not know the access key. Check `access_key`",
    "UnrecognizedClientException": "does not know the access key. Check `access_key`",
    "MissingSecurityHeader": "wants keys, and there are none. Give `access_key` and `secret_key`",
    "RequestTimeTooSkewed": "says that this machine's clock is wrong. Set the clock",
    "RequestExpired": "says that this machine's clock is wrong. Set the clock",
}
_OTHER_REGION = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
}
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "Forbidden",
    "403",
    "AccountProblem",
    "InvalidPayer",
    "KMS.DisabledException",
}
_GONE = {"NoSuchKey", "404", "NotFound", "KeyTooLongError", "MethodNotAllowed"}
_CHANGED = {"PreconditionFailed", "412", "NoSuchVersion", "ConditionalRequestConflict"}
_BUSY = {"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "ServiceUnavailable", "InternalError"}


def source_name(config: S3Config) -> str:
    """Return the bucket's name for people."""
    if config.service_url is None:
        return f"S3 bucket {config.bucket_name!r}"
    return f"S3 bucket {config.bucket_name!r} at {urlsplit(config.service_url).netloc}"


def explain(
    error: Exception, config: S3Config, path: str = "", *, is_folder: bool = False, version: str = ""
) -> ConnectorError:
    """Return the error to raise for one of `LIBRARY_ERRORS`.

    Args:
        error: What was raised.
        config: The bucket.
        path: The file or folder that was asked for.
        is_folder: Whether it is a folder.
        version: The version that was asked for.
    """
    if isinstance(error, boto.ClientError):
        return _refused(error, config, path, is_folder=is_folder, version=version)
    return _no_connection(error, config) or _no_credentials(error, config) or _broken(error, config, path)


def _refused(error: boto.ClientError, config: S3Config, path: str, *, is_folder: bool, version: str) -> ConnectorError:
    source = source_name(config)
    answer: dict[str, Any] = {**error.response.get("Error", {})}
    code = str(answer.get("Code") or "")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if error.operation_name == "AssumeRole":
        return _role_refused(config, code, answer)
    if code in _BAD_KEYS:
        return AuthenticationError(f"{source} {_BAD_KEYS[code]}. Nothing was read.", source)
    if code in _OTHER_REGION:
        return _other_region(error, config)
    if code == "NoSuchBucket":
        return ConfigurationError(f"{source} does not exist. Check `bucket_name`, `region` and `service_url`.", source)
    if code == "InvalidObjectState":
        return _archived(source, path, str(answer.get("StorageClass") or "an archive class"))
    if code in _DENIED:
        return access_denied(source, path)
    if code in _CHANGED:
        return file_changed(source, path, version=version)
    if code in _GONE:
        return (folder_gone if is_folder else file_gone)(source, path)
    if code in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransferError(
            f"{source} is too busy or out of order: {path!r} could not be read in {config.max_attempts} attempts "
            f"({_said(code, answer)}). Try again later.",
            source,
            path,
        )
    return ConnectorError(
        f"{source} refused to read {path!r} ({_said(code, answer)}). Check the account's settings, and that "
        "`service_url` is an S3 service's.",
        source,
    )


def _said(code: str, answer: dict[str, Any]) -> str:
    """The store's own words, where it has some: there are stores that send none."""
    return ": ".join(part for part in (code, str(answer.get("Message") or "")) if part) or "it gave no reason"


def _role_refused(config: S3Config, code: str, answer: dict[str, Any]) -> AuthenticationError:
    source = source_name(config)
    return AuthenticationError(
        f"{source}: role {config.role_arn!r} could not be assumed ({_said(code, answer)}). Check `role_arn` and "
        "`external_id`, and that the role trusts the account whose keys are used.",
        source,
    )


def _other_region(error: boto.ClientError, config: S3Config) -> ConfigurationError:
    source = source_name(config)
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    answer: dict[str, Any] = {**error.response.get("Error", {})}
    region = answer.get("Region") or headers.get("x-amz-bucket-region")
    advice = f"Set `region` to {region!r}" if region else "Set `region` to the bucket's, and `service_url` to match"
    return ConfigurationError(f"{source} is in another region than the one that was asked. {advice}.", source)


def _archived(source: str, path: str, storage_class: str) -> AccessDeniedError:
    return AccessDeniedError(
        f"{source}: file {path!r} lies in storage class {storage_class}, an archive that can't be read from. Nothing "
        "was read. Restore it first (`aws s3api restore-object`, some minutes to hours), then run again.",
        source,
        path,
    )


def _no_connection(error: Exception, config: S3Config) -> ConnectorError | None:
    source = source_name(config)
    if isinstance(error, boto.SSLError):
        url = str(error.kwargs.get("endpoint_url") or config.service_url or "")
        return untrusted_certificate(source, url, error, timeout_seconds=config.timeout_seconds)
    if isinstance(error, boto.ConnectTimeoutError):
        return UnreachableError(
            f"{source} did not answer within {config.timeout_seconds:g} s. Check `service_url` and the network, or "
            "raise `timeout_seconds`.",
            source,
        )
    if isinstance(error, boto.EndpointConnectionError | boto.ProxyConnectionError):
        return UnreachableError(
            f"{source} was not reached: no connection to {_host(error)}. Check `service_url`, `region` and the "
            "network.",
            source,
        )
    return None


def _host(error: boto.BotoCoreError) -> str:
    address = str(error.kwargs.get("endpoint_url") or error.kwargs.get("proxy_url") or "")
    return urlsplit(address).netloc.rpartition("@")[2]


def _no_credentials(error: Exception, config: S3Config) -> ConnectorError | None:
    source = source_name(config)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return AuthenticationError(
            f"{source}: no keys were found. Looked for: `access_key` and `secret_key` of the account; "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a profile of ~/.aws; the role of the container; the role of "
            "the machine.",
            source,
        )
    if isinstance(
        error,
        boto.CredentialRetrievalError | boto.MetadataRetrievalError | boto.ProfileNotFound | boto.TokenRetrievalError,
    ):
        return AuthenticationError(
            f"{source}: the keys of this machine could not be fetched ({error}). Check its AWS profile or role, or "
            "give `access_key` and `secret_key`.",
            source,
        )
    if isinstance(error, _MISCONFIGURED):
        return ConfigurationError(f"{source} can't be asked: {error}. Check the account's settings.", source)
    return None


def _broken(error: Exception, config: S3Config, path: str) -> ConnectorError:
    source = source_name(config)
    if isinstance(error, boto.PaginationError | ResponseParserError):
        return ConnectorError(
            f"{source} does not speak S3 as it should ({str(error)[:200]}). Check that `service_url` is an S3 "
            "service's.",
            source,
        )
    slow = error.kwargs.get("error") if isinstance(error, boto.HTTPClientError) else None
    if isinstance(slow, TooSlowError):
        return slow.explained(source, path)
    if isinstance(error, boto.ReadTimeoutError | TimeoutError):
        return TransferError(
            f"{source} stopped answering for {config.timeout_seconds:g} s while {path!r} was read. Try again, or raise "
            "`timeout_seconds`.",
            source,
            path,
        )
    return TransferError(
        f"{source} dropped the connection while {path!r} was read. Try again; if it happens always, ask the store's "
        "operator.",
        source,
        path,
    )
