"""From an account's name to what its connector needs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from headwater.catalog.resources import ResourceStore
from headwater.errors import DocumentError, NotFoundError
from headwater.model.documents import Account, SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedAccount:
    """A connector's kind and its configuration, secrets included: never log it."""

    kind: str
    config: Mapping[str, object] = field(repr=False)


class AccountResolver(Protocol):
    """Where accounts come from: the catalog's documents, or Airflow's Connections."""

    def resolve(self, account: str) -> ResolvedAccount:
        """The account of that name.

        Raises:
            NotFoundError: there is none; the message names each place that was looked in.
        """
        ...


class DocumentAccounts:
    """Accounts that were applied as documents."""

    def __init__(self, resources: ResourceStore) -> None:
        self._resources = resources

    def resolve(self, account: str) -> ResolvedAccount:
        """The account document of that name, its secrets read from where it says."""
        document = self._resources.find("account", account)
        if not isinstance(document, Account):
            raise NotFoundError(
                f"account {account!r} does not exist: there is no account document of that name in the catalog. "
                "Write one (kind: account) and `headwater apply` it."
            )
        config = {key: _value(account, key, value) for key, value in document.params.items()}
        return ResolvedAccount(kind=document.type, config=config)


def _value(account: str, key: str, value: object) -> object:
    """A parameter; a mapping with `env` or `file` stands for a secret kept elsewhere."""
    if not isinstance(value, dict) or not value.keys() & {"env", "file"}:
        return value
    try:
        reference = SecretRef.from_json(value)
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]["msg"]
        raise DocumentError(f"account {account!r}: `{key}` is no reference to a secret: {reason}", key=key) from None
    return read_secret(reference, of=f"account {account!r}, `{key}`")


def read_secret(reference: SecretRef, *, of: str) -> str:
    """The secret itself; a file's final newline is not part of it.

    Raises:
        NotFoundError: the variable or file is not there; `of` says whose secret it is.
        DocumentError: the file cannot be named so, or the secret is no UTF-8 text.
    """
    if reference.env is not None:
        secret = os.environ.get(reference.env)
        if secret is None:
            raise NotFoundError(f"{of}: the environment variable {reference.env} is not set")
        return _text(secret, f"{of}: the environment variable {reference.env}")
    path = Path(str(reference.file))
    try:
        content = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise NotFoundError(f"{of}: the secret's file {str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a path with a NUL
        raise DocumentError(f"{of}: {str(path)!r} is no name of a file: {error}") from error
    return _text(content, f"{of}: the secret's file {str(path)!r}").removesuffix("\n")


def _text(secret: str, where: str) -> str:
    """The secret, if all its bytes were UTF-8; what was not came as surrogates."""
    try:
        secret.encode()
    except UnicodeEncodeError:
        raise DocumentError(f"{where} is not UTF-8 text. Is it another file, or a key in a binary form?") from None
    return secret
