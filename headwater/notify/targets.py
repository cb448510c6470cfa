"""Which addresses a webhook may have: a receiver named by a user must not reach what only this machine can reach."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Final
from urllib.parse import SplitResult, urlsplit

from headwater.errors import DeliveryError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LookUp = Callable[[str, int], Sequence[str]]
"""Turns a host and a port into addresses; raises OSError if it cannot."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
"""A network's own translator (RFC 8215): it alone knows where in the address it reads the IPv4 one."""
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is public (RFC 4291, section 2.4)."""
_SPECIAL: Final = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""What is not, within it: protocols and tunnels such as Teredo, examples, 6to4, examples (registry of RFC 6890)."""
_LOW_IPV4: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
"""The last 32 bits are an IPv4 address: NAT64 (RFC 6052), translated (RFC 2765), compatible (RFC 4291, 2.5.5.1)."""
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The third quarter of an address whose last one is an IPv4 address (RFC 5214)."""
_CLOUD_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds hand their machines credentials and orders; some of these addresses look public."""
_SETTING: Final = "HEADWATER_ALLOW_PRIVATE_WEBHOOKS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A checked receiver. Connect to one of `addresses`, and to nothing that the name may mean a moment later."""

    host: str
    port: int
    addresses: tuple[Address, ...]


def system_look_up(host: str, port: int) -> Sequence[str]:
    """What the operating system knows of a name.

    Raises:
        OSError: nothing, or it could not be asked.
    """
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def check_target(url: str, *, allow_private: bool) -> Target:
    """Resolve the receiver's name and decide whether it may be told anything. Blocks; see `resolve_target`.

    Args:
        url: The webhook's URL.
        allow_private: Whether private and loopback addresses and plain HTTP are allowed. Link-local, multicast and
            cloud metadata addresses never are.

    Raises:
        DeliveryError: it may not; `retryable` only where its name could not be resolved.
    """
    return asyncio.run(resolve_target(url, allow_private=allow_private))


async def resolve_target(url: str, *, allow_private: bool, look_up: LookUp = system_look_up) -> Target:
    """The same, within an event loop; `look_up` stands for the system's resolver."""
    parts = urlsplit(url)
    host, port = _check_url(parts, allow_private=allow_private)
    addresses = await _resolve(host, port, look_up)
    for address in addresses:
        if reason := _refusal(address, allow_private=allow_private):
            raise DeliveryError(f"webhook host {host!r} has the address {address}, which is {reason}")
    return Target(host=host, port=port, addresses=tuple(addresses))


def _check_url(parts: SplitResult, *, allow_private: bool) -> tuple[str, int]:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DeliveryError("a webhook's URL begins with https:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise DeliveryError(
            f"the URL of webhook host {parts.hostname!r} holds a user name or password; sign deliveries with the "
            "webhook's `secret` instead"
        )
    if parts.scheme == "http" and not allow_private:
        raise DeliveryError(
            f"webhook host {parts.hostname!r} is addressed by plain HTTP; use https://, or set {_SETTING}=true if the "
            "receiver is on a private network"
        )
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise DeliveryError(f"the port of webhook host {parts.hostname!r} is not a number up to 65535") from None
    return parts.hostname, port


async def _resolve(host: str, port: int, look_up: LookUp) -> Sequence[Address]:
    """The name's addresses, from a thread of its own: a resolver that hangs holds up nobody once time is over."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def ask() -> None:
        found: Sequence[str] | Exception
        try:
            found = look_up(host, port)
        except (OSError, UnicodeError) as error:
            found = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, answer, found)

    Thread(target=ask, name="webhook-name", daemon=True).start()
    try:
        found = await answer
    except (OSError, UnicodeError) as error:
        raise DeliveryError(
            f"webhook host {host!r} could not be resolved ({error}); check its name", retryable=True
        ) from error
    return list(dict.fromkeys(ipaddress.ip_address(address) for address in found))


def _settle(answer: "asyncio.Future[Sequence[str]]", found: Sequence[str] | Exception) -> None:
    if answer.done():
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)


def _refusal(address: Address, *, allow_private: bool) -> str | None:
    """Why nothing is sent there, or None."""
    for meant in (address, *_embedded(address)):
        if meant in _CLOUD_METADATA:
            return "a cloud's metadata service; nothing is ever sent there"
        if meant.is_link_local or meant.is_multicast or meant.is_unspecified:
            return "link-local, multicast or unspecified; nothing is ever sent there"
        if not _is_public(meant) and not allow_private:
            return f"not public; set {_SETTING}=true if the receiver is on a private network"
    if address in _LOCAL_NAT64:
        return "translated to an address that only its network knows; nothing is ever sent there"
    return None


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global
    if address.ipv4_mapped is not None or address in _NAT64:
        return True  # the IPv4 address within decides
    return address in _UNICAST and address.is_global and not any(address in special for special in _SPECIAL)


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that gateways read out of an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback or address.is_unspecified:
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    bits = int(address)
    if any(address in network for network in _LOW_IPV4) or (bits >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(ipaddress.IPv4Address(bits & 0xFFFFFFFF))
    return [embedded for embedded in found if embedded is not None]
