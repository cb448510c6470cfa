"""The connector for S3 buckets."""

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from connectors.base import CheckResult, CheckStep, RemoteFile, RemoteFolder
from connectors.errors import ConnectorError, bytes_to_come, file_changed, folder_gone
from connectors.objects.checksums import verified
from connectors.objects.keys import KeySpace
from connectors.objects.window import BLOCK_BYTES, Window, read_ahead
from connectors.s3.client import create_client
from connectors.s3.config import S3Config
from connectors.s3.objects import ObjectFacts, facts_of, honours_range, quoted, request_for
from connectors.s3.refusals import LIBRARY_ERRORS, explain, source_name
from connectors.streams import Blocks, CheckedStream, buffered

if TYPE_CHECKING:
    from botocore.paginate import Paginator
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_PAGE_KEYS = 1000
_log = logging.getLogger(__name__)


class S3Connector:
    """Reads the objects of one bucket.

    A file is read in several ranges at once, all of the same version: an object that is replaced meanwhile raises
    `FileChangedError`, and is never mixed with the new one.

    Args:
        config: The bucket, and how to log in there.

    Raises:
        AccessDeniedError: `folder_path` has a `..` part.
    """

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._source = source_name(config)
        self._keys = KeySpace(config.folder_path, source=self._source)
        self._resources = ExitStack()
        self._client: S3Client | None = None
        self._bucket: dict[str, Any] = {"Bucket": config.bucket_name}
        if config.requester_pays:
            self._bucket["RequestPayer"] = "requester"

    def check(self) -> CheckResult:
        """See `Connector.check`. Connects anew."""
        self.close()
        with closing(self._scan("", delimiter="/")) as entries:
            first = next(entries, None)
        listed = "the folder is empty" if first is None else f"the folder has entries, such as {first.path!r}"
        steps = [CheckStep(name="reach", detail=f"{self._source} answered")]
        if self._connect().meta.endpoint_url.startswith("https:"):
            steps.append(CheckStep(name="trust", detail="its certificate is a trusted one"))
        steps += [
            CheckStep(name="authenticate", detail=f"requests are signed with {self._login()}"),
            CheckStep(name="list", detail=listed),
        ]
        return CheckResult(steps=tuple(steps))

    def list_files(self, folder: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        """See `Connector.list_files`. Keys that end in a slash are folders' markers, and no files."""
        for entry in self._scan(folder, delimiter="" if recursive else "/"):
            if isinstance(entry, RemoteFile):
                yield entry

    def browse(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        """See `Connector.browse`. A key may be a file and a folder at once; then both are yielded."""
        yield from self._scan(folder, delimiter="/")

    def stat_file(self, path: str) -> RemoteFile:
        """See `Connector.stat_file`."""
        facts = self._head(self._keys.key_of(path), path, None)
        return self._remote_file(self._keys.same_path(path), facts)

    @contextmanager
    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> Iterator[BinaryIO]:
        """See `Connector.open_file`. Up to `parallel_parts` times `part_bytes` are read ahead.

        Read whole, the bytes are compared with the object's checksum, if the store keeps one that can be verified: the
        last block is held back until they agree.
        """
        key = self._keys.key_of(path)
        facts = self._head(key, path, version)
        size_bytes = self._size(facts, path)
        expected_bytes = bytes_to_come(self._source, path, offset=offset, length=length, size_bytes=size_bytes)
        blocks = self._blocks(key, path, facts, offset, offset + expected_bytes)
        if self._config.verify_checksums and expected_bytes == size_bytes:
            if facts.checksum is None:
                _log.debug("%s keeps no checksum of file %r that can be verified.", self._source, path)
            else:
                blocks = verified(blocks, facts.checksum, size_bytes=size_bytes, source=self._source, path=path)
        stream = CheckedStream(blocks, expected_bytes=expected_bytes, source=self._source, path=path)
        with buffered(stream) as reader:
            yield reader

    def close(self) -> None:
        """See `Connector.close`."""
        self._client = None
        self._resources.close()

    def _connect(self) -> "S3Client":
        if self._client is None:
            with self._explained(""):
                self._client = create_client(self._config, self._resources)
        return self._client

    def _login(self) -> str:
        if self._config.role_arn:
            return f"role {self._config.role_arn!r}"
        return f"access key {self._config.access_key!r}" if self._config.access_key else "the keys of this machine"

    def _scan(self, folder: str, *, delimiter: str) -> Generator[RemoteFile | RemoteFolder, None, None]:
        prefix = self._keys.prefix_of(folder)
        found = not prefix
        with self._explained(folder, is_folder=True):
            for page in self._pages(prefix, delimiter):
                for entry in page.get("Versions", page.get("Contents", ())):
                    if entry.get("IsLatest", True):
                        found = True
                        if (path := self._keys.file_path(self._checked(entry["Key"], prefix))) is not None:
                            yield self._remote_file(path, facts_of(entry))
                for common in page.get("CommonPrefixes", ()):
                    found = True
                    if (path := self._keys.folder_path(self._checked(common["Prefix"], prefix))) is not None:
                        yield RemoteFolder(path=path)
        if not found:
            raise folder_gone(self._source, folder)

    def _pages(self, prefix: str, delimiter: str) -> Iterable[Mapping[str, Any]]:
        client = self._connect()
        by_version = self._config.object_versions
        pages: Paginator[Any] = client.get_paginator("list_object_versions" if by_version else "list_objects_v2")
        found: Iterable[Mapping[str, Any]] = pages.paginate(
            **self._bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": _PAGE_KEYS}
        )
        return found

    def _checked(self, key: str, prefix: str) -> str:
        if not key.startswith(prefix):
            raise ConnectorError(
                f"{self._source} listed key {key!r}, although keys that begin with {prefix!r} were asked for. Nothing "
                "more was read. Ask the store's operator.",
                self._source,
            )
        return key

    def _remote_file(self, path: str, facts: ObjectFacts) -> RemoteFile:
        version = facts.version(by_id=self._config.object_versions)
        return RemoteFile(path=path, size_bytes=facts.size_bytes, modified_at=facts.modified_at, version=version)

    def _head(self, key: str, path: str, version: str | None) -> ObjectFacts:
        """Ask for what an object is; an answer to HEAD has no text, so a refusal is repeated as GET to learn why."""
        client = self._connect()
        wanted = {**self._bucket, "Key": key, **(request_for(version) if version else {})}
        with self._explained(path, version=version or ""):
            try:
                answer = client.head_object(**wanted, ChecksumMode="ENABLED")
            except ClientError:
                client.get_object(**wanted, Range="bytes=0-0")["Body"].close()
                raise
        facts = facts_of(answer)
        if version and version not in (facts.etag, facts.version_id):
            raise file_changed(self._source, path, version=version)
        return facts

    def _size(self, facts: ObjectFacts, path: str) -> int:
        if facts.size_bytes is None:
            raise ConnectorError(
                f"{self._source} does not say how large file {path!r} is. Check that `service_url` is an S3 service's.",
                self._source,
            )
        return facts.size_bytes

    def _blocks(self, key: str, path: str, facts: ObjectFacts, offset: int, end: int) -> Blocks:
        client, config = self._connect(), self._config
        wanted = {**self._bucket, "Key": key, **facts.request(by_id=config.object_versions)}

        @contextmanager
        def open_range(start: int, stop: int) -> Iterator[Iterator[bytes]]:
            with self._explained(path, version=facts.etag or ""):
                answer = client.get_object(**wanted, Range=f"bytes={start}-{stop - 1}")
            with closing(answer["Body"]) as body:
                self._check_answer(answer, path, facts, start, stop)
                yield self._received(body, path)

        window = Window(
            part_bytes=config.part_bytes,
            parts=config.parallel_parts,
            attempts=config.max_attempts,
            patience_seconds=config.timeout_seconds * (config.max_attempts + 1),
        )
        return read_ahead(open_range, offset=offset, end=end, window=window, source=self._source, path=path)

    def _received(self, body: "StreamingBody", path: str) -> Iterator[bytes]:
        with self._explained(path):
            while block := body.read(BLOCK_BYTES):
                yield block

    def _check_answer(self, answer: Mapping[str, Any], path: str, facts: ObjectFacts, start: int, stop: int) -> None:
        if facts.etag is not None and quoted(answer.get("ETag")) != facts.etag:
            raise file_changed(self._source, path, version=facts.etag)
        if not honours_range(answer, start, stop, self._size(facts, path)):
            raise ConnectorError(
                f"{self._source} was asked for bytes {start} to {stop - 1} of file {path!r}, and sent "
                f"{answer.get('ContentRange') or 'the whole file'}. Nothing of it was used. Check that `service_url` "
                "is an S3 service's.",
                self._source,
            )

    @contextmanager
    def _explained(self, path: str, *, is_folder: bool = False, version: str = "") -> Iterator[None]:
        try:
            yield
        except LIBRARY_ERRORS as error:
            raise explain(error, self._config, path, is_folder=is_folder, version=version) from error
