"""What people configure for an SFTP server."""

from typing import ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.base import Connector, ConnectorConfig
from connectors.errors import ConfigurationError
from connectors.hosts import FolderPath, HostName
from connectors.pace import (
    LEAST_BYTES_PER_SECOND,
    LEAST_SPEED_SECONDS,
    LeastBytesPerSecond,
    LeastSpeed,
    LeastSpeedSeconds,
)
from connectors.sftp.trust import parse_pin


class SftpConfig(ConnectorConfig):
    """Configuration of connector kind `sftp`.

    The server is trusted if its key matches `host_key` or `known_hosts`. With neither, every connection is refused
    with a message that shows the server's fingerprint, before anything secret is sent.
    """

    kind: ClassVar[str] = "sftp"
    pin_field: ClassVar[str | None] = "host_key"

    host: HostName = Field(description="Name or IP address of the server, without `sftp://` and without the port.")
    port: int = Field(default=22, ge=1, le=65535, title="Port", description="TCP port of the SSH service.")
    username: str = Field(min_length=1, title="User name", description="Login name on the server.")
    password: SecretStr | None = Field(
        default=None,
        title="Password",
        description="Password of the user. With `private_key` too, it is used where the server asks for both.",
    )
    private_key: SecretStr | None = Field(
        default=None,
        title="Private key",
        description="Whole text of a private key file (RSA, ECDSA or Ed25519; OpenSSH, PEM or PKCS #8), or the "
        "Base64 of that whole file, as Adobe Experience Platform's `privateKeyContent` has it.",
    )
    passphrase: SecretStr | None = Field(
        default=None, title="Passphrase", description="Passphrase of `private_key`, if the key is encrypted."
    )
    certificate: str | None = Field(
        default=None,
        title="Certificate",
        description="OpenSSH certificate of `private_key`, for servers that trust an authority instead of keys: the "
        "text of the file that ends in `-cert.pub`.",
    )
    agent_socket: str | None = Field(
        default=None,
        title="SSH agent",
        description="Path of an SSH agent's socket, as `SSH_AUTH_SOCK` holds it. Up to five of the agent's keys are "
        "tried; they never leave it.",
    )
    host_key: str | tuple[str, ...] = Field(
        default=(),
        title="Host key",
        description="The server's key, or several, any of which is trusted: a fingerprint such as `SHA256:47DE…` or "
        "a public key such as `ssh-ed25519 AAAA…`.",
    )
    known_hosts: str | None = Field(
        default=None,
        title="Known hosts",
        description="Text of an OpenSSH known_hosts file, or the path of one. Used together with `host_key`.",
    )
    folder_path: FolderPath = None
    timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=600,
        title="Timeout",
        description="How many seconds to wait for the connection, for the login, and for each answer.",
    )
    least_bytes_per_second: LeastBytesPerSecond = LEAST_BYTES_PER_SECOND
    least_speed_seconds: LeastSpeedSeconds = LEAST_SPEED_SECONDS
    max_connections: int = Field(
        default=4,
        ge=1,
        le=64,
        title="Most connections",
        description="How many connections to the server may be open at once for this account, by all runs of this "
        "machine together (Adobe Experience Platform's `maxConcurrentConnections`). Stay below the server's own limit.",
    )
    disable_chunking: bool = Field(
        default=False,
        title="Disable chunking",
        description="Read each file over one connection only. Otherwise a large file of a server that is far away is "
        "read over several at once, as far as `max_connections` has room; a few servers don't allow that.",
    )

    @property
    def least_speed(self) -> LeastSpeed:
        """How slow a transfer may be."""
        return LeastSpeed(bytes_per_second=self.least_bytes_per_second, seconds=self.least_speed_seconds)

    @property
    def host_keys(self) -> tuple[str, ...]:
        """`host_key` as a tuple; empty if none is configured."""
        return (self.host_key,) if isinstance(self.host_key, str) else self.host_key

    @field_validator("host_key")
    @classmethod
    def _must_be_host_keys(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for text in (value,) if isinstance(value, str) else value:
            try:
                parse_pin(text)
            except ConfigurationError as error:
                raise ValueError(str(error).removesuffix(".")) from error
        return value

    @model_validator(mode="after")
    def _must_have_credentials(self) -> Self:
        if self.password is None and self.private_key is None and self.agent_socket is None:
            raise ValueError("give `password`, `private_key` or `agent_socket`")
        if self.passphrase is not None and self.private_key is None:
            raise ValueError("`passphrase` belongs to `private_key`, which is missing")
        if self.certificate is not None and self.private_key is None:
            raise ValueError("`certificate` belongs to `private_key`, which is missing")
        return self

    def create_connector(self) -> Connector:
        """Build the connector; no I/O.

        Raises:
            ConfigurationError: The private key or the known hosts can't be used.
        """
        from connectors.sftp.connector import SftpConnector  # imports paramiko

        return SftpConnector(self)
