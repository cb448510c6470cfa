"""Reads a web server's folder: links are files and folders, HEAD tells sizes and times, GET takes ranges."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import quote, unquote_to_bytes, urljoin

import httpx

from connectors.base import CheckResult, CheckStep, RemoteFile, RemoteFolder
from connectors.errors import (
    AuthenticationError,
    ConnectorError,
    FileGoneError,
    TransferError,
    UnreachableError,
    access_denied,
    bytes_to_come,
    file_changed,
    file_gone,
    folder_gone,
    not_a_file,
)
from connectors.objects.trust import untrusted_certificate
from connectors.paths import checked_name, checked_path, decode_path, encode_path, join_path
from connectors.streams import Blocks, CheckedStream, buffered
from headwater_http_folder import HttpFolderConfig

_BLOCK_BYTES = 256 * 1024
_MOST_LISTING_BYTES = 32 * 1024 * 1024
_DEEPEST = 50


class HttpFolderConnector:
    """See `connectors.base.Connector`; paths are relative to the account's URL. A version is an ETag."""

    def __init__(self, config: HttpFolderConfig) -> None:
        self._config = config
        self._source = f"Web server {httpx.URL(config.url).netloc.decode()}"
        self._client: httpx.Client | None = None

    def check(self) -> CheckResult:
        """See `Connector.check`. Connects anew."""
        self.close()
        first = next(self.browse(""), None)
        steps = [CheckStep(name="reach", detail=f"{self._source} answered")]
        if self._config.url.startswith("https:"):
            steps.append(CheckStep(name="trust", detail="its certificate is signed by a trusted authority"))
        if self._config.username is not None:
            steps.append(CheckStep(name="authenticate", detail=f"user {self._config.username!r} is accepted"))
        listed = "the folder is empty" if first is None else f"the folder has entries, such as {first.path!r}"
        return CheckResult(steps=(*steps, CheckStep(name="list", detail=listed)))

    def list_files(self, folder: str, *, recursive: bool = False) -> Iterator[RemoteFile]:
        """See `Connector.list_files`. Each file costs a request, which tells its size and time."""
        waiting = [checked_path(folder, source=self._source).lstrip("/")]
        while waiting:
            for path, is_folder in self._links(waiting.pop()):
                if not is_folder:
                    yield from self._if_there(path)
                elif recursive:
                    waiting.append(self._not_too_deep(path))

    def browse(self, folder: str) -> Iterator[RemoteFile | RemoteFolder]:
        """See `Connector.browse`."""
        for path, is_folder in self._links(checked_path(folder, source=self._source).lstrip("/")):
            yield from [RemoteFolder(path=path)] if is_folder else self._if_there(path)

    def _if_there(self, path: str) -> Iterator[RemoteFile]:
        """The file that a page links to, unless the link is dead or the file went since."""
        with suppress(FileGoneError):
            yield self.stat_file(path)

    def stat_file(self, path: str) -> RemoteFile:
        """See `Connector.stat_file`."""
        path = checked_path(path, source=self._source).lstrip("/")
        with self._translated(path):
            answer = self._http().head(self._url(path))
        if answer.is_redirect or not path:
            raise not_a_file(self._source, path)
        self._require(answer, path, HTTPStatus.OK)
        size, time, version = (answer.headers.get(name) for name in ("Content-Length", "Last-Modified", "ETag"))
        return RemoteFile(path=path, size_bytes=int(size) if size else None, modified_at=_time(time), version=version)

    @contextmanager
    def open_file(
        self, path: str, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> Iterator[BinaryIO]:
        """See `Connector.open_file`."""
        file = self.stat_file(path)
        if version is not None and file.version != version:
            raise file_changed(self._source, file.path, version=version)
        expected = length
        if file.size_bytes is not None:
            expected = bytes_to_come(self._source, file.path, offset=offset, length=length, size_bytes=file.size_bytes)
        blocks = self._blocks(file, offset, expected)
        with buffered(CheckedStream(blocks, expected_bytes=expected, source=self._source, path=file.path)) as reader:
            yield reader

    def close(self) -> None:
        """See `Connector.close`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _http(self) -> httpx.Client:
        if self._client is None:
            config = self._config
            login = None if config.password is None else (config.username or "", config.password.get_secret_value())
            self._client = httpx.Client(
                auth=login,
                verify=ssl.create_default_context(cadata=config.ca_certificate),
                timeout=config.timeout_seconds,
                headers={"Accept-Encoding": "identity"},
            )
        return self._client

    def _url(self, path: str) -> str:
        return self._config.url + quote(encode_path(path))

    def _links(self, folder: str) -> Iterator[tuple[str, bool]]:
        """The paths of a folder's entries, and whether each is a folder."""
        url = self._url(f"{folder}/" if folder else "")
        page = bytearray()
        with self._translated(folder), self._http().stream("GET", url) as answer:
            self._require(answer, folder, HTTPStatus.OK, is_folder=True)
            for block in answer.iter_bytes():
                page += block
                if len(page) > _MOST_LISTING_BYTES:
                    raise ConnectorError(f"{self._source}: the page of folder {folder!r} does not end.", self._source)
        parser = _Links()
        parser.feed(page.decode("utf-8", "surrogateescape"))
        for link in dict.fromkeys(urljoin(url, target) for target in parser.targets):
            name = link.removeprefix(url).removesuffix("/")
            if link.startswith(url) and name and not {"/", "?", "#"} & set(name):
                name = decode_path(unquote_to_bytes(encode_path(name)))
                yield join_path(folder, checked_name(name, folder=folder, source=self._source)), link.endswith("/")

    def _not_too_deep(self, folder: str) -> str:
        if folder.count("/") >= _DEEPEST:
            raise ConnectorError(f"{self._source}: folder {folder!r} is too deep; a link may lead back.", self._source)
        return folder

    def _blocks(self, file: RemoteFile, offset: int, length: int | None) -> Blocks:
        if length == 0:
            return
        headers = {"If-Match": file.version} if file.version and not file.version.startswith("W/") else {}
        whole = offset == 0 and length in (None, file.size_bytes)
        if not whole:
            headers["Range"] = f"bytes={offset}-{'' if length is None else offset + length - 1}"
        with self._translated(file.path), self._http().stream("GET", self._url(file.path), headers=headers) as answer:
            if answer.status_code == HTTPStatus.PRECONDITION_FAILED:
                raise file_changed(self._source, file.path, version=file.version or "")
            self._require(answer, file.path, HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
            for block in answer.iter_raw(_BLOCK_BYTES):
                yield memoryview(block)

    def _require(self, answer: httpx.Response, path: str, status: HTTPStatus, *, is_folder: bool = False) -> None:
        """Raise unless the answer has this status."""
        found = answer.status_code
        if found == status:
            return
        if found == HTTPStatus.UNAUTHORIZED:
            raise AuthenticationError(
                f"{self._source} does not accept the login. Check `username` and `password`.", self._source
            )
        if found == HTTPStatus.FORBIDDEN:
            raise access_denied(self._source, path)
        if found in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise folder_gone(self._source, path) if is_folder else file_gone(self._source, path)
        message = f"{self._source} answered {path!r} with status {found}, where {status.value} was expected."
        if found == HTTPStatus.TOO_MANY_REQUESTS or found >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TransferError(f"{message} Try again later.", self._source, path)
        raise ConnectorError(
            f"{message} Check `url`, and that the server lists folders and sends ranges.", self._source
        )

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if "SSL" in str(error):
                url, seconds = self._config.url, self._config.timeout_seconds
                raise untrusted_certificate(self._source, url, error, timeout_seconds=seconds) from error
            raise UnreachableError(f"{self._source} was not reached: {error}. Check `url`.", self._source) from error
        except httpx.HTTPError as error:
            raise TransferError(
                f"{self._source}: the transfer of {path!r} was cut short ({type(error).__name__}). Try again.",
                self._source,
                path,
            ) from error


def _time(text: str | None) -> datetime | None:
    """A time as HTTP writes it; None if it is none."""
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class _Links(HTMLParser):
    """Collects what a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the target of a link; one with a host in brackets leads elsewhere, or is no address at all."""
        self.targets += [url for name, url in attrs if (tag, name) == ("a", "href") and url and "//[" not in url]
