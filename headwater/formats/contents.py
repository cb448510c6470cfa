"""What is in a file: itself, or what its wrappers hold, as one stream after the other.

A file may be compressed, may be an archive, and the archive's members may be compressed: at most three layers, of which
one is an archive. All of that may be encrypted with OpenPGP, a layer around it. What a layer is, its first bytes say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import BinaryIO, Final, cast

from headwater.errors import FileError
from headwater.formats.blocks import FILE_EMPTY, FILE_MISMATCH
from headwater.formats.compression import CompressionName, Gate, compression_of, decompressed
from headwater.formats.expansion import Allowance
from headwater.formats.members import Member
from headwater.formats.options import FormatOptions
from headwater.formats.pgp import Decryptor, is_pgp
from headwater.formats.source import ByteSource
from headwater.formats.tar import BLOCK, is_tar, tar_members
from headwater.formats.zip import MAGIC as ZIP_MAGIC
from headwater.formats.zip import zip_members

MAX_LAYERS: Final = 3
"""Below the encryption."""
PGP: Final = "pgp"
"""Name of the layer that is an OpenPGP message."""
_PEEK_BYTES: Final = 4096
_SPOOL_BYTES: Final = 1024 * 1024
_DECLARED: Final = {
    "gzip": ("gzip",),
    "bzip2": ("bzip2",),
    "deflate": ("deflate",),
    "zipDeflate": ("zip",),
    "tarGzip": ("gzip", "tar"),
    "tar": ("tar",),
    "zstd": ("zstd",),
}
_UNSUPPORTED: Final[dict[bytes, str]] = {
    b"\xfd7zXZ\x00": "compressed with xz",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x04\x22\x4d\x18": "compressed with LZ4",
    b"Obj\x01": "an Avro file",
    b"ORC": "an ORC file",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"%PDF": "a PDF document",
    b"-----BEGIN PGP": "an OpenPGP key or signature, and no message",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One content of a file.

    Attributes:
        file: The file's path; for a member of an archive `ARCHIVE!/MEMBER`.
        source: Its bytes, to be read before the next content is asked for.
        layers: What was taken off, outermost first: `pgp`, `gzip`, `bzip2`, `deflate`, `zstd`, `zip`, `tar`.
        is_member: Whether it comes out of an archive.
    """

    file: str
    source: ByteSource
    layers: tuple[str, ...]
    is_member: bool


def open_contents(
    stream: BinaryIO, *, file: str, options: FormatOptions | None = None, decryptor: Decryptor | None = None
) -> Iterator[Content]:
    """All contents of a file, one at a time: one, or those of an archive's members that are not empty.

    Nothing is copied, but for a ZIP archive that is itself compressed or comes from a stream that cannot be wound back:
    that one is kept in a temporary file.

    Args:
        stream: The file's bytes; not closed here.
        file: Its path.
        options: Says what it is declared to be wrapped in, and how large it may become.
        decryptor: Has the keys if it is encrypted. Only reading to the end tells that a message is right.

    Raises:
        FileError: "106" for a file or an archive without content; "200" for what is damaged, refused or not supported.
    """
    opener = _Opener(stream, file, options or FormatOptions(), decryptor)
    any_content = False
    for content in opener.open():
        any_content = True
        yield content
    if not any_content:
        raise FileError(f"{file}: the archive holds no file with content", code=FILE_EMPTY)


def find_wrapper(source: ByteSource, *, file: str, options: FormatOptions) -> str | None:
    """What would have to be taken off first, as it is declared or found; None of a plain content.

    Raises:
        FileError: "200" for what is not supported.
    """
    start = source.peek(_PEEK_BYTES)
    if is_pgp(start):
        return PGP
    wrapper = next(iter(_DECLARED.get(options.compression_type or "", ())), None) or _wrapper_of(start)
    if wrapper is None:
        _refuse_unsupported(start, file)
    return wrapper


