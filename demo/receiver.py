"""A webhook receiver: answers the challenge, checks signatures, and remembers the notifications in their order."""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_MOST_BYTES = 1_000_000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One notification. `code` is such as `ing_load_success`; `genuine` says whether the signature was right."""

    event_id: str
    code: str
    batch_id: str
    dataset: str
    genuine: bool


class Receiver:
    """Listens on the loopback interface while it is entered, on a port that the system picks.

    A notification that comes again, with the id of an earlier one, is kept once: delivery is at least once.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._lock = threading.Lock()
        self._notifications: dict[str, Notification] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self.take))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where notifications go."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """What came so far, in the order in which it came."""
        with self._lock:
            return tuple(self._notifications.values())

    def take(self, body: bytes, signature: str) -> bool:
        """Remember a notification; returns whether its signature (Base64 of HMAC-SHA256 over the body) is right.

        Raises:
            ValueError: The body is no notification.
        """
        expected = base64.b64encode(hmac.digest(self._secret, body, hashlib.sha256))
        genuine = hmac.compare_digest(expected, signature.encode())
        notification = _read(json.loads(body), genuine)
        with self._lock:
            self._notifications.setdefault(notification.event_id, notification)
        return genuine


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def __init__(self, take: Callable[[bytes, str], bool], *arguments: Any) -> None:  # noqa: ANN401 (http.server's own)
        self._take = take
        super().__init__(*arguments)

    def do_GET(self) -> None:
        challenge = parse_qs(urlsplit(self.path).query).get("challenge", [""])[0]
        if _CHALLENGE.fullmatch(challenge):
            self._answer(200, challenge)
        else:
            self._answer(400, "give a challenge")

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self._answer(413, f"give a content-length of at most {_MOST_BYTES} bytes")
            return
        try:
            genuine = self._take(self.rfile.read(int(length)), self.headers.get("x-adobe-signature", ""))
        except ValueError:
            self._answer(400, "this is no notification")
            return
        self._answer(200 if genuine else 401, "thank you" if genuine else "the signature is wrong")

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the notifications are shown at the end."""

    def _answer(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _read(body: Any, genuine: bool) -> Notification:  # noqa: ANN401 (any JSON)
    try:
        event = body["event"]
        return Notification(
            event_id=str(body["event_id"]),
            code=str(event["xdm:eventCode"]),
            batch_id=str(event["xdm:ingestionId"]),
            dataset=str(event["xdm:datasetId"]),
            genuine=genuine,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the body of an ingestion notification: {error}") from error
