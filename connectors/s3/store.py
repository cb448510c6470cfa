"""A bucket of an S3 store."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from connectors.base import CheckStep
from connectors.errors import file_changed
from connectors.objects.store import Page, StoredObject, check_range
from connectors.objects.window import BLOCK_BYTES
from connectors.s3.answers import quoted, read_object, request_for
from connectors.s3.client import create_client
from connectors.s3.config import S3Config
from connectors.s3.refusals import LIBRARY_ERRORS, explain, source_name

if TYPE_CHECKING:
    from botocore.paginate import Paginator
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_PAGE_KEYS = 1000


class S3Store:
    """See `ObjectStore`. Versions are told by ETag, or by version id if `object_versions` is set."""

    def __init__(self, config: S3Config) -> None:
        self.source = source_name(config)
        self._config = config
        self._resources = ExitStack()
        self._client: S3Client | None = None
        self._bucket: dict[str, Any] = {"Bucket": config.bucket_name}
        if config.requester_pays:
            self._bucket["RequestPayer"] = "requester"

    def pages(self, prefix: str, *, delimiter: str, folder: str) -> Iterator[Page]:
        """See `ObjectStore.pages`."""
        by_id = self._config.object_versions
        with self._explained(folder, is_folder=True):
            operation = self._connect().get_paginator("list_object_versions" if by_id else "list_objects_v2")
            paginator: Paginator[Any] = operation
            for page in paginator.paginate(
                **self._bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": _PAGE_KEYS}
            ):
                entries = page.get("Versions", page.get("Contents", ()))
                yield Page(
                    objects=[
                        read_object(each["Key"], each, by_id=by_id) for each in entries if each.get("IsLatest", True)
                    ],
                    prefixes=[each["Prefix"] for each in page.get("CommonPrefixes", ())],
                )

    def find(self, key: str, *, path: str, version: str | None) -> StoredObject:
        """See `ObjectStore.find`. An answer to HEAD has no text, so a refusal is repeated as GET to learn why."""
        client = self._connect()
        wanted = {**self._bucket, "Key": key, **request_for(version)}
        with self._explained(path, version=version or ""):
            try:
                answer = client.head_object(**wanted, ChecksumMode="ENABLED")
            except ClientError:
                client.get_object(**wanted, Range="bytes=0-0")["Body"].close()
                raise
        found = read_object(key, answer, by_id=self._config.object_versions)
        if version and version not in (found.etag, answer.get("VersionId")):
            raise file_changed(self.source, path, version=version)
        return found

    @contextmanager
    def open_range(self, found: StoredObject, start: int, stop: int, *, path: str) -> Iterator[Iterator[bytes]]:
        """See `ObjectStore.open_range`."""
        wanted = {**self._bucket, "Key": found.key, **request_for(found.version)}
        with self._explained(path, version=found.version or ""):
            answer = self._connect().get_object(**wanted, Range=f"bytes={start}-{stop - 1}")
        with closing(answer["Body"]) as body:
            if found.etag is not None and quoted(answer.get("ETag")) != found.etag:
                raise file_changed(self.source, path, version=found.etag)
            check_range(answer.get("ContentRange"), start, stop, found, source=self.source, path=path)
            yield self._received(body, path)

    def steps(self) -> tuple[CheckStep, ...]:
        """See `ObjectStore.steps`."""
        steps = [CheckStep(name="reach", detail=f"{self.source} answered")]
        if self._connect().meta.endpoint_url.startswith("https:"):
            steps.append(CheckStep(name="trust", detail="its certificate is a trusted one"))
        return (*steps, CheckStep(name="authenticate", detail=f"requests are signed with {self._login()}"))

    def close(self) -> None:
        """See `ObjectStore.close`."""
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

    def _received(self, body: "StreamingBody", path: str) -> Iterator[bytes]:
        with self._explained(path):
            while block := body.read(BLOCK_BYTES):
                yield block

    @contextmanager
    def _explained(self, path: str, *, is_folder: bool = False, version: str = "") -> Iterator[None]:
        try:
            yield
        except LIBRARY_ERRORS as error:
            raise explain(error, self._config, path, is_folder=is_folder, version=version) from error
