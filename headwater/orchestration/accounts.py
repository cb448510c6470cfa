"""From an Airflow Connection to what a connector needs: the one place where the two meet."""

from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from connectors.errors import ConfigurationError
from headwater.errors import HeadwaterError, NotFoundError
from headwater.flows.account_types import account_model, account_types
from headwater.flows.accounts import AccountResolver, ResolvedAccount
from headwater.orchestration.names import CONNECTION_TYPE_PREFIX, STANDARD_FIELDS


class AirflowAccounts:
    """Accounts that are Airflow Connections, else whatever `otherwise` has: account documents."""

    def __init__(self, otherwise: AccountResolver) -> None:
        self._otherwise = otherwise

    def resolve(self, account: str) -> ResolvedAccount:
        """See `AccountResolver.resolve`.

        Raises:
            HeadwaterError: the Connection's type is none of our account types.
        """
        try:
            connection = BaseHook.get_connection(account)
        except AirflowNotFoundException:
            return self._resolve_document(account)
        return account_from_connection(connection)

    def _resolve_document(self, account: str) -> ResolvedAccount:
        try:
            return self._otherwise.resolve(account)
        except NotFoundError as error:
            raise NotFoundError(
                f"account {account!r} does not exist. Looked for: an Airflow Connection of that id (metadata database, "
                f"variable AIRFLOW_CONN_{account.upper()}, secrets backends); then {error}"
            ) from error


def account_from_connection(connection: Connection) -> ResolvedAccount:
    """The type of account and its parameters that a Connection stands for: a connector's kind, or `pgp`.

    The type is `headwater_<kind>`, or plainly the kind. Host, port, login and password stand for the fields that
    `STANDARD_FIELDS` names; `extra` holds the others under their own names. Empty values count as not given.

    Raises:
        HeadwaterError: the type is none of our kinds, or `extra` is not a JSON object; no secret is repeated.
    """
    kind = (connection.conn_type or "").removeprefix(CONNECTION_TYPE_PREFIX)
    try:
        known = account_model(kind).model_fields
    except ConfigurationError:
        types = ", ".join(CONNECTION_TYPE_PREFIX + kind for kind in account_types())
        raise HeadwaterError(
            f"Connection {connection.conn_id!r} has type {connection.conn_type!r}, which no connector reads. "
            f"Change its type to one of: {types}."
        ) from None
    config = _extra(connection)
    for field, name in STANDARD_FIELDS.items():
        value = getattr(connection, field)
        if value not in (None, "") and name in known:
            config[name] = value
    return ResolvedAccount(kind=kind, config=config)


def _extra(connection: Connection) -> dict[str, Any]:
    try:
        extra = connection.extra_dejson
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise HeadwaterError(f"the extra field of Connection {connection.conn_id!r} has to be a JSON object")
    return {name: value for name, value in extra.items() if value not in (None, "")}
