"""What connectors to a host share: how it is configured, and the errors when it is not reached."""

import socket
from typing import Annotated

from pydantic import AfterValidator, Field

from connectors.errors import UnreachableError


def _must_be_a_host(value: str) -> str:
    if not value or "/" in value or "@" in value or any(not character.isprintable() for character in value):
        raise ValueError("give a host name or an IP address alone, such as files.example.com")
    return value


HostName = Annotated[str, Field(title="Host", examples=["files.example.com"]), AfterValidator(_must_be_a_host)]
"""A host name or an IP address, without protocol, user and port."""

FolderPath = Annotated[
    str | None,
    Field(
        title="Folder",
        description="The folder that the account gives access to: relative paths start there, and paths outside are "
        "refused. Without it, relative paths start where the server puts the user.",
    ),
]
"""The folder of an account on a server that has a home for each user."""


def host_and_port(host: str, port: int) -> str:
    """Return the two as one writes them together; IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def not_connected(source: str, host: str, error: OSError, *, timeout_seconds: float) -> UnreachableError:
    """Return the error for a TCP connection to `source`, its name for people, that did not come about."""
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"{source} was not reached: the name {host!r} has no address ({error.strerror}). Check `host`.", source
        )
    if isinstance(error, TimeoutError):
        return no_answer(source, "connecting", timeout_seconds=timeout_seconds)
    reason = "it refused the connection" if isinstance(error, ConnectionRefusedError) else error.strerror
    return UnreachableError(
        f"{source} was not reached: {reason}. Check `host` and `port`, and that the server runs and lets this machine "
        "in.",
        source,
    )


def no_answer(source: str, step: str, *, timeout_seconds: float, hint: str = "") -> UnreachableError:
    """Return the error for a server that said nothing, or nothing whole, for too long."""
    return UnreachableError(
        f"{source} did not answer within {timeout_seconds:g} s during {step}. Check that it is up, or raise "
        f"`timeout_seconds`.{hint}",
        source,
    )
