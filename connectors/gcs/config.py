"""What people configure for a bucket of Google Cloud Storage."""

import re
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.base import Connector
from connectors.objects.config import ObjectStoreConfig

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class GcsConfig(ObjectStoreConfig):
    """Configuration of connector kind `gcs`.

    Without a key, Google's application default credentials are used: the variable `GOOGLE_APPLICATION_CREDENTIALS`, the
    login of `gcloud`, the service account of the machine. HMAC keys belong to connector kind `s3`, with the service URL
    `https://storage.googleapis.com`.
    """

    kind: ClassVar[str] = "gcs"

    service_account_key: SecretStr | None = Field(
        default=None,
        title="Service account key",
        description="Whole text of a service account's key file, which is JSON.",
    )
    anonymous: bool = Field(
        default=False, title="Anonymous", description="Read without logging in: public buckets, and emulators."
    )
    user_project: str | None = Field(
        default=None,
        title="User project",
        description="Project that is charged for requests and transfer; buckets whose requester pays need one.",
    )
    endpoint: str | None = Field(
        default=None,
        title="Endpoint",
        description="Address of the service, if it is not Google's own: a private endpoint, or an emulator.",
        examples=["https://storage.googleapis.com"],
    )

    @field_validator("bucket_name")
    @classmethod
    def _must_be_a_bucket(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError("give a bucket's name alone, such as example-exchange")
        return value

    @field_validator("endpoint")
    @classmethod
    def _must_be_a_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query:
            raise ValueError("give an address such as https://storage.example.com, without a user and without a query")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _must_log_in_one_way(self) -> Self:
        if self.anonymous and self.service_account_key is not None:
            raise ValueError("`service_account_key` is not used when `anonymous` is set: give one of the two")
        return self

    def create_connector(self) -> Connector:
        """Build the connector; no I/O.

        Raises:
            ConfigurationError: The key can't be used.
            AccessDeniedError: `folder_path` has a `..` part.
        """
        from connectors.gcs.store import GcsStore  # imports Google's libraries
        from connectors.objects.connector import ObjectConnector

        return ObjectConnector(GcsStore(self), self)
