import pytest

from connectors import ConfigurationError, create_connector
from connectors.gcs import GcsConfig


def problem(**settings: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        create_connector("gcs", {"bucket_name": "exchange", **settings})
    return str(caught.value).removeprefix("The configuration of connector kind 'gcs' is wrong: ")


@pytest.mark.parametrize("name", ["", "gs://exchange", "a/b", "Exchange", "ab", "b\n", "-exchange"])
def test_a_bucket_is_only_a_bucket(name: str) -> None:
    assert problem(bucket_name=name) == "`bucket_name`: give a bucket's name alone, such as example-exchange."


@pytest.mark.parametrize("url", ["storage.example.com", "ftp://x", "https://", "https://u:p@x.example.com"])
def test_an_endpoint_has_a_protocol_and_no_user(url: str) -> None:
    assert problem(endpoint=url) == (
        "`endpoint`: give an address such as https://storage.example.com, without a user and without a query."
    )


def test_one_way_of_logging_in() -> None:
    assert problem(anonymous=True, service_account_key="{}") == (
        "`service_account_key` is not used when `anonymous` is set: give one of the two."
    )


def test_the_schema_hides_the_key_and_requires_the_bucket_alone() -> None:
    schema = GcsConfig.model_json_schema()
    assert schema["required"] == ["bucket_name"]
    key = schema["properties"]["service_account_key"]["anyOf"][0]
    assert key == {"format": "password", "type": "string", "writeOnly": True}


def test_a_key_that_is_none_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_connector("gcs", {"bucket_name": "exchange", "service_account_key": '{"private_key": "hunter2"}'})
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None
