"""A store that speaks S3, in memory, with keys that real ones refuse and faults that they do not show on demand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers.object_store import Handler, ObjectStore, Refusal, md5, serving

BUCKET = "exchange"
ACCESS_KEY = "AKIAODDODDODDODD"
SECRET_KEY = "a-secret-that-nobody-checks"
_PAGE = 1000
_TIME = "2026-11-01T02:00:00.000Z"
_HTTP_TIME = "Sun, 01 Nov 2026 02:00:00 GMT"


@dataclass(kw_only=True)
class OddS3(ObjectStore):
    """The store.

    Attributes:
        roles: External id by role; `AssumeRole` is answered at the same address.
        stray_keys: Keys that every listing has besides the right ones.
        no_size: Whether HEAD leaves the size out.
    """

    roles: dict[str, str] = field(default_factory=dict)
    stray_keys: tuple[str, ...] = ()
    no_size: bool = False

    def config(self, **changes: object) -> dict[str, object]:
        """Return a connector configuration that works; with the changes, None leaving one out."""
        config: dict[str, object] = {
            "service_url": self.url,
            "bucket_name": BUCKET,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "ca_certificate": self.ca_text if self.ca else None,
            "timeout_seconds": 10,
            "max_attempts": 3,
            **changes,
        }
        return {name: value for name, value in config.items() if value is not None}


@contextmanager
def odd_s3(*, tls: bool = False) -> Iterator[OddS3]:
    """Run the store; it looks at no signature."""
    store = OddS3()
    with serving(store, _Handler, tls=tls):
        yield store


class _Handler(Handler):
    @property
    def store(self) -> OddS3:
        store = self.server.store
        assert isinstance(store, OddS3)
        return store

    def do_HEAD(self) -> None:  # noqa: N802 (http.server's name)
        self._serve()

    def do_GET(self) -> None:  # noqa: N802 (http.server's name)
        self._serve()

    def do_POST(self) -> None:  # noqa: N802 (http.server's name)
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        refusal = self.next_refusal()
        wanted = self.store.roles.get(form["RoleArn"][0])
        if refusal is None and (wanted is None or form.get("ExternalId") != [wanted]):
            refusal = Refusal(status=403, code="AccessDenied", message="not authorized to perform: sts:AssumeRole")
        if refusal is not None:
            error = f"<ErrorResponse><Error>{_fields(refusal)}</Error></ErrorResponse>"
            self.send(refusal.status, error.encode(), refusal.headers)
        else:
            self.send(HTTPStatus.OK, _ASSUMED, {})

    def _serve(self) -> None:
        refusal = self.next_refusal()
        parts = urlsplit(self.path)
        _, bucket, *key = unquote(parts.path).split("/", 2)
        if refusal is None and bucket != BUCKET:
            refusal = Refusal(status=404, code="NoSuchBucket")
        if refusal is not None:
            self._refuse(refusal)
        elif not key or not key[0]:
            self._list({name: values[0] for name, values in parse_qs(parts.query).items()})
        else:
            self._object(key[0])

    def _object(self, key: str) -> None:
        content = self.store.files.get(key)
        if content is None:
            self._refuse(Refusal(status=404, code="NoSuchKey"))
            return
        etag = f'"{md5(content)}"'
        if self.headers.get("If-Match", etag) != etag and not self.store.ignore_conditions:
            self._refuse(Refusal(status=412, code="PreconditionFailed"))
            return
        headers = {"ETag": etag, "Last-Modified": _HTTP_TIME, **self.store.extra}
        if self.command == "HEAD":
            self.send_response(HTTPStatus.OK)
            size = {} if self.store.no_size else {"Content-Length": str(len(content))}
            for name, value in {**size, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
        else:
            self.send_file(content, headers)

    def _list(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        start = query.get("continuation-token", "")
        keys = sorted(key for key in self.store.files if key.startswith(prefix) and key > start)
        page, more = keys[:_PAGE], len(keys) > _PAGE
        folders, entries = set(), []
        for key in [*page, *self.store.stray_keys]:
            name, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            if found:
                folders.add(f"{prefix}{name}{delimiter}")
            else:
                entries.append(key)
        contents = "".join(
            f"<Contents><Key>{quote(key)}</Key><LastModified>{_TIME}</LastModified>"
            f"<ETag>&quot;{md5(self.store.files.get(key, b''))}&quot;</ETag>"
            f"<Size>{len(self.store.files.get(key, b''))}</Size></Contents>"
            for key in entries
        )
        commons = "".join(
            f"<CommonPrefixes><Prefix>{quote(each)}</Prefix></CommonPrefixes>" for each in sorted(folders)
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        listing = (
            f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{contents}{commons}{token}</ListBucketResult>"
        )
        self.send_listing(listing.encode(), {"Content-Type": "application/xml"})

    def _refuse(self, refusal: Refusal) -> None:
        body = refusal.body
        if body is None:
            body = f"<Error>{_fields(refusal)}</Error>".encode() if refusal.code else b""
        self.send(refusal.status, body, {"Content-Type": "application/xml", **refusal.headers})


def _fields(refusal: Refusal) -> str:
    message = {} if refusal.message is None else {"Message": refusal.message}
    fields = {"Code": refusal.code, **message, **refusal.fields}
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())


_ASSUMED = b"""<AssumeRoleResponse><AssumeRoleResult>
<Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>role-token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
<AssumedRoleUser><AssumedRoleId>R:headwater</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/headwater</Arn></AssumedRoleUser>
</AssumeRoleResult></AssumeRoleResponse>"""
