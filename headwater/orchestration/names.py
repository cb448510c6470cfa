"""Names that the Airflow side and our side agree on."""

from collections.abc import Mapping
from typing import Final

CONNECTION_TYPE_PREFIX: Final = "headwater_"
"""Our Connection types are this and the connector's kind, such as `headwater_sftp`."""

STANDARD_FIELDS: Final[Mapping[str, str]] = {
    "host": "host",
    "port": "port",
    "login": "username",
    "password": "password",
}
"""A Connection's own fields, and the configuration fields that they stand for; all others are in `extra`."""

DISCOVER: Final = "discover"
FINISH: Final = "finish"
"""Ids of the first and the last task."""

DISCOVERY_KEY: Final = "discovery"
"""XCom key of the ids and counts that `discover` hands to the other tasks."""
FAILURE_KEY: Final = "failure"
"""XCom key of the message of a task that failed."""
SUMMARY_KEY: Final = "summary"
"""XCom key under which `finish` hands the Dag run's note to the listener that sets it."""

POOL_PREFIX: Final = "account_"

POOL_SLOTS: Final = 4
"""Slots of a new pool, where the account's Connection says no `max_connections`; to be changed in Admin, Pools."""


def account_pool(account: str) -> str:
    """Name of the pool that bounds how many tasks read from one account at a time."""
    return f"{POOL_PREFIX}{account}"


def hook_name(kind: str) -> str:
    """A connector kind as a Connection type is called in Airflow's forms."""
    return f"Headwater {kind.upper() if len(kind) < 5 else kind.title()}"


def hook_class_name(kind: str) -> str:
    """Name of a connector kind's class in `hooks`."""
    return "".join(part.title() for part in kind.replace("-", "_").split("_")) + "Hook"
