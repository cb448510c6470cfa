"""Packets of SFTP version 3, as draft-ietf-secsh-filexfer-02 lays them out."""

import stat
import struct
from dataclasses import dataclass

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, FSTAT, OPENDIR, READDIR, STAT = 3, 4, 5, 8, 11, 12, 17
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
EXTENDED, EXTENDED_REPLY = 200, 201

STATUS_EOF, STATUS_NO_SUCH_FILE, STATUS_PERMISSION_DENIED = 1, 2, 3

PROTOCOL_VERSION = 3
OPEN_FOR_READING = 1

_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_EXTENSIONS = 1, 2, 4, 8, 0x80000000


class ProtocolError(Exception):
    """The server sent something that SFTP does not allow."""


class StatusError(Exception):
    """The server answered a request with a status other than OK.

    Attributes:
        code: The status code of the draft, section 7.
        text: The server's words; may be empty, and is untrusted.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What a server says about a file; each None if it does not say.

    Attributes:
        size_bytes: The file's size.
        mode: POSIX file type and permissions.
        modified_epoch: Seconds since 1970, UTC.
    """

    size_bytes: int | None
    mode: int | None
    modified_epoch: int | None

    @property
    def file_type(self) -> int:
        """The type bits of `mode`; 0 if unknown."""
        return stat.S_IFMT(self.mode or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a folder; `attributes` describe a link itself, not its target."""

    name: bytes
    long_name: bytes
    attributes: Attributes


class Fields:
    """Reads the fields of one packet in order; never beyond its end.

    Args:
        data: The packet after its length and type.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    @property
    def at_end(self) -> bool:
        """Whether everything was read."""
        return self._position >= len(self._data)

    def uint32(self) -> int:
        """Read a 32-bit number."""
        return int.from_bytes(self._take(4), "big")

    def uint64(self) -> int:
        """Read a 64-bit number."""
        return int.from_bytes(self._take(8), "big")

    def string(self) -> memoryview:
        """Read a byte string, without copying it."""
        return self._take(self.uint32())

    def attributes(self) -> Attributes:
        """Read an attribute block, section 5."""
        flags = self.uint32()
        size_bytes = self.uint64() if flags & _HAS_SIZE else None
        if flags & _HAS_OWNER:
            self._take(8)
        mode = self.uint32() if flags & _HAS_MODE else None
        modified_epoch = None
        if flags & _HAS_TIMES:
            self._take(4)
            modified_epoch = self.uint32() or None  # 0 is what servers send that have no time
        if flags & _HAS_EXTENSIONS:
            for _ in range(self.uint32()):
                self.string()
                self.string()
        return Attributes(size_bytes=size_bytes, mode=mode, modified_epoch=modified_epoch)

    def entry(self) -> Entry:
        """Read one entry of a NAME packet."""
        name, long_name = bytes(self.string()), bytes(self.string())
        return Entry(name=name, long_name=long_name, attributes=self.attributes())

    def _take(self, count: int) -> memoryview:
        end = self._position + count
        if end > len(self._data):
            raise ProtocolError("a packet is shorter than its fields")
        taken = self._data[self._position : end]
        self._position = end
        return taken


def pack_uint32(value: int) -> bytes:
    """Return a 32-bit number."""
    return value.to_bytes(4, "big")


def pack_uint64(value: int) -> bytes:
    """Return a 64-bit number."""
    return value.to_bytes(8, "big")


def pack_string(value: bytes) -> bytes:
    """Return a byte string with its length in front."""
    return pack_uint32(len(value)) + value


def pack_packet(kind: int, body: bytes) -> bytes:
    """Return a whole packet, its length and type in front."""
    return struct.pack(">IB", len(body) + 1, kind) + body
