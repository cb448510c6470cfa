"""A file's bytes in order, many requests ahead of the reader, over one connection or several.

The file is cut into stripes. A connection that has room for more requests takes the next stripe; the reader drains the
stripes in their order, while each connection's own thread receives the answers of the others. Connections may join
while the file is read. What is on its way, and so the memory, is bounded by one window per connection.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from connectors.pace import ANY_SPEED, LeastSpeed, Pace
from connectors.sftp.session import MIN_READ_BYTES, SftpSession
from connectors.streams import Blocks

_STRIPE_BYTES = 1024 * 1024
_LEAST_READ_BYTES = 32 * 1024  # where a server gives less at once, the window is not filled with tiny requests


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A file that is open in one session."""

    session: SftpSession
    handle: bytes


def nobody() -> tuple[OpenFile, ...]:
    """Return that no further connection has the file open."""
    return ()


def read_blocks(
    file: OpenFile,
    *,
    offset: int,
    end: int | None,
    window_bytes: int,
    least: LeastSpeed = ANY_SPEED,
    joining: Callable[[], Iterable[OpenFile]] = nobody,
) -> Blocks:
    """Yield a file's bytes in order; raises what `SftpSession` raises.

    Args:
        file: The open file.
        offset: Where to start.
        end: Where to stop; the server may end the file earlier. None reads until it does.
        window_bytes: How many bytes each connection may have on their way.
        least: How slow each connection may be; `TooSlowError` is raised for a slower one.
        joining: Asked again and again for sessions of further connections in which the same file is open by now;
            must not block. Not asked where the end is unknown.
    """
    plan = _Plan(offset=offset, end=end)
    with ExitStack() as stack:

        def add(joined: OpenFile) -> None:
            stack.enter_context(closing(_PipelinedReads(joined, plan, window_bytes, Pace(least))))

        add(file)
        while stripe := plan.first():
            block = stripe.reads.next_block()
            if not block:
                return
            yield block
            plan.took(len(block))
            if end is not None:
                for joined in joining():
                    add(joined)


@dataclass(slots=True, kw_only=True)
class _Stripe:
    """Bytes that one connection was asked for; `left_bytes` is None in a file whose end is not known."""

    reads: "_PipelinedReads"
    left_bytes: int | None


class _Plan:
    """Which connection reads which bytes."""

    def __init__(self, *, offset: int, end: int | None) -> None:
        self._next: int | None = offset
        self._end = end
        self._stripes: deque[_Stripe] = deque()

    def stripes_for(self, reads: "_PipelinedReads") -> Iterator[tuple[int, int | None]]:
        """Yield the first byte of stripes, and the one after the last, as the connection asks for them."""
        while self._next is not None and (self._end is None or self._next < self._end):
            start, stop = self._next, None
            if self._end is not None:
                stop = min(self._end, start + _STRIPE_BYTES)
            self._next = stop
            self._stripes.append(_Stripe(reads=reads, left_bytes=None if stop is None else stop - start))
            yield start, stop

    def first(self) -> _Stripe | None:
        """Return the stripe that the reader is at; None at the end."""
        return self._stripes[0] if self._stripes else None

    def took(self, count: int) -> None:
        """Note that the reader has taken bytes of the first stripe."""
        stripe = self._stripes[0]
        if stripe.left_bytes is not None:
            stripe.left_bytes -= count
            if not stripe.left_bytes:
                self._stripes.popleft()
                stripe.reads.ask()


class _PipelinedReads:
    """Reads stripes of a file in one session, a window ahead, from the moment that it is made."""

    def __init__(self, file: OpenFile, plan: _Plan, window_bytes: int, pace: Pace) -> None:
        self._file = file
        self._stripes = plan.stripes_for(self)
        self._window_bytes = window_bytes
        self._pace = pace
        self._read_bytes = file.session.read_bytes
        self._next: int = 0
        self._end: int | None = 0
        self._requests: deque[tuple[int, int, int]] = deque()
        self.ask()

    def ask(self) -> None:
        """Make requests, as many as the window has room for."""
        most = self._window_bytes // max(self._read_bytes, _LEAST_READ_BYTES)
        while len(self._requests) < most and self._has_more():
            count = self._read_bytes if self._end is None else min(self._read_bytes, self._end - self._next)
            self._requests.append(self._request(self._next, count))
            self._next += count

    def next_block(self) -> memoryview:
        """Return the next bytes of the stripe that the reader is at; none if the file has ended."""
        self.ask()
        request, start, count = self._requests.popleft()
        block = self._file.session.receive_block(request, count, self._pace)
        if block and len(block) < count:
            self._read_bytes = min(self._read_bytes, max(len(block), MIN_READ_BYTES))  # all that the server gives
            self._requests.appendleft(self._request(start + len(block), count - len(block)))
        return block

    def close(self) -> None:
        """Drop what is on its way."""
        self._file.session.abandon(request for request, _, _ in self._requests)
        self._requests.clear()

    def _has_more(self) -> bool:
        if self._end is not None and self._next >= self._end:
            following = next(self._stripes, None)
            if following is None:
                return False
            self._next, self._end = following
        return True

    def _request(self, start: int, count: int) -> tuple[int, int, int]:
        return self._file.session.request_read(self._file.handle, start, count), start, count
