"""Private keys and their certificates, from the text that people paste to what paramiko logs in with."""

import base64
import binascii
import io

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_identity,
)

from connectors.errors import ConfigurationError

_BEGIN = b"-----BEGIN "


def load_private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """Read a private key.

    Args:
        text: The key file's text (OpenSSH, PEM or PKCS #8), or the Base64 of the whole file, as AEP's
            `privateKeyContent` has it.
        passphrase: The key's passphrase, if it is encrypted.

    Raises:
        ConfigurationError: It is no such key, or the passphrase does not fit. Shows neither.
    """
    content = _file_content(text)
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in content else load_pem_private_key
    try:
        key = load(content, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            "`private_key` can't be read. Paste the whole file, unchanged, and check `passphrase`: it has to be there "
            "if, and only if, the key is encrypted."
        ) from error
    if isinstance(key, RSAPrivateKey):
        return paramiko.RSAKey(key=key)
    if isinstance(key, EllipticCurvePrivateKey):
        return paramiko.ECDSAKey(vals=(key, key.public_key()))
    if isinstance(key, Ed25519PrivateKey):
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        return paramiko.Ed25519Key(file_obj=io.StringIO(plain.decode()))
    raise ConfigurationError(
        "`private_key` is of a type that is no longer safe to use (DSA), or not one for SSH. Use RSA, ECDSA or "
        "Ed25519: `ssh-keygen -t ed25519`."
    )


def add_certificate(key: paramiko.PKey, text: str) -> None:
    """Let a private key log in with an OpenSSH certificate.

    Args:
        key: The private key.
        text: The certificate file's text, as in "ssh-ed25519-cert-v01@openssh.com AAAA… name".

    Raises:
        ConfigurationError: It is no user's certificate, or one of another key.
    """
    try:
        certificate = load_ssh_public_identity(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            "`certificate` can't be read: expected the text of a `-cert.pub` file, as in "
            "`ssh-ed25519-cert-v01@openssh.com AAAA…`."
        ) from error
    if not isinstance(certificate, SSHCertificate) or certificate.type is not SSHCertificateType.USER:
        raise ConfigurationError("`certificate` is no user's certificate, but a plain key or a host's. Give the other.")
    if certificate.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1] != (
        key.get_base64().encode()
    ):
        raise ConfigurationError("`certificate` belongs to another key than `private_key`. Give the pair.")
    key.load_certificate(text.strip())


def _file_content(text: str) -> bytes:
    content = text.strip().encode() + b"\n"
    if not content.startswith(_BEGIN):
        try:
            content = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            content = b""
    if content.lstrip().startswith(_BEGIN):
        return content
    raise ConfigurationError(
        "`private_key` is no private key: expected text that starts with `-----BEGIN … PRIVATE KEY-----`, or the "
        "Base64 of such a file. A PuTTY key (.ppk) has to be exported as an OpenSSH key first."
    )
