"""A bucket of Google Cloud Storage."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests
from google.cloud.storage import Blob

from connectors.base import CheckStep
from connectors.errors import ConnectorError, file_changed, file_gone
from connectors.gcs.client import ENDPOINT, GcsClient, create_client, service_account_of
from connectors.gcs.config import GcsConfig
from connectors.gcs.refusals import LIBRARY_ERRORS, explain, no_bucket, refused, source_name
from connectors.objects.attempts import repeated
from connectors.objects.checksums import Checksum, checksum
from connectors.objects.store import Page, StoredObject, check_range
from connectors.objects.window import BLOCK_BYTES

_PAGE_OBJECTS = 1000
_FIELDS = "items(name,size,updated,generation),prefixes,nextPageToken"
_GENERATION = "x-goog-generation"


class GcsStore:
    """See `ObjectStore`. A version is a generation.

    Raises:
        ConfigurationError: The service account's key can't be used.
    """

    def __init__(self, config: GcsConfig) -> None:
        self.source = source_name(config)
        self._config = config
        self._credentials = service_account_of(config)
        self._resources = ExitStack()
        self._client: GcsClient | None = None

    def pages(self, prefix: str, *, delimiter: str, folder: str) -> Iterator[Page]:
        """See `ObjectStore.pages`."""
        token: str | None = None
        while True:
            page, following = repeated(partial(self._page, prefix, delimiter, folder, token), self._config.max_attempts)
            yield page
            if following is None:
                return
            if following == token:
                raise ConnectorError(
                    f"{self.source} does not speak GCS as it should: its listing does not end. Check that `endpoint` "
                    "is a GCS service's.",
                    self.source,
                )
            token = following

    def find(self, key: str, *, path: str, version: str | None) -> StoredObject:
        """See `ObjectStore.find`."""
        if version is not None and not version.isdecimal():
            raise file_changed(self.source, path, version=version)
        found = self._blob(key, path, version)
        if found is None and version is not None and self._blob(key, path, None) is not None:
            raise file_changed(self.source, path, version=version)
        if found is None:
            repeated(partial(self._page, key, "", path, None), self._config.max_attempts)  # raises without a bucket
            raise file_gone(self.source, path)
        described = _stored_object(found)
        if version not in (None, described.version):
            raise file_changed(self.source, path, version=version or "")
        return described

    @contextmanager
    def open_range(self, found: StoredObject, start: int, stop: int, *, path: str) -> Iterator[Iterator[bytes]]:
        """See `ObjectStore.open_range`."""
        answer = repeated(partial(self._media, found, start, stop, path), self._config.max_attempts)
        with closing(answer):
            check_range(answer.headers.get("Content-Range"), start, stop, found, source=self.source, path=path)
            yield self._received(answer, path)

    def steps(self) -> tuple[CheckStep, ...]:
        """See `ObjectStore.steps`."""
        steps = [CheckStep(name="reach", detail=f"{self.source} answered")]
        if (self._config.endpoint or ENDPOINT).startswith("https:"):
            steps.append(CheckStep(name="trust", detail="its certificate is a trusted one"))
        return (*steps, CheckStep(name="authenticate", detail=self._login()))

    def close(self) -> None:
        """See `ObjectStore.close`."""
        self._client = None
        self._resources.close()

    def _connect(self) -> GcsClient:
        if self._client is None:
            self._client = create_client(self._config, self._credentials, self._resources)
        return self._client

    def _login(self) -> str:
        if self._config.anonymous:
            return "nobody is logged in"
        email = getattr(self._credentials, "service_account_email", None)
        return f"logged in as {email}" if email else "logged in as this machine's own account"

    def _page(self, prefix: str, delimiter: str, folder: str, token: str | None) -> tuple[Page, str | None]:
        with self._explained(folder, is_folder=True):
            found = self._connect().api.list_blobs(
                self._bucket(),
                prefix=prefix or None,
                delimiter=delimiter or None,
                page_token=token,
                page_size=_PAGE_OBJECTS,
                fields=_FIELDS,
                timeout=self._timeout,
                retry=None,
            )
            try:
                blobs = list(next(found.pages, ()))
            except LIBRARY_ERRORS as error:
                if getattr(error, "code", None) == HTTPStatus.NOT_FOUND:
                    raise no_bucket(self._config) from error
                raise
            page = Page(objects=[_stored_object(blob) for blob in blobs], prefixes=sorted(found.prefixes))
            return page, found.next_page_token

    def _blob(self, key: str, path: str, version: str | None) -> Blob | None:
        generation = int(version) if version is not None else None

        def ask() -> Blob | None:
            with self._explained(path, version=version or ""):
                return self._bucket().get_blob(key, generation=generation, timeout=self._timeout, retry=None)

        return repeated(ask, self._config.max_attempts)

    def _media(self, found: StoredObject, start: int, stop: int, path: str) -> requests.Response:
        address = f"{self._config.endpoint or ENDPOINT}/download/storage/v1/b/{self._config.bucket_name}/o/"
        query = {"alt": "media", "generation": found.version, "userProject": self._config.user_project}
        # Objects that are kept compressed would be sent decompressed to those who do not accept it so.
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "gzip"}
        with self._explained(path, version=found.version or ""):
            answer = self._connect().session.get(
                address + quote(found.key, safe=""), params=query, headers=headers, stream=True, timeout=self._timeout
            )
        try:
            self._check_answer(answer, found, path)
        except BaseException:
            answer.close()
            raise
        return answer

    def _check_answer(self, answer: requests.Response, found: StoredObject, path: str) -> None:
        version = found.version or ""
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise file_changed(self.source, path, version=version)
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            with self._explained(path):
                message = answer.raw.read(1000, decode_content=True).decode("utf-8", "replace")
            raise refused(answer.status_code, message, self._config, path, version=version)
        if answer.headers.get(_GENERATION, version) != version:
            raise file_changed(self.source, path, version=version)

    def _received(self, answer: requests.Response, path: str) -> Iterator[bytes]:
        with self._explained(path):
            while block := answer.raw.read(BLOCK_BYTES, decode_content=False):
                yield block

    def _bucket(self) -> Any:  # noqa: ANN401 (the library has no types)
        return self._connect().api.bucket(self._config.bucket_name, user_project=self._config.user_project)

    @property
    def _timeout(self) -> tuple[float, float]:
        return self._config.timeout_seconds, self._config.timeout_seconds

    @contextmanager
    def _explained(self, path: str, *, is_folder: bool = False, version: str = "") -> Iterator[None]:
        try:
            yield
        except LIBRARY_ERRORS as error:
            raise explain(error, self._config, path, is_folder=is_folder, version=version) from error


def _stored_object(blob: Blob) -> StoredObject:
    return StoredObject(
        key=blob.name,
        size_bytes=blob.size,
        modified_at=blob.updated,
        version=str(blob.generation) if blob.generation is not None else None,
        checksum=_checksum(blob),
    )


def _checksum(blob: Blob) -> Checksum | None:
    if blob.crc32c:
        return checksum("CRC32C", blob.crc32c)
    return checksum("MD5", blob.md5_hash) if blob.md5_hash else None
