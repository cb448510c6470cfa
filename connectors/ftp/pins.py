"""Fingerprints of certificates, as `openssl x509 -fingerprint -sha256` prints them."""

import hashlib
import re

_FINGERPRINT = re.compile(r"(?:SHA-?256[:= ]|sha256 Fingerprint=)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})", re.IGNORECASE)


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 fingerprint of a certificate in DER form: upper-case pairs with colons between."""
    return hashlib.sha256(certificate).digest().hex(":").upper()


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint that a person gave, as `fingerprint` writes it.

    Raises:
        ValueError: It is none.
    """
    match = _FINGERPRINT.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            "give the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, as "
            "`openssl x509 -noout -fingerprint -sha256` prints it"
        )
    return bytes.fromhex(match[1].replace(":", "")).hex(":").upper()
