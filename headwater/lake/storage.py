"""Where files lie: one way to write the address of a folder or an object store, for tables and diagnostics alike.

`file:///var/lake`, a plain path, `s3://bucket/prefix` or `gs://bucket/prefix`. An address may end in the options that
pyarrow knows, as in `s3://lake/tables?endpoint_override=http://storage:8333&region=us-east-1`. Secrets never stand
in it: pyarrow finds them where the cloud's own tools do (`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a role).
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pyarrow import fs
from pyiceberg.io import FileIO

from headwater.errors import SettingsError

_ICEBERG_PROPERTIES = {"endpoint_override": "s3.endpoint", "region": "s3.region"}
_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place for files.

    Attributes:
        given: The address as it was written, without its options. A REST catalog may want just a name there.
        uri: The same as a URI, without a slash at the end.
        options: The options that stood in the address.
    """

    given: str
    uri: str
    options: dict[str, str]

    @property
    def scheme(self) -> str:
        """The protocol: `file`, `s3`, `gs`."""
        return urlsplit(self.uri).scheme

    @property
    def iceberg_properties(self) -> dict[str, str]:
        """The options under the names that pyiceberg gives them."""
        return {_ICEBERG_PROPERTIES[key]: value for key, value in self.options.items()}

    def file_system(self) -> tuple[fs.FileSystem, str]:
        """The file system, and the path of this place in it."""
        if self.scheme == "file":
            return fs.LocalFileSystem(), self.uri.removeprefix("file://")
        bucket_and_path = self.uri.partition("://")[2]
        if self.scheme != "s3":
            file_system, path = fs.FileSystem.from_uri(self.uri)
            return file_system, path
        endpoint = self.options.get("endpoint_override")
        protocol, _, address = endpoint.partition("://") if endpoint else ("https", "", None)
        region = self.options.get("region") or fs.resolve_s3_region(bucket_and_path.partition("/")[0])
        return fs.S3FileSystem(endpoint_override=address, scheme=protocol, region=region), bucket_and_path


def parse_location(uri: str) -> Location:
    """Read an address.

    Raises:
        SettingsError: it has no meaning, or an option that is not known.
    """
    if "://" not in uri:
        return Location(given=uri, uri=f"file://{Path(uri).absolute()}", options={})
    if uri.startswith("file://"):
        return Location(given=uri, uri=uri.rstrip("/"), options={})
    address, _, query = uri.partition("?")
    options = dict(parse_qsl(query))
    if unknown := sorted(set(options) - set(_ICEBERG_PROPERTIES)):
        known = ", ".join(sorted(_ICEBERG_PROPERTIES))
        raise SettingsError(f"{address!r} has the unknown options {', '.join(unknown)}; known are {known}")
    if "endpoint_override" in options:
        _check_endpoint(address, options["endpoint_override"])
        options.setdefault("region", _DEFAULT_REGION)
    return Location(given=address, uri=address.rstrip("/"), options=options)


def _check_endpoint(address: str, endpoint: str) -> None:
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(
            f"`endpoint_override` of {address!r} is {endpoint!r}; write it with its protocol, as http://storage:8333"
        )


def delete_files(io: FileIO, uris: Iterable[str]) -> None:
    """Delete files; one that is not there is no error."""
    for uri in uris:
        with suppress(FileNotFoundError):
            io.delete(uri)
