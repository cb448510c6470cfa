"""Which certificates are trusted, and what people are told about those that are not."""

import ssl
from pathlib import Path

from connectors.errors import ConfigurationError, UntrustedHostError
from connectors.ftp.config import FtpsConfig
from connectors.ftp.pins import fingerprint


def tls_context(config: FtpsConfig) -> ssl.SSLContext:
    """Return the settings for all TLS connections of an account: TLS 1.2 or newer.

    With pinned fingerprints nothing is verified during the handshake: `require_pinned` does it afterwards.

    Raises:
        ConfigurationError: The CA certificate can't be used.
    """
    context = _context_for(config.ca_certificate) if config.ca_certificate else ssl.create_default_context()
    if config.fingerprints or not config.verify_certificate:
        return unverified(context)
    return context


def unverified(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return the context, changed so that it accepts every certificate."""
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def require_pinned(connection: ssl.SSLSocket, config: FtpsConfig, source: str) -> None:
    """Make sure that a connection's other side has a pinned certificate, if any is pinned.

    Raises:
        UntrustedHostError: It has another one.
    """
    trusted = config.fingerprints
    presented = presented_fingerprint(connection)
    if config.verify_certificate and trusted and presented not in trusted:
        raise UntrustedHostError(
            f"{source} showed a certificate with the SHA-256 fingerprint {presented}, not one that is trusted "
            f"({', '.join(trusted)}). Nothing secret was sent to it. If the certificate was replaced on purpose, "
            "update `certificate_fingerprint`.",
            source,
            presented,
            trusted,
        )


def presented_fingerprint(connection: ssl.SSLSocket) -> str:
    """Return the fingerprint of the certificate that the other side showed; empty if it showed none."""
    certificate = connection.getpeercert(binary_form=True)
    return fingerprint(certificate) if certificate else ""


def not_verified(config: FtpsConfig, source: str, error: ssl.SSLCertVerificationError, presented: str) -> Exception:
    """Return the error for a certificate that the handshake did not accept.

    Args:
        config: The server.
        source: The server's name for people.
        error: What the handshake said.
        presented: The certificate's fingerprint; empty if it could not be found out.
    """
    shown = f" with the SHA-256 fingerprint {presented}" if presented else ""
    pin = f" set `certificate_fingerprint` to '{presented}', or" if presented else ""
    authorities = "`ca_certificate`" if config.ca_certificate else "the authorities that this machine trusts"
    return UntrustedHostError(
        f"{source} showed a certificate{shown} that can't be verified with {authorities}: {error.verify_message}. "
        "Nothing secret was sent to it. Compare the fingerprint with what the server's operator says; if it is the "
        f"same,{pin} give the authority's certificate as `ca_certificate`.",
        source,
        presented,
    )


def _context_for(text_or_path: str) -> ssl.SSLContext:
    """Return a context that trusts the authorities of a PEM text or file, and no others."""
    text = text_or_path
    if "-----BEGIN" not in text:
        try:
            text = Path(text_or_path).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"`ca_certificate` can't be read as a file: {error}. Give the path of a PEM file, or its text."
            ) from error
    try:
        return ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"`ca_certificate` holds no certificate that can be used: {error}. Give certificates in PEM, which begin "
            "with -----BEGIN CERTIFICATE-----."
        ) from error
