"""What people configure for an S3 bucket."""

import ipaddress
import re
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.base import Connector
from connectors.objects.config import ObjectStoreConfig

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


class S3Config(ObjectStoreConfig):
    """Configuration of connector kind `s3`.

    Without keys, boto3's chain of places is searched: the variables `AWS_…`, a profile, the role of the container or of
    the machine. With `role_arn`, whatever was found is only used to assume that role.
    """

    kind: ClassVar[str] = "s3"

    access_key: str | None = Field(
        default=None, title="Access key ID", description="Id of the access key; with `secret_key`."
    )
    secret_key: SecretStr | None = Field(
        default=None, title="Secret access key", description="Secret of the access key; with `access_key`."
    )
    session_token: SecretStr | None = Field(
        default=None, title="Session token", description="Token that belongs to temporary keys."
    )
    role_arn: str | None = Field(
        default=None,
        title="Role ARN",
        description="Role to assume, such as `arn:aws:iam::123456789012:role/exchange`. It is assumed anew before it "
        "expires.",
    )
    external_id: SecretStr | None = Field(
        default=None, title="External ID", description="Id that the owner of `role_arn` asks for."
    )
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]{1,64}$",
        title="Region",
        description="Region of the bucket, such as `eu-central-1`. Without it, the environment's, else us-east-1.",
    )
    service_url: str | None = Field(
        default=None,
        title="Service URL",
        description="Address of the S3 service, for stores other than Amazon's, such as `https://s3.example.com:9000`. "
        "With `http://`, files travel unencrypted.",
        examples=["https://storage.googleapis.com"],
    )
    sts_url: str | None = Field(
        default=None, title="STS URL", description="Address of the service that hands out `role_arn`, if not Amazon's."
    )
    addressing_style: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        title="Addressing style",
        description="Whether the bucket stands in the path or in the host name; `auto` is the path with `service_url`, "
        "the host name otherwise.",
    )
    requester_pays: bool = Field(
        default=False, title="Requester pays", description="Agree to be charged for requests and transfer."
    )
    object_versions: bool = Field(
        default=False,
        title="Object versions",
        description="Tell versions of a file by the bucket's version ids, so that a file is read as it was listed even "
        "when it was replaced since. The bucket needs versioning, the account `s3:ListBucketVersions` and "
        "`s3:GetObjectVersion`. Otherwise versions are told by ETag, and a replaced file is refused.",
    )

    @field_validator("bucket_name")
    @classmethod
    def _must_be_a_bucket(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value) or _is_ip_address(value):
            raise ValueError("give a bucket's name alone, such as example-exchange")
        return value

    @field_validator("service_url", "sts_url")
    @classmethod
    def _must_be_a_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query:
                raise ValueError("give an address such as https://s3.example.com, without a user and without a query")
        return value

    @model_validator(mode="after")
    def _must_have_whole_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("`access_key` and `secret_key` belong together: give both, or neither")
        if self.session_token is not None and self.access_key is None:
            raise ValueError("`session_token` belongs to `access_key`, which is missing")
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("`external_id` belongs to `role_arn`, which is missing")
        return self

    def create_connector(self) -> Connector:
        """Build the connector; no I/O.

        Raises:
            AccessDeniedError: `folder_path` has a `..` part.
        """
        from connectors.objects.connector import ObjectConnector
        from connectors.s3.store import S3Store  # imports boto3

        return ObjectConnector(S3Store(self), self)


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
