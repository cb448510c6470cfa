"""Our own key pairs, with which deliveries are signed (spec: notifications.md, section 6).

There are two, so that one can be replaced while receivers still trust the other: a delivery is genuine if either of its
signatures fits.
"""

import base64
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headwater.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

PUBLIC_PATH: Final = "/headwater/signing-keys"
"""Where the public keys are served, below the installation's public address."""
_BITS: Final = 2048
_NAMES: Final = ("1.pem", "2.pem")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key pair. `id` is the fingerprint of its public key: another key has another path, and no cache mixes them."""

    id: str
    public_pem: bytes
    private: "RSAPrivateKey" = field(repr=False)

    @property
    def path(self) -> str:
        """The public key's path, as the headers have it."""
        return f"{PUBLIC_PATH}/{self.id}.pem"

    def sign(self, body: bytes) -> str:
        """Base64 of the RSA-SHA256 signature (PKCS #1 v1.5) of the body as it is sent."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return base64.b64encode(self.private.sign(body, PKCS1v15(), SHA256())).decode()


def load_signing_keys(folder: Path) -> tuple[SigningKey, ...]:
    """The key pairs, the newer first; none where `rotate_signing_keys` has never been called.

    Raises:
        SettingsError: a key's file cannot be read.
    """
    return tuple(_load(folder / name) for name in _NAMES if (folder / name).exists())


def rotate_signing_keys(folder: Path) -> tuple[SigningKey, ...]:
    """Make a new key pair in place of the older of the two, or both at first.

    Receivers that keep a public key of ours for a day go on by the other one, so rotate at most once a day.

    Returns:
        The keys from now on, the newer first.

    Raises:
        SettingsError: the folder cannot be written.
    """
    newer, older = (folder / name for name in _NAMES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if newer.exists():
            newer.replace(older)
        elif not older.exists():
            _write_new(older)
        _write_new(newer)
    except OSError as error:
        raise SettingsError(f"signing keys cannot be written to {folder}: {error.strerror}") from error
    return load_signing_keys(folder)


def _write_new(path: Path) -> None:
    """Write a new private key, whole or not at all, for nobody else to read."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _load(path: Path) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"signing key {path} cannot be read ({type(error).__name__}). Restore the file, or remove it and run "
            "`headwater notifications rotate-keys`."
        ) from None
    if not isinstance(private, RSAPrivateKey):
        raise SettingsError(
            f"signing key {path} is no RSA key; remove it and run `headwater notifications rotate-keys`"
        )
    public = private.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(id=hashlib.sha256(der).hexdigest()[:32], public_pem=pem, private=private)
