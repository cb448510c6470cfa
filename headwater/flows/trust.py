"""Trust on first use: shown, asked for, and for one check only."""

from dataclasses import dataclass

from connectors.base import CheckStep
from connectors.errors import UntrustedHostError
from headwater.flows.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUse:
    """What a server showed that the account names nothing for.

    Attributes:
        presented: The key's type and fingerprint, or the certificate's fingerprint.
        field: The account's parameter that would name it.
        value: What to set that parameter to, once the server's operator has confirmed it.
    """

    presented: str
    field: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCheck:
    """The steps of a check that went well; `first_use` if the server was trusted for this check only."""

    steps: tuple[CheckStep, ...]
    first_use: FirstUse | None = None


def check_account(workspace: Workspace, account: str, *, trust: bool = False) -> AccountCheck:
    """Reach the source of an account, verify it, log in and list.

    Args:
        workspace: The installation.
        account: The account's name.
        trust: Go on with a server for which the account names no key or certificate, as if it named the one that the
            server shows. Nothing is stored, and one that differs from what the account names is never trusted.

    Raises:
        NotFoundError: There is no such account.
        connectors.errors.ConnectorError: A step failed.
    """
    try:
        with workspace.connect(account) as connector:
            return AccountCheck(steps=connector.check().steps)
    except UntrustedHostError as error:
        field = workspace.account_config(account).pin_field
        if not trust or error.trusted or not error.presented or field is None:
            raise
        first_use = FirstUse(presented=error.presented, field=field, value=error.presented.split()[-1])
    with workspace.connect(account, changes={first_use.field: first_use.value}) as connector:
        return AccountCheck(steps=connector.check().steps, first_use=first_use)
