"""The keys that a dataflow names, and what it asks of its files: encryption and signatures."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from headwater.errors import DocumentError
from headwater.flows.accounts import AccountResolver, ResolvedAccount
from headwater.model.documents import Encryption
from headwater.model.pgp import PGP, PgpKeys

MAX_KEY_BYTES: Final = 1024 * 1024
"""Longer keys are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptionRules:
    """How the files of one dataflow are decrypted.

    Attributes:
        account: Where the private key is from, for messages.
        private_key: The key, as GnuPG imports it.
        passphrase: Its passphrase; empty if it has none.
        required: Whether each file has to be encrypted.
        signed: Whether each file has to be signed.
        public_keys: Keys of the senders; empty if there are none.
        signers: Fingerprints of the keys that may have signed; empty for any of `public_keys`.
    """

    account: str
    private_key: bytes = field(repr=False)
    passphrase: bytes = field(repr=False)
    required: bool
    signed: bool
    public_keys: bytes
    signers: frozenset[str]


def decryption_rules(encryption: Encryption, accounts: AccountResolver) -> DecryptionRules:
    """Look up the keys that a dataflow names.

    Raises:
        NotFoundError: there is no such account.
        DocumentError: it is not of type `pgp`, a parameter is wrong, or the key that is needed is not there.
    """
    keys = _keys(encryption.public_key_id, accounts)
    if keys.private_key is None:
        raise _incomplete(encryption.public_key_id, "private_key", "the key that decrypts")
    signed = encryption.sign_verification_key_id is not None or bool(encryption.signer_fingerprints)
    verifier = encryption.sign_verification_key_id or encryption.public_key_id
    public_keys = (keys if verifier == encryption.public_key_id else _keys(verifier, accounts)).public_keys
    if signed and public_keys is None:
        raise _incomplete(verifier, "public_keys", "the keys of the senders, whose signatures the dataflow asks for")
    return DecryptionRules(
        account=encryption.public_key_id,
        private_key=_key_bytes(keys.private_key.get_secret_value(), encryption.public_key_id, "private_key"),
        passphrase=_passphrase(keys),
        required=encryption.required,
        signed=signed,
        public_keys=_key_bytes(public_keys, verifier, "public_keys") if public_keys is not None else b"",
        signers=frozenset(encryption.signer_fingerprints),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """What an account of type `pgp` holds, as GnuPG takes it; `passphrase` is empty if there is none."""

    private_key: bytes | None = field(repr=False)
    passphrase: bytes = field(repr=False)
    public_keys: bytes | None


def key_files(account: ResolvedAccount, *, name: str) -> KeyFiles:
    """The keys of an account, one or both.

    Raises:
        DocumentError: a parameter is wrong, or there is no key.
    """
    keys = _parameters(account, name)
    private_key = keys.private_key.get_secret_value() if keys.private_key is not None else None
    if private_key is None and keys.public_keys is None:
        raise _incomplete(name, "private_key", "the key that decrypts")
    return KeyFiles(
        private_key=None if private_key is None else _key_bytes(private_key, name, "private_key"),
        passphrase=_passphrase(keys),
        public_keys=None if keys.public_keys is None else _key_bytes(keys.public_keys, name, "public_keys"),
    )


def _passphrase(keys: PgpKeys) -> bytes:
    return keys.passphrase.get_secret_value().encode() if keys.passphrase is not None else b""


def _keys(account: str, accounts: AccountResolver) -> PgpKeys:
    return _parameters(accounts.resolve(account), account)


def _parameters(resolved: ResolvedAccount, account: str) -> PgpKeys:
    if resolved.kind != PGP:
        raise DocumentError(
            f"account {account!r} is of type {resolved.kind!r}; `source.encryption` needs one of type {PGP!r}",
            key="source.encryption",
        )
    try:
        return PgpKeys.model_validate(dict(resolved.config))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)[0]
        valid = ", ".join(f"`{name}`" for name in PgpKeys.model_fields)
        raise DocumentError(
            f"account {account!r}: `{'.'.join(map(str, found['loc']))}`: {found['msg']}. Parameters of type {PGP!r} "
            f"are {valid}.",
            key="source.encryption",
        ) from None


def _key_bytes(text: str, account: str, name: str) -> bytes:
    """A key as GnuPG imports it: in armor as it is, Base64 decoded."""
    content: Any = text.strip().encode()
    if not content.startswith(b"-----BEGIN PGP"):
        try:
            content = base64.b64decode(b"".join(content.split()), validate=True)
        except binascii.Error:
            content = b""
    if not content or len(content) > MAX_KEY_BYTES or b"\0" in text.encode():
        raise DocumentError(
            f"account {account!r}: `{name}` is no OpenPGP key; give what `gpg --armor --export"
            f"{'-secret-keys' if name == 'private_key' else ''}` writes, or its Base64, of at most {MAX_KEY_BYTES:,} "
            "bytes",
            key=name,
        )
    return bytes(content)


def _incomplete(account: str, name: str, what: str) -> DocumentError:
    return DocumentError(f"account {account!r}: parameter `{name}` is missing: {what}", key=name)
