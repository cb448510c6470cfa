"""Rules for paths that hold for every kind of source."""

from connectors.errors import AccessDeniedError, ConnectorError


def decode_path(path: bytes) -> str:
    """Return the path as text; bytes that are not UTF-8 become lone surrogates (PEP 383)."""
    return path.decode("utf-8", "surrogateescape")


def encode_path(path: str) -> bytes:
    """Return the bytes that `decode_path` came from."""
    return path.encode("utf-8", "surrogateescape")


def checked_path(path: str, *, source: str) -> str:
    """Return the path without empty and `.` parts and without a trailing slash; a leading slash stays.

    Args:
        path: A path that a person or a listing gave.
        source: The source's name for people.

    Raises:
        AccessDeniedError: The path has a `..` part or a NUL character, or is no text that could name a file.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path or not _encodable(path):
        raise AccessDeniedError(
            f"{source}: path {path!r} was refused, because it has a '..' part, or a character that no path can have. "
            "Give the path without going upwards.",
            source,
            path,
        )
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def join_path(folder: str, name: str) -> str:
    """Return the path of an entry in a folder; `""` is the folder where the account starts."""
    return f"{folder.rstrip('/')}/{name}" if folder else name


def checked_name(name: str, *, folder: str, source: str) -> str:
    """Return the name of a folder's entry, if it is one.

    Args:
        name: The name that the source listed.
        folder: The folder that was listed.
        source: The source's name for people.

    Raises:
        ConnectorError: The source listed a name that would lead out of the folder.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ConnectorError(
            f"{source} listed an entry named {name!r} in folder {folder!r}, which is no file name. Nothing was read "
            "from there. Ask the server's operator to remove it.",
            source,
        )
    return name


def _encodable(path: str) -> bool:
    try:
        encode_path(path)
    except UnicodeEncodeError:
        return False
    return True
