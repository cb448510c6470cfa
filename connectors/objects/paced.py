"""HTTP connections on which answers have to come at the least speed, from their first line to their last byte.

Neither boto3 nor requests bounds the time that an answer takes as a whole: a store that sends a byte now and then
keeps every time-out, and a listing for ever. Both read through urllib3 and http.client, so that one place is enough:
where an answer's bytes come out of the socket. Ranges of files are left to the reader, which watches their blocks.
"""

import http.client
import io
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from connectors.pace import LeastSpeed, Pace

if TYPE_CHECKING:
    import socket

    from urllib3 import HTTPConnectionPool


def paced_pools(pools: Mapping[str, type["HTTPConnectionPool"]], least: LeastSpeed) -> dict[str, Any]:
    """Return connection pools like these, by protocol, whose answers raise `TooSlowError` if they come too slowly.

    Args:
        pools: What a `urllib3.PoolManager` has as `pool_classes_by_scheme`.
        least: How fast they have to come.
    """
    return {scheme: _paced_pool(pool, least) for scheme, pool in pools.items()}


def _paced_pool(pool: type["HTTPConnectionPool"], least: LeastSpeed) -> type:
    connection = type("PacedConnection", (_PacedConnection, pool.ConnectionCls), {"least_speed": least})
    return type(f"Paced{pool.__name__}", (pool,), {"ConnectionCls": connection})


class _PacedConnection:
    """What is added to a connection. `http.client` makes its answers with `response_class`."""

    least_speed: LeastSpeed
    is_range = False

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> Any:  # noqa: ANN401 (urllib3's)
        self.is_range = "Range" in (headers or {})
        return super().request(method, url, body, headers, **options)  # type: ignore[misc]  # of the other base

    def response_class(self, sock: "socket.socket", **options: Any) -> http.client.HTTPResponse:  # noqa: ANN401 (http.client's)
        if self.is_range:
            return http.client.HTTPResponse(sock, **options)
        return http.client.HTTPResponse(cast("socket.socket", _Paced(sock, Pace(self.least_speed))), **options)


class _Paced:
    """Stands in for the socket of an answer, which asks it for nothing but a file to read from."""

    def __init__(self, sock: "socket.socket", pace: Pace) -> None:
        self._sock = sock
        self._pace = pace

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_PacedBytes(self._sock.makefile(mode, buffering=0), self._pace))  # type: ignore[call-overload]


class _PacedBytes(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, pace: Pace) -> None:
        super().__init__()
        self._raw = raw
        self._pace = pace

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (a buffer)
        asked_at = time.monotonic()
        count: int | None = self._raw.readinto(buffer)
        self._pace.waited(time.monotonic() - asked_at, count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
