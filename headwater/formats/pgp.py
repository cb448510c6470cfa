"""OpenPGP messages: told by their first bytes; whoever has the keys decrypts them."""

from typing import Final, Protocol

from headwater.formats.source import ByteSource, Readable

_ARMOR: Final = (b"-----BEGIN PGP MESSAGE-----", b"-----BEGIN PGP SIGNED MESSAGE-----")
_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"
_MARKERS: Final = (b"\xa8\x03PGP", b"\xca\x03PGP")
_SESSION_KEY_VERSIONS: Final = (3, 6)
_PASSPHRASE_VERSIONS: Final = (4, 5, 6)
_SIGNATURE_VERSIONS: Final = (3, 6)
_COMPRESSIONS: Final = (1, 2, 3)
_MOST_PACKET_BYTES: Final = 16_384


class Decryptor(Protocol):
    """Whoever has the keys of one dataflow's files.

    Attributes:
        required: Whether a file that is no OpenPGP message is to be refused.
    """

    @property
    def required(self) -> bool:
        """See the class."""
        ...

    def decrypt(self, message: ByteSource, *, file: str) -> Readable:
        """What a message holds, while the message is read.

        Reading it to its end raises FileError "200" unless the message is whole, was not tampered with, and is signed
        as it has to be. Until then, what was read means nothing.
        """
        ...


def is_pgp(start: bytes) -> bool:
    """Whether an OpenPGP message begins here (RFC 9580): in armor, or with a packet that can be a message's first."""
    if start.lstrip(_BLANKS).startswith(_ARMOR) or start.startswith(_MARKERS):
        return True
    packet = _packet(start)
    if packet is None:
        return False
    tag, length, body = packet
    if len(body) < 3 or not 3 <= length <= _MOST_PACKET_BYTES:
        return tag == 8 and body[:1] != b"" and body[0] in _COMPRESSIONS
    match tag:
        case 1:  # session key, encrypted for a public key
            return body[0] in _SESSION_KEY_VERSIONS and length >= 12
        case 3:  # session key, encrypted with a passphrase
            return body[0] in _PASSPHRASE_VERSIONS and 1 <= body[1] <= 64
        case 4:  # signature follows
            return body[0] in _SIGNATURE_VERSIONS and length >= 13
        case 8:  # compressed
            return body[0] in _COMPRESSIONS
        case _:
            return False


def _packet(start: bytes) -> tuple[int, int, bytes] | None:
    """Tag, length of the body (0 if it is not told), and the body's first bytes; None if no packet begins here."""
    if len(start) < 2 or not start[0] & 0x80:
        return None
    if start[0] & 0x40:
        return _new_packet(start)
    size = (1, 2, 4, 0)[start[0] & 3]
    return (start[0] >> 2) & 15, int.from_bytes(start[1 : 1 + size], "big"), start[1 + size :]


def _new_packet(start: bytes) -> tuple[int, int, bytes] | None:
    tag, first = start[0] & 63, start[1]
    if first < 192:
        return tag, first, start[2:]
    if first < 224 and len(start) > 2:
        return tag, ((first - 192) << 8) + start[2] + 192, start[3:]
    if first == 255:
        return tag, int.from_bytes(start[2:6], "big"), start[6:]
    return tag, 0, start[2:]
