"""Short ways to pack bytes in tests."""

import io
import tarfile
import zipfile
import zlib

import pyarrow as pa


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of these members."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return sink.getvalue()


def tarred(*members: tuple[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of these members."""
    return tarred_entries(*(entry(name, content) for name, content in members), format=format)


def entry(name: str, content: bytes = b"", *, type: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    """One entry of a tar archive."""
    info = tarfile.TarInfo(name)
    info.type = type
    info.size = len(content)
    if type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = "/etc/passwd"
    return info, content


def tarred_entries(*entries: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of these entries."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=format) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def zstd(content: bytes) -> bytes:
    """Compressed with Zstandard."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packer:
        packer.write(content)
    return bytes(sink.getvalue())


def bare_deflate(content: bytes) -> bytes:
    """Compressed with deflate, without a frame."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()
