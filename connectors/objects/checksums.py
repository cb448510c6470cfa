"""Checks what was read against the checksum that the store keeps."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from connectors.errors import TransferError
from connectors.streams import Blocks


class Digest(Protocol):
    """A checksum in the making, as those of `hashlib` are."""

    def update(self, data: memoryview, /) -> object:
        """Take more bytes."""

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What a whole object has to amount to.

    Attributes:
        algorithm: One of `ALGORITHMS`.
        expected: The checksum, in its usual bytes.
    """

    algorithm: str
    expected: bytes


def checksum(algorithm: str, encoded: str) -> Checksum | None:
    """Return the checksum that a store wrote in Base64; None if that is none of this algorithm."""
    try:
        expected = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    if len(expected) != len(ALGORITHMS[algorithm]().digest()):
        return None
    return Checksum(algorithm=algorithm, expected=expected)


def verified(blocks: Blocks, wanted: Checksum, *, size_bytes: int, source: str, path: str) -> Blocks:
    """Yield the blocks of a whole object, the last one only if all of them amount to the checksum.

    Raises:
        TransferError: They do not.
    """
    digest = ALGORITHMS[wanted.algorithm]()
    received_bytes = 0
    with closing(blocks):
        for block in blocks:
            digest.update(block)
            received_bytes += len(block)
            if received_bytes >= size_bytes and digest.digest() != wanted.expected:
                raise TransferError(
                    f"{source}: what was read of file {path!r} does not have the {wanted.algorithm} checksum that the "
                    f"store keeps ({wanted.expected.hex()}, not {digest.digest().hex()}). It was damaged on the way, "
                    "or in the store; read it again, and if it stays so, upload it anew. If the store's checksums are "
                    "not to be relied on, set `verify_checksums` to false.",
                    source,
                    path,
                )
            yield block


class _Crc32:
    """CRC-32 in the shape of a digest."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class _Crc32c:
    """CRC-32C, by the machine's own instruction where it has one."""

    def __init__(self) -> None:
        from google_crc32c import extend

        self._extend: Callable[[int, bytes], int] = extend
        self._value = 0

    def update(self, data: memoryview, /) -> None:
        whole = data.obj if isinstance(data.obj, bytes) and data.nbytes == len(data.obj) else bytes(data)
        self._value = self._extend(self._value, whole)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


ALGORITHMS: Mapping[str, Callable[[], Digest]] = {
    "CRC32C": _Crc32c,
    "CRC32": _Crc32,
    "SHA256": hashlib.sha256,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
}
"""The checksums that can be verified, the cheapest first."""
