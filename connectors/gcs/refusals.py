"""Errors in our words, from what Google's libraries and the store say."""

from http import HTTPStatus
from urllib.parse import urlsplit

import requests
import urllib3
from google.api_core.exceptions import GoogleAPICallError
from google.auth import exceptions as auth

from connectors.errors import (
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
from connectors.gcs.config import GcsConfig
from connectors.objects.trust import untrusted_certificate
from connectors.pace import TooSlowError

LIBRARY_ERRORS = (
    GoogleAPICallError,
    auth.GoogleAuthError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    ValueError,
    TooSlowError,
)
"""What Google's libraries raise, and our connections; `ValueError` is what comes of answers that are no JSON."""

_NEVER_CONNECTED = ("NewConnectionError", "NameResolutionError")
_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}


def source_name(config: GcsConfig) -> str:
    """Return the bucket's name for people."""
    if config.endpoint is None:
        return f"GCS bucket {config.bucket_name!r}"
    return f"GCS bucket {config.bucket_name!r} at {urlsplit(config.endpoint).netloc}"


def explain(
    error: Exception, config: GcsConfig, path: str = "", *, is_folder: bool = False, version: str = ""
) -> ConnectorError:
    """Return the error to raise for one of `LIBRARY_ERRORS`.

    Args:
        error: What was raised.
        config: The bucket.
        path: The file or folder that was asked for.
        is_folder: Whether it is a folder.
        version: The version that was asked for.
    """
    if isinstance(error, GoogleAPICallError):
        return refused(
            int(error.code or 0), str(error.message or ""), config, path, is_folder=is_folder, version=version
        )
    if isinstance(error, auth.TransportError) and error.args and isinstance(error.args[0], Exception):
        return explain(error.args[0], config, path, is_folder=is_folder, version=version)
    return _no_credentials(error, config) or _no_connection(error, config, path)


def refused(
    status: int, message: str, config: GcsConfig, path: str, *, is_folder: bool = False, version: str = ""
) -> ConnectorError:
    """Return the error for an HTTP status.

    Args:
        status: The status.
        message: The store's own words; may be empty.
        config: The bucket.
        path: The file or folder that was asked for.
        is_folder: Whether it is a folder.
        version: The version that was asked for.
    """
    source = source_name(config)
    said = f"status {status}: {message[:200]}" if message else f"status {status}"
    if "requester pays" in message or "userProject" in message:
        return ConfigurationError(
            f"{source} charges those who read from it, and refused ({said}). Set `user_project` to a project that pays "
            "and that this account may use.",
            source,
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthenticationError(f"{source} does not accept the account's credentials ({said}).", source)
    if status == HTTPStatus.FORBIDDEN:
        return access_denied(source, path)
    if status == HTTPStatus.NOT_FOUND:
        return (folder_gone if is_folder else file_gone)(source, path)
    if status == HTTPStatus.PRECONDITION_FAILED:
        return file_changed(source, path, version=version)
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransferError(
            f"{source} is too busy or out of order: {path!r} could not be read in {config.max_attempts} attempts "
            f"({said}). Try again later.",
            source,
            path,
        )
    return ConnectorError(
        f"{source} refused to read {path!r} ({said}). Check the account's settings, and that `endpoint` is a GCS "
        "service's.",
        source,
    )


def no_bucket(config: GcsConfig) -> ConfigurationError:
    """Return the error for a bucket that is not there."""
    source = source_name(config)
    return ConfigurationError(f"{source} does not exist. Check `bucket_name` and `endpoint`.", source)


def _no_credentials(error: Exception, config: GcsConfig) -> ConnectorError | None:
    source = source_name(config)
    if isinstance(error, auth.InvalidOperation):  # the library tried to renew a login that is none
        return refused(HTTPStatus.UNAUTHORIZED, "nobody is logged in", config, "")
    if isinstance(error, auth.DefaultCredentialsError):
        return AuthenticationError(
            f"{source}: no credentials were found. Looked for: `service_account_key` of the account; the file of "
            "GOOGLE_APPLICATION_CREDENTIALS; the login of `gcloud`; the service account of the machine.",
            source,
        )
    if isinstance(error, auth.GoogleAuthError):
        if error.retryable:
            return UnreachableError(f"{source}: logging in failed for the moment. Try again later.", source)
        return AuthenticationError(
            f"{source}: the service account was not accepted ({str(error.args[0] if error.args else '')[:200]}). Check "
            "that it exists, that its key was not deleted, and that this machine's clock is right.",
            source,
        )
    return None


def _no_connection(error: Exception, config: GcsConfig, path: str) -> ConnectorError:
    source = source_name(config)
    if isinstance(error, TooSlowError):
        return error.explained(source, path)
    reason = str(error)
    url = str(getattr(getattr(error, "request", None), "url", None) or config.endpoint or "")
    if isinstance(error, requests.exceptions.SSLError):
        return untrusted_certificate(source, url, error, timeout_seconds=config.timeout_seconds)
    if isinstance(error, requests.ConnectTimeout) or any(sign in reason for sign in _NEVER_CONNECTED):
        return UnreachableError(
            f"{source} was not reached: no connection to {urlsplit(url).netloc}. Check `endpoint` and the network.",
            source,
        )
    if isinstance(error, _TIMEOUTS) or "timed out" in reason:
        return TransferError(
            f"{source} stopped answering for {config.timeout_seconds:g} s while {path!r} was read. Try again, or raise "
            "`timeout_seconds`.",
            source,
            path,
        )
    if isinstance(error, ValueError) and not isinstance(error, requests.ConnectionError):
        return ConnectorError(
            f"{source} does not speak GCS as it should ({reason[:200]}). Check that `endpoint` is a GCS service's.",
            source,
        )
    return TransferError(
        f"{source} dropped the connection while {path!r} was read. Try again; if it happens always, ask the store's "
        "operator.",
        source,
        path,
    )
