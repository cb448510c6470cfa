"""Whether a file that was fetched is whole: what only its bytes tell."""

import hashlib
from typing import BinaryIO, Final

from headwater.errors import FileError
from headwater.flows.fetch import FetchedFile
from headwater.formats.blocks import FILE_MISMATCH
from headwater.formats.tail import find_cut
from headwater.model.manifest import Expected
from headwater.model.runs import SourceFile

_BLOCK_BYTES: Final = 1_048_576


def find_incompleteness(
    fetched: FetchedFile, expected: Expected | None, *, check_tail: bool, encoding: str
) -> str | None:
    """Why the file is not complete, None if it looks so. The stream is left at its start.

    Args:
        fetched: The file's bytes.
        expected: What its manifest says, None without one.
        check_tail: Whether its end has to look like an end.
        encoding: As the format's options declare it.
    """
    if expected is not None:
        if expected.size_bytes not in (None, fetched.size_bytes):
            return f"it has {fetched.size_bytes} bytes, its manifest says {expected.size_bytes}"
        if expected.sha256 not in (None, fetched.sha256):
            return "its SHA-256 is not the one that its manifest names"
        if expected.md5 not in (None, _md5(fetched.stream) if expected.md5 else None):
            return "its MD5 is not the one that its manifest names"
    return find_cut(fetched.stream, encoding=encoding) if check_tail else None


def rules_digest(expected: Expected | None, *, check_tail: bool, encoding: str) -> str:
    """A short digest of what a file's bytes are judged by: with another one, they are worth another look."""
    said = expected.model_dump_json() if expected is not None else ""
    return hashlib.blake2b(f"{check_tail}|{encoding}|{said}".encode(), digest_size=9).hexdigest()


def require_records(file: SourceFile, read: int) -> None:
    """Make sure that a file held as many records as its manifest says.

    Raises:
        FileError: "200", if not: nothing of the batch loads.
    """
    if file.expected is not None and file.expected.records not in (None, read):
        raise FileError(
            f"{file.path}: {read} records were read, its manifest says {file.expected.records}. Nothing was loaded. "
            "Ask the sender which of the two is right; without a `records` entry the number is not checked.",
            code=FILE_MISMATCH,
        )


def _md5(stream: BinaryIO) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while block := stream.read(_BLOCK_BYTES):
        digest.update(block)
    stream.seek(0)
    return digest.hexdigest()
