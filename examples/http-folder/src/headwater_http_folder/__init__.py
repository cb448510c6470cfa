"""Connector kind `http_folder`: files that a web server lists as a page of links."""

import ssl
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors import Connector, ConnectorConfig


class HttpFolderConfig(ConnectorConfig):
    """Configuration of connector kind `http_folder`."""

    kind: ClassVar[str] = "http_folder"

    url: str = Field(
        title="URL",
        description="Address of the folder that the account gives access to.",
        examples=["https://files.example.com/outbox/"],
    )
    username: str | None = Field(default=None, title="User name", description="Login name, if the server asks for one.")
    password: SecretStr | None = Field(default=None, title="Password", description="Password of the user.")
    ca_certificate: str | None = Field(
        default=None,
        title="CA certificate",
        description="Certificates, in PEM, of the authorities that are trusted instead of the public ones.",
    )
    timeout_seconds: float = Field(
        default=30, gt=0, le=600, title="Timeout", description="How many seconds to wait for each answer."
    )

    @field_validator("url")
    @classmethod
    def _must_be_a_folder(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query:
            raise ValueError("give an address such as https://files.example.com/outbox/, without a user or a query")
        return value.rstrip("/") + "/"

    @field_validator("ca_certificate")
    @classmethod
    def _must_be_certificates(cls, value: str | None) -> str | None:
        try:
            ssl.create_default_context(cadata=value)
        except (ssl.SSLError, ValueError):
            raise ValueError("give certificates in PEM, which begin with -----BEGIN CERTIFICATE-----") from None
        return value

    @model_validator(mode="after")
    def _must_not_send_passwords_in_the_clear(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("give `username` and `password` together, or neither")
        if self.password is not None and self.url.startswith("http:"):
            raise ValueError("a password is only sent over https: change `url`")
        return self

    def create_connector(self) -> Connector:
        """Build the connector; no I/O."""
        from headwater_http_folder.connector import HttpFolderConnector  # imports httpx

        return HttpFolderConnector(self)
