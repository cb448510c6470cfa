"""An FTP server that says what a test tells it to, for what no real server does on purpose."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle

Answer = bytes | Callable[[str], bytes | None]
Data = bytes | Callable[[str], bytes]

_STANDARD: Mapping[str, bytes] = {
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
_DRIP_SECONDS = 0.05
_LONG_SECONDS = 10
_DONE = b"226 Done.\r\n"
_UNKNOWN = b"500 Unknown command.\r\n"


@dataclass(kw_only=True)
class Script:
    """What the server says. Tests may change it while the server runs.

    Attributes:
        greeting: The first words; None says nothing.
        answers: Answers by command, besides the standard ones; a function is given the argument, and returns None for
            what would be answered without it. Empty bytes answer nothing, and `HANG_UP` ends the connection.
        data: What goes over the data connection by command, such as "RETR"; a function is given the argument.
        farewells: What follows the data, by command; by default that all is well.
        data_reset: Whether the data connection is reset at its end, rather than closed.
        data_drips: Whether the data comes byte by byte, and slowly, until the client gives up.
        greeting_drips: The same of the greeting.
    """

    greeting: bytes | None = b"220 Ready.\r\n"
    answers: dict[str, Answer] = field(default_factory=dict)
    data: dict[str, Data] = field(default_factory=dict)
    farewells: dict[str, bytes] = field(default_factory=dict)
    data_reset: bool = False
    data_drips: bool = False
    greeting_drips: bool = False


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
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if script.greeting is None:
            lines.read()
            return
        if script.greeting_drips:
            _drip(connection, script.greeting)
        connection.sendall(script.greeting)
        passive: socket.socket | None = None
        for line in lines:
            verb, _, argument = line.decode("utf-8", "surrogateescape").rstrip("\r\n").partition(" ")
            commands.append(f"{verb} {argument}".rstrip())
            said = _look_up(script.answers.get(verb), argument)
            if said is None and verb == "PASV":
                passive = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                passive.settimeout(_LONG_SECONDS)
                high, low = divmod(passive.getsockname()[1], 256)
                said = f"227 Entering passive mode (127,0,0,1,{high},{low}).\r\n".encode()
            data = _look_up(script.data.get(verb), argument)
            if said is None and data is not None and passive is not None:
                connection.sendall(b"150 Here it comes.\r\n")
                _send(passive, data, script)
                said = script.farewells.get(verb, _DONE)
            if said is None:
                said = _STANDARD.get(verb, _UNKNOWN)
            if said == HANG_UP:
                return
            connection.sendall(said)


def _look_up(said: Answer | Data | None, argument: str) -> bytes | None:
    return said(argument) if callable(said) else said


def _send(listener: socket.socket, content: bytes, script: Script) -> None:
    connection, _ = listener.accept()
    with connection:
        with suppress(OSError):
            if script.data_drips:
                _drip(connection, content)
            connection.sendall(content)
        if script.data_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _drip(connection: socket.socket, content: bytes) -> None:
    """Send one byte after the other, without end; raises `OSError` when the other side has had enough."""
    for byte in cycle(content.replace(b"\r\n", b" ")):
        connection.sendall(bytes([byte]))
        connection.settimeout(_DRIP_SECONDS)
        with suppress(TimeoutError):
            if not connection.recv(1, socket.MSG_PEEK):
                raise ConnectionAbortedError
        connection.settimeout(None)
