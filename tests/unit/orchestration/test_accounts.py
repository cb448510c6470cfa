import json

import pytest
from airflow.sdk import Connection

from connectors.registry import create_connector
from headwater.errors import HeadwaterError, NotFoundError
from headwater.flows.account_types import account_model, account_types
from headwater.flows.accounts import ResolvedAccount
from headwater.orchestration.accounts import AirflowAccounts, account_from_connection
from headwater.orchestration.provider import get_provider_info
from tests.integration.installation import environment

HOST_KEY = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"


def sftp(conn_type: str, **extra: object) -> Connection:
    return Connection(
        conn_id="partner",
        conn_type=conn_type,
        host="files.example.com",
        port=2222,
        login="luma",
        password="secret",
        extra=json.dumps({"host_key": HOST_KEY, **extra}),
    )


@pytest.mark.parametrize("conn_type", ["headwater_sftp", "sftp"])
def test_a_connection_becomes_a_connectors_configuration(conn_type: str) -> None:
    account = account_from_connection(sftp(conn_type, folder_path="/out", known_hosts="", timeout_seconds=None))

    assert account.kind == "sftp"
    assert account.config == {
        "host": "files.example.com",
        "port": 2222,
        "username": "luma",
        "password": "secret",
        "host_key": HOST_KEY,
        "folder_path": "/out",
    }
    create_connector(account.kind, account.config).close()


def test_fields_that_a_kind_does_not_have_are_left_out() -> None:
    connection = Connection(
        conn_id="share", conn_type="headwater_local", host="ignored", extra=json.dumps({"root_path": "/srv"})
    )

    assert account_from_connection(connection) == ResolvedAccount(kind="local", config={"root_path": "/srv"})


def test_no_secret_is_in_the_repr() -> None:
    assert "secret" not in repr(account_from_connection(sftp("sftp")))


def test_a_type_that_no_connector_reads_is_named_with_those_that_are() -> None:
    with pytest.raises(
        HeadwaterError, match="Connection 'partner' has type 'postgres', which no connector reads"
    ) as found:
        account_from_connection(sftp("postgres"))

    assert "headwater_ftp, headwater_ftps, " in str(found.value)


def test_extra_that_is_no_object_is_refused() -> None:
    connection = Connection(conn_id="partner", conn_type="sftp", extra="[1]")

    with pytest.raises(HeadwaterError, match="the extra field of Connection 'partner' has to be a JSON object"):
        account_from_connection(connection)


class Documents:
    def resolve(self, account: str) -> ResolvedAccount:
        if account == "written":
            return ResolvedAccount(kind="local", config={"root_path": "/srv"})
        raise NotFoundError(f"account {account!r}: no document")


def test_a_connection_comes_before_a_document() -> None:
    with environment({"AIRFLOW_CONN_WRITTEN": json.dumps({"conn_type": "local", "extra": {"root_path": "/other"}})}):
        account = AirflowAccounts(otherwise=Documents()).resolve("written")

    assert account.config == {"root_path": "/other"}


def test_without_a_connection_the_document_counts() -> None:
    assert AirflowAccounts(otherwise=Documents()).resolve("written").config == {"root_path": "/srv"}


def test_an_unknown_account_names_each_place_that_was_looked_in() -> None:
    with pytest.raises(NotFoundError) as caught:
        AirflowAccounts(otherwise=Documents()).resolve("nobody")

    assert str(caught.value) == (
        "account 'nobody' does not exist. Looked for: an Airflow Connection of that id (metadata database, variable "
        "AIRFLOW_CONN_NOBODY, secrets backends); then account 'nobody': no document"
    )


def test_every_type_of_account_has_a_form_with_every_field() -> None:
    types = {each["connection-type"]: each for each in get_provider_info()["connection-types"]}

    assert set(types) == {f"headwater_{kind}" for kind in account_types()}
    for kind in account_types():
        form = types[f"headwater_{kind}"]
        shown = set(form["conn-fields"]) | {
            {"login": "username"}.get(field, field) for field in form["ui-field-behaviour"]["relabeling"]
        }
        assert shown == set(account_model(kind).model_fields)
        assert all(field["label"] and field["description"] for field in form["conn-fields"].values())


@pytest.mark.parametrize("kind", ["ftp", "ftps", "gcs", "pgp", "s3", "sftp"])
def test_no_form_shows_a_secret_in_a_plain_field(kind: str) -> None:
    form = next(
        each for each in get_provider_info()["connection-types"] if each["connection-type"] == f"headwater_{kind}"
    )
    secrets = {name for name, field in account_model(kind).model_fields.items() if "SecretStr" in str(field.annotation)}

    assert secrets
    for name in secrets - {"password"}:
        assert form["conn-fields"][name]["schema"]["format"] in ("password", "multiline")
    assert ("password" in secrets) == ("password" in form["ui-field-behaviour"]["relabeling"])


def test_secrets_are_password_fields_or_many_lines() -> None:
    form = next(each for each in get_provider_info()["connection-types"] if each["connection-type"] == "headwater_sftp")

    formats = {name: field["schema"].get("format") for name, field in form["conn-fields"].items()}
    assert formats["passphrase"] == "password"
    assert formats["private_key"] == "multiline"
