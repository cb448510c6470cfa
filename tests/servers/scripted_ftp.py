"""An FTP server that says what a test tells it to, for what no real server does on purpose."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

Answer = bytes | Callable[[str], bytes]

_STANDARD: Mapping[str, Answer] = {
    "USER": b"331 Password, please.\r\n",
    "PASS": b"230 Logged in.\r\n",
    "FEAT": b"211-Features:\r\n MLST type*;size*;modify*;\r\n SIZE\r\n MDTM\r\n UTF8\r\n211 End.\r\n",
    "OPTS": b"200 OK.\r\n",
    "TYPE": b"200 OK.\r\n",
    "PWD": b'257 "/" is here.\r\n',
    "CWD": b"250 OK.\r\n",
    "NOOP": b"200 OK.\r\n",
    "REST": b"350 Go on.\r\n",
    "QUIT": b"221 Goodbye.\r\n",
}
_UNKNOWN = b"500 Unknown command.\r\n"


@dataclass(kw_only=True)
class Script:
    """What the server says. Tests may change it while the server runs.

    Attributes:
        greeting: The first words; None says nothing.
        answers: Answers by command, besides the standard ones; a function is given the argument. Empty bytes answer
            nothing, and `HANG_UP` ends the connection.
        data: What goes over the data connection by command, such as "RETR".
        farewell: What follows the data.
        data_reset: Whether the data connection is reset at its end, rather than closed.
    """

    greeting: bytes | None = b"220 Ready.\r\n"
    answers: dict[str, Answer] = field(default_factory=dict)
    data: dict[str, bytes] = field(default_factory=dict)
    farewell: bytes = b"226 Done.\r\n"
    data_reset: bool = False


HANG_UP = b"\0hang up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedServer:
    """A running server.

    Attributes:
        port: On 127.0.0.1.
        script: What it says.
        commands: What it was told, in order.
    """

    port: int
    script: Script
    commands: list[str]

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"FTP server 127.0.0.1:{self.port}"

    def config(self, **changes: object) -> dict[str, object]:
        """Return a configuration of connector kind `ftp`."""
        base: dict[str, object] = {"host": "127.0.0.1", "port": self.port, "username": "feeds", "password": "hunter2"}
        return {**base, "timeout_seconds": 10, **changes}


@contextmanager
def scripted_ftp(script: Script) -> Iterator[ScriptedServer]:
    """Serve any number of connections, in passive mode, each in a thread of its own."""
    commands: list[str] = []
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the listener was shut down
                    return
                stack.enter_context(connection)
                thread = threading.Thread(target=_serve, args=(connection, script, commands), daemon=True)
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept, name="scripted FTP server", daemon=True)
        acceptor.start()
        try:
            yield ScriptedServer(port=listener.getsockname()[1], script=script, commands=commands)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            stack.close()
            for thread in threads:
                thread.join()


def _serve(connection: socket.socket, script: Script, commands: list[str]) -> None:
    with suppress(OSError), ExitStack() as stack, connection, connection.makefile("rb") as lines:
        if script.greeting is None:
            lines.read()
            return
        connection.sendall(script.greeting)
        passive: socket.socket | None = None
        for line in lines:
            verb, _, argument = line.decode("utf-8", "surrogateescape").rstrip("\r\n").partition(" ")
            commands.append(f"{verb} {argument}".rstrip())
            if verb in script.data and passive is not None and verb not in script.answers:
                connection.sendall(b"150 Here it comes.\r\n")
                _send(passive, script.data[verb], reset=script.data_reset)
                answer: Answer = script.farewell
            elif verb == "PASV" and verb not in script.answers:
                passive = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                passive.settimeout(10)
                high, low = divmod(passive.getsockname()[1], 256)
                answer = f"227 Entering passive mode (127,0,0,1,{high},{low}).\r\n".encode()
            else:
                answer = script.answers.get(verb, _STANDARD.get(verb, _UNKNOWN))
            said = answer if isinstance(answer, bytes) else answer(argument)
            if said == HANG_UP:
                return
            connection.sendall(said)


def _send(listener: socket.socket, content: bytes, *, reset: bool) -> None:
    connection, _ = listener.accept()
    with connection:
        with suppress(OSError):
            connection.sendall(content)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
