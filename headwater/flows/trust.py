"""The check of an account, and trust on first use: shown, asked for, and for one check only."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.errors import ConfigurationError, ConnectorError, UntrustedHostError
from headwater.flows.account_check import Outcome, StepVerdict, failed_steps, take_steps
from headwater.flows.pgp.check import check_keys
from headwater.flows.workspace import Workspace
from headwater.model.pgp import PGP


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
    """The verdicts of a check, step by step; `first_use` if the server was trusted for this check only."""

    steps: tuple[StepVerdict, ...]
    first_use: FirstUse | None = None

    @property
    def passed(self) -> bool:
        """Whether no step failed."""
        return all(step.outcome is not Outcome.FAILED for step in self.steps)


def check_account(workspace: Workspace, account: str, *, trust: bool = False) -> AccountCheck:
    """Reach the source of an account, verify it, log in, list, and read the first bytes of a file; or look at its keys.

    Args:
        workspace: The installation.
        account: The account's name.
        trust: Go on with a server for which the account names no key or certificate, as if it named the one that the
            server shows. Nothing is stored, and one that differs from what the account names is never trusted.

    Raises:
        NotFoundError: There is no such account.
        connectors.errors.ConfigurationError: The account's parameters are wrong, so that nothing can be tried.
        HeadwaterError: The account is of type `pgp`, and GnuPG is not installed.
    """
    resolved = workspace.accounts.resolve(account)
    if resolved.kind == PGP:
        return AccountCheck(steps=check_keys(resolved, name=account))
    try:
        return AccountCheck(steps=_take_steps(workspace, account))
    except ConfigurationError:
        raise
    except ConnectorError as error:
        first_use = _first_use(workspace, account, error) if trust else None
        if first_use is None:
            return AccountCheck(steps=failed_steps(error))
    try:
        steps = _take_steps(workspace, account, {first_use.field: first_use.value})
    except ConnectorError as error:
        steps = failed_steps(error)
    return AccountCheck(steps=steps, first_use=first_use)


def _take_steps(
    workspace: Workspace, account: str, changes: Mapping[str, object] | None = None
) -> tuple[StepVerdict, ...]:
    with workspace.connect(account, changes=changes) as connector:
        return take_steps(connector)


def _first_use(workspace: Workspace, account: str, error: ConnectorError) -> FirstUse | None:
    """What to trust for once, if that is what the check failed at, and the account names nothing."""
    if not isinstance(error, UntrustedHostError) or error.trusted or not error.presented:
        return None
    field = workspace.account_config(account).pin_field
    if field is None:
        return None
    return FirstUse(presented=error.presented, field=field, value=error.presented.split()[-1])
