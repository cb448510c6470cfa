"""The environment in which the demo's processes run: settings of Airflow and of Headwater."""

import os
from collections.abc import Mapping

from demo.credentials import (
    FTP_PASSWORD_VARIABLE,
    FTPS_PASSWORD_VARIABLE,
    S3_SECRET_KEY_VARIABLE,
    SFTP_PASSWORD_VARIABLE,
    WEBHOOK_SECRET_VARIABLE,
)
from demo.state import REPOSITORY, State

_OWN_PREFIXES = ("AIRFLOW", "HEADWATER_")


def plain_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without anybody's settings of Airflow or Headwater, so that they are left alone."""
    return {name: value for name, value in inherited.items() if not name.startswith(_OWN_PREFIXES)}


def headwater_settings(state: State, api_url: str) -> dict[str, str]:
    """Return the settings that the demo makes, by the names of the fields of `headwater.settings.Settings`."""
    return {
        "home": str(state.headwater_home),
        "flows": str(state.rendered / "dataflows"),
        "tenant": "techmarketingdemos",
        "public_url": api_url,
        "allow_private_webhooks": "true",
    }


def stack_environment(state: State, api_port: int) -> dict[str, str]:
    """Return the environment of all processes, but for the Connections that only Airflow's servers need.

    Everything listens on the loopback interface; local addresses are reached without a proxy.
    """
    made = state.secrets
    headwater = headwater_settings(state, api_url(api_port))
    return {
        **plain_environment(os.environ),
        **{f"HEADWATER_{name.upper()}": value for name, value in headwater.items()},
        **{f"AIRFLOW__{name}": value for name, value in _airflow_settings(state, api_port).items()},
        "AIRFLOW_HOME": str(state.airflow_home),
        SFTP_PASSWORD_VARIABLE: made.sftp_password,
        FTPS_PASSWORD_VARIABLE: made.ftps_password,
        FTP_PASSWORD_VARIABLE: made.ftp_password,
        S3_SECRET_KEY_VARIABLE: made.s3_secret_key,
        WEBHOOK_SECRET_VARIABLE: made.webhook_secret,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def api_url(port: int) -> str:
    """Return the address of Airflow's API server."""
    return f"http://127.0.0.1:{port}"


def _airflow_settings(state: State, api_port: int) -> dict[str, str]:
    made, url = state.secrets, api_url(api_port)
    return {
        "API__BASE_URL": url,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(api_port),
        "API__SECRET_KEY": made.api_secret_key,
        "API_AUTH__JWT_SECRET": made.jwt_secret,
        "CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__FERNET_KEY": made.fernet_key,
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "4",
        "CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state.airflow_home / "passwords.json"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{state.airflow_home}/airflow.db",
        # A demo that was killed leaves tasks that look alive; the next one notices them soon.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    }
