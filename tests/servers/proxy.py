"""A TCP proxy that delays what passes, cuts connections, and counts them.

Run as a program (`python -m tests.servers.proxy --port 22 --delay-ms 20`) it prints its port; benchmarks use it so.
"""

import argparse
import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK_BYTES = 256 * 1024
_MOST_CHUNKS = 512
_START_SECONDS = 20


@dataclass(kw_only=True)
class Proxy:
    """A running proxy. Tests may change its faults while it runs.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        target: The loopback port it passes everything on to.
        delay_seconds: How late everything arrives, in each direction.
        cut_after: Bytes that the server may send on a connection before that is cut: the first for the first
            connection that gets so far, and so on.
        most_connections: More at once are closed at once, as a server does that allows no more.
        connections: How many there are now.
        most_seen: How many there were at most.
        refused: How many were too many.
    """

    target: int
    port: int = 0
    delay_seconds: float = 0
    cut_after: list[int] = field(default_factory=list)
    most_connections: int | None = None
    connections: int = 0
    most_seen: int = 0
    refused: int = 0

    def wait_until_idle(self) -> None:
        """Wait until every connection was closed."""
        deadline = time.monotonic() + _START_SECONDS
        while self.connections:
            assert time.monotonic() < deadline, f"{self.connections} connections are still open"
            time.sleep(0.01)

    async def serve(self) -> asyncio.Server:
        """Start to listen."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.most_connections is not None and self.connections >= self.most_connections:
            self.refused += 1
            writer.transport.abort()
            return
        self.connections += 1
        self.most_seen = max(self.most_seen, self.connections)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target, limit=_CHUNK_BYTES)
            try:
                ways = [
                    asyncio.create_task(self._pass_on(reader, back, from_server=False)),
                    asyncio.create_task(self._pass_on(there, writer, from_server=True)),
                ]
                with suppress(asyncio.CancelledError):  # the proxy is stopped
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                back.transport.abort()
        finally:
            writer.transport.abort()
            self.connections -= 1

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_CHUNKS)
        delivering = asyncio.create_task(self._deliver(late, writer))
        passed = 0
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK_BYTES):
                passed += len(data)
                if from_server and self.cut_after and passed >= self.cut_after[0]:
                    del self.cut_after[0]
                    break
                await late.put((asyncio.get_running_loop().time() + self.delay_seconds, data))
            else:
                await late.join()
        delivering.cancel()

    async def _deliver(self, late: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await late.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            with suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
            late.task_done()


@contextmanager
def running_proxy(
    target: int,
    *,
    delay_seconds: float = 0,
    most_connections: int | None = None,
) -> Iterator[Proxy]:
    """Run a proxy in a thread of its own."""
    proxy = Proxy(target=target, delay_seconds=delay_seconds, most_connections=most_connections)
    ready, stopping = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await proxy.serve()
        ready.set()
        await stopping.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="proxy", daemon=True)
    thread.start()
    assert ready.wait(_START_SECONDS)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(_START_SECONDS)
        loop.close()


async def _serve_for_ever(target: int, delay_seconds: float) -> None:
    server = await Proxy(target=target, delay_seconds=delay_seconds).serve()
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 (how a program tells its port)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the loopback port to pass everything on to")
    parser.add_argument("--delay-ms", type=float, default=0, help="how late everything arrives, in each direction")
    arguments = parser.parse_args()
    asyncio.run(_serve_for_ever(arguments.port, arguments.delay_ms / 1000))
