"""TCP servers that accept connections and are no server of any kind."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def silent_server(greeting: bytes | None = None) -> Iterator[int]:
    """Accept connections on the yielded port.

    Args:
        greeting: What to say before closing each connection; None says nothing and keeps them open.
    """
    with ExitStack() as connections, socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the listener was shut down
                    return
                if greeting is None:
                    connections.enter_context(connection)
                else:
                    with connection:
                        connection.sendall(greeting)

        thread = threading.Thread(target=accept, name="silent server", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
