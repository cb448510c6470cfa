"""An Iceberg REST catalog on a loopback port: the part of the protocol that Headwater needs, kept in a SQLite file."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableRequest, Table

CREDENTIAL = ("client", "s3cret")
_TOKEN = "a-token"
_TABLE = re.compile(r"/v1/catalog/namespaces/(\w+)/tables/(\w+)")
_STATUS: dict[type[Exception], HTTPStatus] = {
    CommitFailedException: HTTPStatus.CONFLICT,
    NamespaceAlreadyExistsError: HTTPStatus.CONFLICT,
    TableAlreadyExistsError: HTTPStatus.CONFLICT,
    NoSuchTableError: HTTPStatus.NOT_FOUND,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestCatalogServer:
    """Where the catalog is. It wants `CREDENTIAL`, and knows one warehouse, `lake`, whose prefix is `catalog`."""

    port: int

    def url(self, client: str = CREDENTIAL[0], secret: str = CREDENTIAL[1]) -> str:
        """The catalog's URL with a credential."""
        return f"http://{client}:{secret}@127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    catalog: SqlCatalog
    lock: Lock


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the log out of the tests' output."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        path = urlsplit(self.path).path
        if path == "/v1/oauth/tokens":
            self._answer(*_token(body))
        elif self.headers.get("Authorization") != f"Bearer {_TOKEN}":
            self._answer(HTTPStatus.UNAUTHORIZED, _error(HTTPStatus.UNAUTHORIZED, "NotAuthorizedException", "no token"))
        else:
            try:
                with self.server.lock:
                    self._answer(HTTPStatus.OK, self._handle(path, body))
            except tuple(_STATUS) as error:
                status = _STATUS[type(error)]
                self._answer(status, _error(status, type(error).__name__, str(error)))

    def _handle(self, path: str, body: str) -> dict[str, Any]:
        catalog = self.server.catalog
        if path == "/v1/config":
            assert parse_qs(urlsplit(self.path).query) == {"warehouse": ["lake"]}
            return {"defaults": {}, "overrides": {"prefix": "catalog"}}
        if path == "/v1/catalog/namespaces":
            namespace = json.loads(body)["namespace"]
            catalog.create_namespace(tuple(namespace))
            return {"namespace": namespace, "properties": {}}
        if path == "/v1/catalog/namespaces/headwater/tables":
            request = json.loads(body)
            schema = Schema.model_validate(request["schema"])
            return _loaded(
                catalog.create_table(("headwater", request["name"]), schema, properties=request["properties"])
            )
        found = _TABLE.fullmatch(path)
        assert found is not None, path
        return self._handle_table((found[1], found[2]), body)

    def _handle_table(self, name: tuple[str, str], body: str) -> dict[str, Any]:
        catalog = self.server.catalog
        if self.command == "DELETE":
            catalog.drop_table(name)
            return {}
        table = catalog.load_table(name)
        if self.command == "POST":
            request = CommitTableRequest.model_validate_json(body)
            response = catalog.commit_table(table, request.requirements, request.updates)
            return {"metadata-location": response.metadata_location, "metadata": _plain(response.metadata)}
        return _loaded(table)

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        encoded = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def _token(form: str) -> tuple[HTTPStatus, dict[str, Any]]:
    given = parse_qs(form)
    if (given["client_id"][0], given["client_secret"][0]) != CREDENTIAL:
        return HTTPStatus.UNAUTHORIZED, {"error": "invalid_client", "error_description": "wrong client or secret"}
    return HTTPStatus.OK, {"access_token": _TOKEN, "token_type": "bearer", "expires_in": 3600}


def _loaded(table: Table) -> dict[str, Any]:
    return {"metadata-location": table.metadata_location, "metadata": _plain(table.metadata), "config": {}}


def _plain(metadata: Any) -> dict[str, Any]:  # noqa: ANN401 (one of pyiceberg's three metadata versions)
    plain: dict[str, Any] = json.loads(metadata.model_dump_json())
    return plain


def _error(status: HTTPStatus, kind: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": int(status)}}


@contextmanager
def iceberg_rest_server(folder: Path) -> Iterator[RestCatalogServer]:
    """Run a catalog whose tables lie in the folder."""
    with closing(SqlCatalog("rest", uri=f"sqlite:///{folder}/rest.db", warehouse=f"file://{folder}/tables")) as catalog:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.catalog, server.lock = catalog, Lock()
        serve: Callable[..., None] = server.serve_forever
        thread = Thread(target=serve, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield RestCatalogServer(port=server.server_port)
        finally:
            server.shutdown()
            server.server_close()
            thread.join(timeout=10)
