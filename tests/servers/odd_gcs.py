"""A store that speaks Google Cloud Storage's JSON API, in memory, with faults that emulators do not show."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.servers.object_store import Handler, ObjectStore, Refusal, serving

BUCKET = "exchange"
EMAIL = "headwater@tests.iam.gserviceaccount.com"
_TOKEN = "a-token"
_PAGE = 1000
_DOWNLOAD = f"/download/storage/v1/b/{BUCKET}/o/"
_OBJECTS = f"/storage/v1/b/{BUCKET}/o"


@dataclass(kw_only=True)
class OddGcs(ObjectStore):
    """The store. It wants the token that its `/token` gives to who signs with the service account's key."""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def accepts(self, assertion: str) -> bool:
        """Return whether a signed JWT is the service account's."""
        signed, _, signature = assertion.rpartition(".")
        try:
            self._key.public_key().verify(_unpadded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return bool(json.loads(_unpadded(signed.partition(".")[2]))["iss"] == EMAIL)

    def key_file(self, key: rsa.RSAPrivateKey | None = None) -> str:
        """Return the text of the service account's key file; with another key, one that is not accepted."""
        private = (key or self._key).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        content = {
            "type": "service_account",
            "project_id": "tests",
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
            "private_key_id": "1",
            "private_key": private.decode(),
        }
        return json.dumps(content)

    def config(self, **changes: object) -> dict[str, object]:
        """Return a connector configuration that works; with the changes, None leaving one out."""
        config: dict[str, object] = {
            "endpoint": self.url,
            "bucket_name": BUCKET,
            "service_account_key": self.key_file(),
            "ca_certificate": self.ca_text if self.ca else None,
            "timeout_seconds": 10,
            "max_attempts": 3,
            **changes,
        }
        return {name: value for name, value in config.items() if value is not None}


@contextmanager
def odd_gcs(*, tls: bool = False) -> Iterator[OddGcs]:
    """Run the store."""
    store = OddGcs()
    with serving(store, _Handler, tls=tls):
        yield store


class _Handler(Handler):
    @property
    def store(self) -> OddGcs:
        store = self.server.store
        assert isinstance(store, OddGcs)
        return store

    def do_POST(self) -> None:  # noqa: N802 (http.server's name)
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.store.accepts(form["assertion"][0]):
            self._send(HTTPStatus.OK, {"access_token": _TOKEN, "token_type": "Bearer", "expires_in": 3600})
        else:
            error = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            self._send(HTTPStatus.BAD_REQUEST, error)

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        refusal = self.next_refusal()
        if refusal is None and self.headers.get("Authorization") != f"Bearer {_TOKEN}":
            refusal = Refusal(status=401, message="Invalid Credentials")
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if refusal is not None:
            self._refuse(refusal)
        elif parts.path == _OBJECTS:
            self._list(query)
        elif parts.path.startswith((_DOWNLOAD, f"{_OBJECTS}/")):
            self._object(unquote(parts.path.partition("/o/")[2]), query)
        else:
            self._refuse(Refusal(status=404, message="The specified bucket does not exist."))

    def _object(self, key: str, query: dict[str, str]) -> None:
        content = self.store.files.get(key)
        same = content is None or query.get("generation", _generation(content)) == _generation(content)
        if content is None or not (same or self.store.ignore_conditions):
            self._refuse(Refusal(status=404, message=f"No such object: {BUCKET}/{key}"))
        elif query.get("alt") == "media":
            self.send_file(content, {"x-goog-generation": _generation(content), **self.store.extra})
        else:
            self._send(HTTPStatus.OK, _described(key, content))

    def _list(self, query: dict[str, str]) -> None:
        prefix, delimiter, start = (query.get(name, "") for name in ("prefix", "delimiter", "pageToken"))
        keys = sorted(key for key in self.store.files if key.startswith(prefix) and key > start)
        page, prefixes, items = keys[:_PAGE], set(), []
        for key in page:
            name, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            if found:
                prefixes.add(f"{prefix}{name}{delimiter}")
            else:
                items.append(_described(key, self.store.files[key]))
        more = {"nextPageToken": page[-1]} if len(keys) > _PAGE else {}
        listing = {"items": items, "prefixes": sorted(prefixes), **more}
        self.send_listing(json.dumps(listing).encode(), {"Content-Type": "application/json"})

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.body is not None:
            self.send(refusal.status, refusal.body, refusal.headers)
        else:
            self._send(refusal.status, {"error": {"code": refusal.status, "message": refusal.message or ""}})

    def _send(self, status: int, content: dict[str, Any]) -> None:
        self.send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _generation(content: bytes) -> str:
    return str(1_000_000 + google_crc32c.value(content))


def _described(key: str, content: bytes) -> dict[str, object]:
    return {
        "name": key,
        "size": str(len(content)),
        "updated": "2026-11-01T02:00:00.123Z",
        "generation": _generation(content),
        "crc32c": base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode(),
    }


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
