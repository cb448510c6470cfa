"""Compressions of a single stream: told by their first bytes, taken off while the stream is read."""

import bz2
import io
import zlib
from collections.abc import Callable
from typing import Any, Final, Literal

from isal import igzip, isal_zlib

from headwater.errors import FileError
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.expansion import Allowance
from headwater.formats.source import ByteSource, Readable

CompressionName = Literal["gzip", "bzip2", "deflate", "zstd"]
_MAGIC: Final[dict[bytes, CompressionName]] = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
_BLOCK_BYTES: Final = 65_536
_TRIAL_BYTES: Final = 4096


def compression_of(start: bytes) -> CompressionName | None:
    """What a stream that begins with these bytes is compressed with; None if with nothing that is known here."""
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    return "deflate" if _is_zlib(start) else None


def decompressed(source: ByteSource, name: CompressionName, allowance: Allowance, *, file: str) -> ByteSource:
    """What a compressed source holds. Several gzip, bzip2 or zstd streams one after the other are read as one.

    Reading it raises FileError "200" if the data is damaged, cut short, or expands beyond measure.
    """
    return ByteSource(Gate(_OPEN[name](source), allowance, file=file, name=name))


class Gate:
    """A stream that unpacks: errors of its library become ours, and all that comes through is counted."""

    def __init__(self, stream: Readable, allowance: Allowance, *, file: str, name: str) -> None:
        self._stream = stream
        self._allowance = allowance
        self._file = file
        self._name = name

    def read(self, size: int, /) -> bytes:
        """At most so many bytes of what is packed."""
        piece = self._read(size)
        self._allowance.take(len(piece), name=self._name)
        return piece

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except EOFError:
            raise cut_short(self._file, self._name) from None
        except (isal_zlib.IsalError, zlib.error, OSError) as error:  # type: ignore[misc]  # isal's stub: an instance
            if isinstance(error, OSError) and error.errno is not None:
                raise
            if "Truncated" in str(error):
                raise cut_short(self._file, self._name) from error
            raise FileError(
                f"{self._file}: begins like {self._name}, but is damaged and cannot be decompressed. Send it again.",
                code=FILE_MISMATCH,
            ) from error


def cut_short(file: str, name: str) -> FileError:
    """What is raised where packed data ends too early."""
    return FileError(
        f"{file}: the {name} data ends too early; the file is cut short. Send it again whole.", code=FILE_MISMATCH
    )


class _AsFile(io.RawIOBase):
    """A source as the file object that the libraries ask for."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  (whatever the library brings)
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class _Inflated:
    """Deflate, with zlib's frame or bare. It is one stream: what follows its end is damage."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_frame(source.peek(2)) else -zlib.MAX_WBITS)

    def read(self, size: int, /) -> bytes:
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._source.read(_BLOCK_BYTES)
            piece = self._inflater.decompress(packed, size)
            if piece:
                return piece
            if not packed:
                raise EOFError
        if self._inflater.unused_data or self._source.peek(1):
            raise zlib.error("bytes follow the end of the data")
        return b""


def _open_zstd(source: ByteSource) -> Readable:
    import pyarrow as pa

    unpacked: Readable = pa.CompressedInputStream(pa.PythonFile(_AsFile(source), mode="r"), "zstd")
    return unpacked


_OPEN: Final[dict[CompressionName, Callable[[ByteSource], Readable]]] = {
    "gzip": lambda source: igzip.IGzipFile(fileobj=_AsFile(source), mode="rb"),  # type: ignore[no-untyped-call]
    "bzip2": lambda source: bz2.BZ2File(_AsFile(source)),
    "deflate": _Inflated,
    "zstd": _open_zstd,
}


def _has_zlib_frame(start: bytes) -> bool:
    """RFC 1950: the first byte says deflate with a window of 32 KB, and both are a multiple of 31."""
    return len(start) >= 2 and start[0] == 0x78 and int.from_bytes(start[:2], "big") % 31 == 0


def _is_zlib(start: bytes) -> bool:
    """The two bytes of the frame may be text (`x^`): so the beginning has to decompress."""
    if not _has_zlib_frame(start):
        return False
    inflater = zlib.decompressobj()
    try:
        return bool(inflater.decompress(start, _TRIAL_BYTES)) or inflater.eof
    except zlib.error:
        return False
