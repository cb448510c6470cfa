"""What Airflow calls when somebody presses "Test" on one of our Connections. One class per type of account."""

from functools import cache
from typing import ClassVar

from airflow.sdk import BaseHook

from connectors.errors import ConnectorError
from connectors.registry import create_connector
from headwater.errors import HeadwaterError
from headwater.flows.account_check import Outcome, StepVerdict, check_connector
from headwater.flows.account_types import account_types
from headwater.flows.accounts import ResolvedAccount
from headwater.flows.pgp.check import check_keys
from headwater.model.pgp import PGP
from headwater.orchestration.accounts import account_from_connection
from headwater.orchestration.names import CONNECTION_TYPE_PREFIX, hook_class_name, hook_name

_MODULE = __name__


class SourceHook(BaseHook):
    """Tests a Connection: with the connector's own check, or whether the keys are any. The types have child classes."""

    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    conn_name_attr: ClassVar[str] = "conn_id"

    def __init__(self, conn_id: str = "") -> None:
        super().__init__()
        self.conn_id = conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Reach the source, verify it, log in, list and read; says of each step what was seen or what failed.

        Of keys, says which they are, and whether they decrypt.
        """
        try:
            account = account_from_connection(self.get_connection(self.conn_id))
            steps = self._check(account)
        except (ConnectorError, HeadwaterError) as error:
            return False, str(error)
        failed = [step for step in steps if step.outcome is Outcome.FAILED]
        return not failed, "; ".join(f"{step.name}: {step.detail}" for step in failed or steps)

    def _check(self, account: ResolvedAccount) -> tuple[StepVerdict, ...]:
        if account.kind == PGP:
            return check_keys(account, name=self.conn_id)
        connector = create_connector(account.kind, account.config)
        try:
            return check_connector(connector)
        finally:
            connector.close()


@cache
def hook_class(kind: str) -> type[SourceHook]:
    """The hook of a type of account."""
    attributes = {"conn_type": CONNECTION_TYPE_PREFIX + kind, "hook_name": hook_name(kind), "__module__": _MODULE}
    return type(hook_class_name(kind), (SourceHook,), attributes)


def __getattr__(name: str) -> type[SourceHook]:
    """Airflow imports the classes by name; kinds may come from other people's packages."""
    for kind in account_types():
        if hook_class_name(kind) == name:
            return hook_class(kind)
    raise AttributeError(f"module {_MODULE!r} has no attribute {name!r}")
