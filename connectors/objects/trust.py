"""Which certificates are trusted, and what to say of one that is not."""

import hashlib
import ssl
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from connectors.errors import ConfigurationError, ConnectorError, UnreachableError, UntrustedHostError

_PEM = "-----BEGIN CERTIFICATE-----"


def certificate_file(text_or_path: str, resources: ExitStack) -> str:
    """Return the path of a file with the certificates that are trusted.

    Args:
        text_or_path: The text of a PEM file, or the path of one.
        resources: Removes the file again, if it was written here.

    Raises:
        ConfigurationError: There are no certificates in it.
    """
    path = text_or_path
    if _PEM in text_or_path:
        folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="headwater-"))
        path = f"{folder}/ca.pem"
        Path(path).write_text(text_or_path, encoding="utf-8")
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"`ca_certificate` can't be used: {error}. Give certificates in PEM form (BEGIN CERTIFICATE), as text or "
            "as the path of a file."
        ) from error
    return path


def untrusted_certificate(source: str, url: str, error: Exception, *, timeout_seconds: float) -> ConnectorError:
    """Return the error for a TLS connection that did not come about, with the certificate's fingerprint."""
    reason = str(error)
    if "CERTIFICATE_VERIFY_FAILED" not in reason and "certificate verify failed" not in reason:
        return UnreachableError(
            f"{source} failed in the TLS handshake: {_short(reason)}. Check that the URL's port speaks TLS.", source
        )
    presented = _fingerprint(url, timeout_seconds)
    return UntrustedHostError(
        f"{source} showed certificate {presented}, which is not trusted ({_short(reason)}). Nothing was sent to it. "
        "If the certificate is the right one, set `ca_certificate` to the authority that signed it.",
        source,
        presented,
    )


def _fingerprint(url: str, timeout_seconds: float) -> str:
    """Ask for the certificate once more, this time only to show it."""
    parts = urlsplit(url)
    try:
        text = ssl.get_server_certificate((parts.hostname or "", parts.port or 443), timeout=timeout_seconds)
    except (OSError, ValueError):
        return "that can't be shown"
    return f"SHA256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()}"


def _short(reason: str) -> str:
    """The innermost reason, without the chain of wrappers and addresses around it."""
    _, found, rest = reason.partition("certificate verify failed: ")
    return rest.split(" (_ssl")[0] if found else reason.split("\n")[0][:200]