class _Opener:
    """Takes the layers off one file."""

    def __init__(self, stream: BinaryIO, file: str, options: FormatOptions, decryptor: Decryptor | None) -> None:
        self._stream = stream
        self._decryptor = decryptor
        self._file = file
        self._expected = _DECLARED.get(options.compression_type or "", ())
        self._declared = options.compression_type
        self._source = ByteSource(stream)
        self._whole_bytes = 0
        self._allowance = Allowance(
            file=file,
            packed_bytes=lambda: max(self._whole_bytes, self._source.position),
            most_bytes=options.max_unpacked_bytes,
        )

    def open(self) -> Iterator[Content]:
        if not self._source.peek(1):
            raise FileError(f"{self._file}: the file is empty (0 bytes)", code=FILE_EMPTY)
        if is_pgp(self._source.peek(_PEEK_BYTES)):
            return self._decrypt()
        if self._decryptor is not None and self._decryptor.required:
            raise FileError(
                f"{self._file}: the file is not encrypted with OpenPGP, and `source.encryption` requires that. Nothing "
                "of it is loaded. Have it encrypted, or set `required: false`.",
                code=FILE_MISMATCH,
            )
        return self._unwrap(Content(file=self._file, source=self._source, layers=(), is_member=False))

    def _decrypt(self) -> Iterator[Content]:
        """What an encrypted file holds; at the end, what is left of it is read, so that all of it is verified."""
        if self._decryptor is None:
            raise FileError(
                f"{self._file}: the file is encrypted or signed with OpenPGP, and the dataflow has no "
                "`source.encryption` that names the key. Add it, or have the file sent as it is.",
                code=FILE_MISMATCH,
            )
        decrypted = self._decryptor.decrypt(self._source, file=self._file)
        inner = ByteSource(Gate(decrypted, self._allowance, file=self._file, name=PGP))
        if not inner.peek(1):
            raise FileError(f"{self._file}: the file is empty (0 bytes in the OpenPGP message)", code=FILE_EMPTY)
        yield from self._unwrap(Content(file=self._file, source=inner, layers=(PGP,), is_member=False))
        while inner.read(_SPOOL_BYTES):
            pass

    def _unwrap(self, content: Content) -> Iterator[Content]:
        wrapper = self._wrapper(content)
        if wrapper is None:
            yield content
            return
        layers = (*content.layers, wrapper)
        if wrapper not in ("zip", "tar"):
            name = cast(CompressionName, wrapper)
            inner = decompressed(content.source, name, self._allowance, file=content.file)
            yield from self._unwrap(
                Content(file=content.file, source=inner, layers=layers, is_member=content.is_member)
            )
            return
        for member in self._members(content, wrapper):
            if member.source.peek(1):
                label = f"{content.file}!/{member.name}"
                yield from self._unwrap(Content(file=label, source=member.source, layers=layers, is_member=True))

    def _wrapper(self, content: Content) -> str | None:
        """What is to be taken off here, None if nothing."""
        start = content.source.peek(_PEEK_BYTES)
        depth = len(content.layers) - content.layers.count(PGP)
        wrapper = _wrapper_of(start)
        if not content.is_member and depth < len(self._expected):
            wrapper = self._as_declared(wrapper, depth, start)
        if wrapper is None:
            if content.layers and is_pgp(start):
                raise FileError(
                    f"{content.file}: is an OpenPGP message within {', '.join(content.layers)}; only a file that is "
                    "encrypted as a whole is decrypted. Pack first, then encrypt.",
                    code=FILE_MISMATCH,
                )
            _refuse_unsupported(start, content.file)
        elif depth == MAX_LAYERS or (content.is_member and wrapper in ("zip", "tar")):
            raise FileError(
                f"{content.file}: is {wrapper} within {', '.join(content.layers)}; one archive, compressed or not, of "
                "members compressed or not is read, and nothing packed deeper. Unpack it and send what is in it.",
                code=FILE_MISMATCH,
            )
        return wrapper

    def _as_declared(self, found: str | None, depth: int, start: bytes) -> str:
        wanted = self._expected[depth]
        bare_deflate = wanted == "deflate" and found is None
        no_members = wanted == "tar" and not start[:BLOCK].strip(b"\0")
        if wanted == found or bare_deflate or no_members:
            return wanted
        where = "the content" if depth == 0 else "what the gzip data holds"
        raise FileError(
            f"{self._file}: declared as `compression_type: {self._declared}`, but {where} is {found or 'not packed'}. "
            "Correct the declaration, or leave it out: the content says what it is.",
            code=FILE_MISMATCH,
        )

    def _members(self, content: Content, wrapper: str) -> Iterator[Member]:
        if wrapper == "tar":
            yield from tar_members(content.source, self._allowance, file=content.file)
        elif not content.layers and self._stream.seekable():
            self._whole_bytes = self._stream.seek(0, 2)
            yield from zip_members(self._stream, self._allowance, file=content.file)
        else:
            with TemporaryFile(prefix="headwater-") as spool:
                while piece := content.source.read(_SPOOL_BYTES):
                    spool.write(piece)
                yield from zip_members(cast(BinaryIO, spool), self._allowance, file=content.file)


def _wrapper_of(start: bytes) -> str | None:
    if start.startswith(ZIP_MAGIC):
        return "zip"
    return compression_of(start) or ("tar" if is_tar(start) else None)


def _refuse_unsupported(start: bytes, file: str) -> None:
    for magic, what in _UNSUPPORTED.items():
        if start.startswith(magic):
            raise FileError(
                f"{file}: the file is {what}; supported are JSON, CSV and Parquet, plain or in gzip, bzip2, deflate, "
                "zstd, ZIP or tar",
                code=FILE_MISMATCH,
            )
