from typing import Any

import pytest

from connectors import AccessDeniedError, ConfigurationError, create_connector
from connectors.s3 import S3Config


def problem(**settings: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        create_connector("s3", {"bucket_name": "exchange", **settings})
    return str(caught.value).removeprefix("The configuration of connector kind 's3' is wrong: ")


@pytest.mark.parametrize("name", ["", "s3://exchange", "a/b", "10.0.0.1", "ab", "b\n", "-exchange"])
def test_a_bucket_is_only_a_bucket(name: str) -> None:
    assert problem(bucket_name=name) == "`bucket_name`: give a bucket's name alone, such as example-exchange."


@pytest.mark.parametrize(
    "url", ["s3.example.com", "ftp://s3", "https://", "https://u:p@s3.example.com", "https://s?x=1"]
)
def test_a_url_has_a_protocol_and_no_user(url: str) -> None:
    for field in ("service_url", "sts_url"):
        assert problem(**{field: url}) == (
            f"`{field}`: give an address such as https://s3.example.com, without a user and without a query."
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"access_key": "a"}, "`access_key` and `secret_key` belong together: give both, or neither."),
        ({"secret_key": "a"}, "`access_key` and `secret_key` belong together: give both, or neither."),
        ({"session_token": "a"}, "`session_token` belongs to `access_key`, which is missing."),
        ({"external_id": "a"}, "`external_id` belongs to `role_arn`, which is missing."),
    ],
    ids=["no-secret", "no-key", "no-keys", "no-role"],
)
def test_what_belongs_together(settings: dict[str, Any], message: str) -> None:
    assert problem(**settings) == message


def test_the_schema_hides_secrets_and_requires_the_bucket_alone() -> None:
    schema = S3Config.model_json_schema()
    assert schema["required"] == ["bucket_name"]
    for secret in ("secret_key", "session_token", "external_id"):
        assert schema["properties"][secret]["anyOf"][0] == {"format": "password", "type": "string", "writeOnly": True}


def test_a_folder_does_not_lead_upwards() -> None:
    with pytest.raises(AccessDeniedError, match=r"S3 bucket 'exchange': path 'a/\.\./b' was refused"):
        create_connector("s3", {"bucket_name": "exchange", "folder_path": "a/../b"})


def test_a_bucket_is_needed() -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_connector("s3", {"service_url": "https://s3.example.com"})
    assert str(caught.value) == (
        "The configuration of connector kind 's3' is wrong: `bucket_name` is missing (Name of the bucket, without a "
        "protocol)."
    )
