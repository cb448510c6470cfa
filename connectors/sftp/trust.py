"""Which host keys are trusted: fingerprints, public keys and known_hosts lines.

Everything is compared by the SHA-256 fingerprint of the key's wire form (RFC 4253, section 6.6), as `ssh-keygen -l`
prints it. The format of known_hosts is the one of sshd(8), section SSH_KNOWN_HOSTS FILE FORMAT.
"""

import base64
import binascii
import fnmatch
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.errors import ConfigurationError, UntrustedHostError

_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")
_KEY_TYPE = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+")
_EXPECTED = "a fingerprint (SHA256:…, as `ssh-keygen -l` prints it) or a public key (ssh-ed25519 AAAA…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One trusted host key.

    Attributes:
        fingerprint: `SHA256:` and 43 characters of Base64.
        key_type: Such as `ssh-ed25519`; None if only the fingerprint is known.
    """

    fingerprint: str
    key_type: str | None = None


def fingerprint(key: bytes) -> str:
    """Return the SHA-256 fingerprint of a public key's wire form, as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def parse_pin(text: str) -> Pin:
    """Read a fingerprint or a public key line.

    Raises:
        ConfigurationError: It is neither.
    """
    words = text.split()
    if len(words) == 1 and (match := _FINGERPRINT.fullmatch(words[0])):
        return Pin(fingerprint=f"SHA256:{match[1]}")
    if len(words) >= 2 and (pin := _pin_from_key(words[0], words[1])):
        return pin
    raise ConfigurationError(f"This is no host key: expected {_EXPECTED}.")


def parse_known_hosts(text: str, *, host: str, port: int) -> tuple[Pin, ...]:
    """Return the keys that a known_hosts text has for a server.

    Args:
        text: The file's content. Names may be hashed, and may be patterns.
        host: The server's name, as configured.
        port: Its port; other than 22, lines name it `[host]:port`.

    Raises:
        ConfigurationError: A line can't be read, or one that applies has a marker, which is not supported.
    """
    name = host.lower() if port == 22 else f"[{host.lower()}]:{port}"
    return tuple(pin for names, pin in _known_hosts_lines(text) if _applies(names, name))


def looks_like_known_hosts(text: str) -> bool:
    """Return whether the text is the content of a known_hosts file, rather than the path of one."""
    return "\n" in text.strip() or len(text.split()) >= 3


def untrusted_host(source: str, *, presented: str, trusted: tuple[str, ...]) -> UntrustedHostError:
    """Return the error for a server that showed a key which is not trusted.

    Args:
        source: The server's name for people.
        presented: Type and fingerprint of the key.
        trusted: The fingerprints that are; none if none is configured for this server.
    """
    if trusted:
        message = (
            f"{source} showed host key {presented}, not one that is trusted ({', '.join(trusted)}). Nothing was sent "
            "to it. If the key was replaced on purpose, update `host_key`."
        )
    else:
        message = (
            f"{source} showed host key {presented}, and neither `host_key` nor `known_hosts` names a key for it. "
            "Nothing was sent to it. Compare the fingerprint with what the server's operator says; if it is the "
            f"same, set `host_key` to {presented.split()[-1]!r}."
        )
    return UntrustedHostError(message, source, presented, trusted)


def _known_hosts_lines(text: str) -> Iterator[tuple[str, Pin]]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("@"):
            raise ConfigurationError(
                f"Line {number} of `known_hosts` starts with the marker {words[0]!r}, which is not supported. Remove "
                "the line, and name the server's own key."
            )
        pin = _pin_from_key(words[1], words[2]) if len(words) >= 3 else None
        if pin is None:
            raise ConfigurationError(
                f"Line {number} of `known_hosts` can't be read: expected names, a key type and a key, as in "
                "`files.example.com ssh-ed25519 AAAA…`."
            )
        yield words[0], pin


def _pin_from_key(key_type: str, encoded: str) -> Pin | None:
    if not _KEY_TYPE.fullmatch(key_type):
        return None
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    prefix = len(key_type).to_bytes(4, "big") + key_type.encode()
    return Pin(fingerprint=fingerprint(key), key_type=key_type) if key.startswith(prefix) else None


def _applies(names: str, name: str) -> bool:
    patterns = names.split(",")
    if any(pattern.startswith("!") and _matches(pattern[1:], name) for pattern in patterns):
        return False
    return any(_matches(pattern, name) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("|1|"):
        return _matches_hashed(pattern, name)
    # Only * and ? are wildcards in known_hosts; brackets enclose a host that has a port.
    return fnmatch.fnmatchcase(name, pattern.lower().replace("[", "[[]"))


def _matches_hashed(pattern: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in pattern.removeprefix("|1|").split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)
