"""The Connections of the demo are what the connectors take."""

from typing import Any

import pytest
from airflow.sdk import Connection

from connectors.registry import create_connector
from demo.sources import SOURCES, RunningSource, Source
from headwater.orchestration.accounts import account_from_connection

SERVER = {"host": "127.0.0.1", "port": 2345, "username": "luma"}
PARAMS: dict[str, dict[str, Any]] = {
    "sftp": {**SERVER, "host_key": "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"},
    "ftps": {**SERVER, "certificate_fingerprint": "ab" * 32},
    "ftp": SERVER,
    "s3": {"service_url": "http://127.0.0.1:2346", "bucket_name": "luma-exchange", "access_key": "luma"},
    "gcs": {"endpoint": "http://127.0.0.1:2347", "bucket_name": "luma-outlets", "anonymous": True},
}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_a_connection_becomes_the_configuration_of_its_kind(source: Source) -> None:
    running = RunningSource(source=source, params=PARAMS[source.kind])
    secret = {source.login_field: "of-this-test"} if source.login_field else {}
    described = running.airflow_connection({source.variable: "of-this-test"} if source.variable else {})
    account = account_from_connection(Connection.from_json(described, conn_id=source.account))
    assert (account.kind, account.config) == (source.kind, PARAMS[source.kind] | secret)
    create_connector(account.kind, account.config).close()
    assert "of-this-test" not in repr(running)
