"""What people configure for an FTP or FTPS server."""

import string
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from connectors.base import Connector, ConnectorConfig
from connectors.ftp.pins import parse_fingerprint
from connectors.hosts import FolderPath, HostName
from connectors.pace import (
    LEAST_BYTES_PER_SECOND,
    LEAST_SPEED_SECONDS,
    LeastBytesPerSecond,
    LeastSpeed,
    LeastSpeedSeconds,
)

_ASCII = string.ascii_letters + string.digits + string.punctuation + " "


class FtpConfig(ConnectorConfig):
    """Configuration of connector kind `ftp`.

    Everything goes over the network in clear text, the password included. Use `ftps` or `sftp` where the server has it.
    """

    kind: ClassVar[str] = "ftp"

    host: HostName = Field(description="Name or IP address of the server, without `ftp://` and without the port.")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        title="Port",
        description="TCP port of the control connection. Without it 21, or 990 where TLS is implicit.",
    )
    username: str = Field(default="anonymous", min_length=1, title="User name", description="Login name on the server.")
    password: SecretStr | None = Field(
        default=None,
        title="Password",
        description="Password of the user. Servers that let everybody in as `anonymous` need none.",
    )
    folder_path: FolderPath = None
    passive_mode: bool = Field(
        default=True,
        title="Passive mode",
        description="Whether this side opens the connections for data, which works through most firewalls. If not, "
        "the server connects to this machine.",
    )
    use_server_address: bool = Field(
        default=False,
        title="Use the server's address",
        description="In passive mode, whether data connections go to the address that the server names, rather than "
        "to `host`. Servers behind NAT name addresses that can't be reached, so leave it off unless data really comes "
        "from another machine.",
    )
    encoding: str = Field(
        default="utf-8",
        title="Encoding of names",
        description="Character set of file and folder names, as Python names it, such as `utf-8`, `latin-1` or "
        "`cp1252`.",
    )
    time_zone: str | None = Field(
        default=None,
        title="Time zone of listings",
        description="IANA name, such as `Europe/Berlin`, of the zone of the times in listings that do not state it. "
        "Only for servers that have neither MLSD nor MDTM, which tell UTC; without it, their files have no time.",
    )
    timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=600,
        title="Timeout",
        description="How many seconds to wait for a connection, for each answer, and for each 4 KiB of data.",
    )
    least_bytes_per_second: LeastBytesPerSecond = LEAST_BYTES_PER_SECOND
    least_speed_seconds: LeastSpeedSeconds = LEAST_SPEED_SECONDS
    max_connections: int = Field(
        default=4,
        ge=1,
        le=64,
        title="Most connections",
        description="How many connectors may be used at once for this account; each holds one connection, and one more "
        "for every further file that it has open at the same time. Stay below the server's own limit.",
    )

    @property
    def least_speed(self) -> LeastSpeed:
        """How slow a transfer may be."""
        return LeastSpeed(bytes_per_second=self.least_bytes_per_second, seconds=self.least_speed_seconds)

    @property
    def server_port(self) -> int:
        """The port to connect to."""
        return self.port or 21

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of times in listings; None if it is not known."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @field_validator("username", "password")
    @classmethod
    def _must_fit_on_a_line(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value or ""
        if any(character in text for character in "\r\n\0"):
            raise ValueError("give it without line breaks, which FTP takes for the end of a command")
        return value

    @field_validator("encoding")
    @classmethod
    def _must_be_an_encoding(cls, value: str) -> str:
        try:
            contains_ascii = _ASCII.encode(value) == _ASCII.encode("ascii")
        except (LookupError, UnicodeError):
            contains_ascii = False
        if not contains_ascii:
            raise ValueError("give a character set that contains ASCII, such as utf-8, latin-1 or cp1252")
        return value

    @field_validator("time_zone")
    @classmethod
    def _must_be_a_zone(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (OSError, ValueError, KeyError) as error:
            raise ValueError("give the IANA name of a time zone, such as Europe/Berlin or UTC") from error
        return value

    def create_connector(self) -> Connector:
        """Build the connector; no I/O.

        Raises:
            ConfigurationError: The CA certificate can't be used.
        """
        from connectors.ftp.connector import FtpConnector  # imports ftplib and ssl

        return FtpConnector(self)


class FtpsConfig(FtpConfig):
    """Configuration of connector kind `ftps`.

    The control connection and every data connection are encrypted, or nothing is sent: there is no way back to clear
    text. The certificate has to be valid for `host` and signed by a known authority, unless `ca_certificate` or
    `certificate_fingerprint` says whom to trust.
    """

    kind: ClassVar[str] = "ftps"
    pin_field: ClassVar[str | None] = "certificate_fingerprint"

    tls_mode: Literal["explicit", "implicit"] = Field(
        default="explicit",
        title="TLS mode",
        description="`explicit` asks for TLS on the usual port (AUTH TLS); `implicit` begins with it, on port 990.",
    )
    verify_certificate: bool = Field(
        default=True,
        title="Verify the certificate",
        description="Whether to refuse servers that can't prove who they are. Without it, anybody on the way can read "
        "the password and change the files; pin the certificate instead.",
    )
    ca_certificate: str | None = Field(
        default=None,
        title="CA certificate",
        description="Certificates, in PEM, of the authorities that may sign the server's, or the path of a file with "
        "them. Without it, those that this machine trusts.",
    )
    certificate_fingerprint: str | tuple[str, ...] = Field(
        default=(),
        title="Certificate fingerprint",
        description="SHA-256 fingerprint of the server's certificate, or several, any of which is trusted: 64 "
        "hexadecimal digits, with or without colons. Then name, date and authority do not matter.",
    )

    @property
    def server_port(self) -> int:
        """The port to connect to."""
        return self.port or (990 if self.tls_mode == "implicit" else 21)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """`certificate_fingerprint` as a tuple, each as `pins.fingerprint` writes it; empty if none is configured."""
        pins = self.certificate_fingerprint
        return tuple(parse_fingerprint(pin) for pin in ((pins,) if isinstance(pins, str) else pins))

    @field_validator("certificate_fingerprint")
    @classmethod
    def _must_be_fingerprints(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for text in (value,) if isinstance(value, str) else value:
            parse_fingerprint(text)
        return value
