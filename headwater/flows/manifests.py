"""Manifests: small files beside the data that say how large, how long and of which bytes each data file has to be."""

import posixpath
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from headwater.errors import DocumentError
from headwater.model.manifest import Expected

MAX_BYTES: Final = 16 * 1024 * 1024
"""A larger manifest is refused."""
_SIZES: Final = ("size", "size_bytes", "bytes", "length")
_RECORDS: Final = ("records", "record_count", "rows", "row_count", "count")
_NAMES: Final = ("name", "path", "file", "filename")
_CHECKSUMS: Final = {32: "md5", 64: "sha256"}


def parse_manifest(content: bytes, *, path: str, data_file: str | None = None) -> dict[str, Expected]:
    """What a manifest says, by the data files' paths.

    Two forms are read. JSON: an object about one file, an object with a list `files`, or a list; each entry has a
    name (left out where the manifest belongs to one file), and any of `size`, `records`, `sha256`, `md5`. Text: lines
    of `checksum  name` as `sha256sum` and `md5sum` write them; a lone checksum is that of `data_file`.

    Args:
        content: The manifest.
        path: Its path; names in it are relative to its folder.
        data_file: The one file that it belongs to, None if it stands for its folder.

    Raises:
        DocumentError: it is neither, or an entry is wrong.
    """
    text = content.decode("utf-8", "surrogateescape").lstrip("\ufeff").strip()  # as connectors give names
    entries = _json_entries(text, path) if text.startswith(("{", "[")) else _checksum_lines(text, path)
    folder = posixpath.dirname(path)
    found = {}
    for name, entry in entries:
        if name is None and data_file is None:
            raise _wrong(path, "an entry has no `name`, and the manifest does not belong to one file")
        if name is not None and "\0" in name:
            raise _wrong(path, "a name has a NUL character, which no file name has")
        key = data_file if name is None else posixpath.normpath(posixpath.join(folder, name))
        found[str(key)] = _expected(entry, path)
    return found


def _json_entries(text: str, path: str) -> list[tuple[str | None, dict[str, Any]]]:
    try:
        value = msgspec.json.decode(text.encode("utf-8", "surrogateescape"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _wrong(path, f"it is no JSON ({error})") from None
    except RecursionError:
        raise _wrong(path, "it is nested too deeply") from None
    if isinstance(value, dict) and isinstance(value.get("files"), list):
        value = value["files"]
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) for entry in listed):
        raise _wrong(path, "its entries have to be objects")
    return [_json_entry(entry) for entry in listed]


def _json_entry(entry: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    name = next((str(entry[key]) for key in _NAMES if key in entry), None)
    values: dict[str, Any] = {key: str(entry[key]).lower() for key in ("sha256", "md5") if key in entry}
    for field, keys in (("size_bytes", _SIZES), ("records", _RECORDS)):
        given = [entry[key] for key in keys if key in entry]
        if given:
            values[field] = given[0]
    return name, values


def _checksum_lines(text: str, path: str) -> list[tuple[str | None, dict[str, Any]]]:
    entries: list[tuple[str | None, dict[str, Any]]] = []
    for line in text.split("\n"):
        checksum, _, name = line.strip().partition(" ")
        if not checksum or checksum.startswith("#"):
            continue
        kind = _CHECKSUMS.get(len(checksum))
        if kind is None:
            raise _wrong(path, f"{checksum[:80]!r} is neither an MD5 nor a SHA-256 checksum")
        entries.append((name.strip().removeprefix("*") or None, {kind: checksum.lower()}))
    if not entries:
        raise _wrong(path, "it names no file")
    return entries


def _expected(entry: dict[str, Any], path: str) -> Expected:
    try:
        return Expected.from_json(entry)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise _wrong(path, f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}") from None


def _wrong(path: str, reason: str) -> DocumentError:
    return DocumentError(
        f"manifest {path!r} cannot be used: {reason}. Expected are lines of `sha256sum` or `md5sum`, or JSON with "
        "`name`, `size`, `records`, `sha256` or `md5` for each file.",
        file=path,
    )
