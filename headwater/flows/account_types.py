"""What an account can be: a source, which a connector reads, or the keys of encrypted files."""

from pydantic import BaseModel

from connectors.registry import config_model, connector_kinds
from headwater.model.pgp import PGP, PgpKeys


def account_types() -> tuple[str, ...]:
    """Return the types of accounts, sorted: the connector kinds, and `pgp`; imports no connector."""
    return tuple(sorted((*connector_kinds(), PGP)))


def account_model(account_type: str) -> type[BaseModel]:
    """Return the class of an account's parameters.

    Raises:
        connectors.errors.ConfigurationError: there is no such type.
    """
    return PgpKeys if account_type == PGP else config_model(account_type)
