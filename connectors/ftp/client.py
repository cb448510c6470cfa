"""One control connection to an FTP server, and the data connections that belong to it.

`ftplib` makes the commands, takes apart what servers answer to PASV and EPSV, and has the classes of refusals. What it
leaves open is done here: answers have a deadline and a greatest length, data connections are verified and resume the
control connection's TLS session, and only the server may connect in active mode.

Commands are bytes, passed to `ftplib` as Latin-1, which keeps every byte; `session` knows the encoding of names.
"""

import contextlib
import ftplib
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator

_MOST_LINES = 1_000
_MOST_LINE_BYTES = 16 * 1024
_RECEIVE_BYTES = 8 * 1024
_KEEPALIVE_SECONDS = 60

Verify = Callable[[ssl.SSLSocket], None]
"""Raises `UntrustedHostError` unless the other side is the right one."""


class TlsRequiredError(Exception):
    """The server sent clear text where only TLS may follow."""


class DataConnectionError(Exception):
    """The control connection works, and a data connection did not come about."""


class FtpClient(ftplib.FTP):
    """A control connection.

    Args:
        host: The server.
        port: Its port.
        timeout_seconds: How long to wait for a connection, for each whole answer, and for data.
        context: For TLS on all connections; None for clear text.
        verify: Called with each TLS connection after its handshake.
        passive: Whether we open the data connections.
        use_server_address: Whether they go to the address that the server names.
    """

    timeout: float

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout_seconds: float,
        context: ssl.SSLContext | None,
        verify: Verify,
        passive: bool = True,
        use_server_address: bool = False,
    ) -> None:
        super().__init__(timeout=timeout_seconds, encoding="latin-1")
        self.host = host
        self.port = port
        self.passiveserver = passive
        self.trust_server_pasv_ipv4_address = use_server_address
        self._context = context
        self._verify = verify
        self._received = b""
        self._has_pasv = True
        self.last_used = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether the control connection was opened, and neither closed nor given up."""
        return self.sock is not None

    @property
    def _sock(self) -> socket.socket:
        if self.sock is None:
            raise EOFError
        return self.sock

    def has_unread(self) -> bool:
        """Return whether the server has said something that nobody asked for, its end included."""
        return bool(self._received) or bool(select.select([self._sock], [], [], 0)[0])

    def reach(self) -> None:
        """Open the TCP connection; the server's greeting is not read yet."""
        self.sock = socket.create_connection((self.host, self.port), self.timeout)
        self.af = self.sock.family
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _keep_alive(self.sock)

    def start_tls(self) -> None:
        """Encrypt the control connection.

        Raises:
            TlsRequiredError: The server sent clear text after it had agreed to TLS.
            ssl.SSLError: The handshake failed.
            UntrustedHostError: The certificate is not the pinned one.
        """
        if self._received:
            raise TlsRequiredError("clear text came after the agreement on TLS")
        if self._context is None:
            raise TlsRequiredError("there are no settings for TLS")
        secured = self._context.wrap_socket(self._sock, server_hostname=self.host)
        self.sock = secured
        self._verify(secured)

    def getmultiline(self) -> str:
        """Read one whole answer, within the timeout.

        Raises:
            EOFError: The connection has ended.
            TimeoutError: The answer was not whole in time.
            ftplib.error_proto: It is longer than answers are.
        """
        deadline = time.monotonic() + self.timeout
        lines = [self._read_line(deadline)]
        code = lines[0][:3]
        has_more = code.isdecimal() and lines[0][3:4] == "-"
        while has_more and not (len(lines) > 1 and lines[-1][:3] == code and lines[-1][3:4] != "-"):
            lines.append(self._read_line(deadline))
            if len(lines) > _MOST_LINES:
                raise ftplib.error_proto(f"an answer of more than {_MOST_LINES} lines")
        self.last_used = time.monotonic()
        return "\n".join(lines)

    def makeport(self) -> socket.socket:
        """Listen for the server's data connection, on the address of the control connection only."""
        address = self._sock.getsockname()[0]
        listener = socket.create_server((address, 0), family=self.af, backlog=1)
        try:
            port = listener.getsockname()[1]
            (self.sendport if self.af == socket.AF_INET else self.sendeprt)(address, port)
            listener.settimeout(self.timeout)
        except BaseException:
            listener.close()
            raise
        return listener

    def makepasv(self) -> tuple[str, int]:
        """Ask the server for a port: with PASV, and with EPSV (RFC 2428) over IPv6 or if it has no PASV."""
        if self.af == socket.AF_INET and self._has_pasv:
            try:
                return super().makepasv()
            except ftplib.error_perm as error:
                if self.trust_server_pasv_ipv4_address:
                    raise
                self._has_pasv = False
                with contextlib.suppress(ftplib.error_perm):
                    return self._extended_passive()
                raise error from None
        return self._extended_passive()

    def open_data(self, command: str, *, offset: int = 0) -> socket.socket:
        """Send a command and return the data connection that it is answered on.

        With TLS, the data connection resumes the control connection's session, which many servers require as proof
        that both belong to the same client. Under TLS 1.3 the session is there only once the server has sent its
        ticket, so it is fetched anew for every transfer.

        Args:
            command: Such as `RETR name`.
            offset: Where to begin in the file.

        Raises:
            DataConnectionError: No data connection came about.
            ftplib.Error: The server refuses.
        """
        if self.passiveserver:
            address = self.makepasv()
            with _data_connection():
                connection = socket.create_connection(address, self.timeout)
            try:
                self._begin(command, offset)
            except BaseException:
                connection.close()
                raise
        else:
            with self.makeport() as listener:
                self._begin(command, offset)
                with _data_connection():
                    connection = self._accept(listener)
        _keep_alive(connection)
        return self._secured(connection)

    def close(self) -> None:
        """Close the control connection without a farewell. May be called twice."""
        super().close()
        self._received = b""

    def _begin(self, command: str, offset: int) -> None:
        if offset:
            self.sendcmd(f"REST {offset}")
        answer = self.sendcmd(command)
        if answer.startswith("2"):  # a few servers say 200 before 150
            answer = self.getresp()
        if not answer.startswith("1"):
            raise ftplib.error_reply(answer)

    def _accept(self, listener: socket.socket) -> socket.socket:
        connection, address = listener.accept()
        connection.settimeout(self.timeout)
        if address[0] != self._sock.getpeername()[0]:
            connection.close()
            raise OSError("somebody else than the server made it")
        return connection

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._context is None or not isinstance(self.sock, ssl.SSLSocket):
            return connection
        try:
            with _data_connection():
                secured = self._context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
        except BaseException:
            connection.close()
            raise
        try:
            self._verify(secured)
        except BaseException:
            secured.close()
            raise
        return secured

    def _extended_passive(self) -> tuple[str, int]:
        host, port = ftplib.parse229(self.sendcmd("EPSV"), self._sock.getpeername())
        return host, port

    def _read_line(self, deadline: float) -> str:
        while b"\n" not in self._received:
            if len(self._received) > _MOST_LINE_BYTES:
                raise ftplib.error_proto(f"an answer with a line of more than {_MOST_LINE_BYTES} bytes")
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0:
                raise TimeoutError("the answer was not whole in time")
            self._sock.settimeout(left_seconds)
            if hasattr(socket, "TCP_QUICKACK"):  # servers write long answers line by line, and wait for our ACK
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            try:
                block = self._sock.recv(_RECEIVE_BYTES)
            finally:
                self._sock.settimeout(self.timeout)
            if not block:
                raise EOFError
            self._received += block
        line, _, self._received = self._received.partition(b"\n")
        return line.removesuffix(b"\r").decode("latin-1")


@contextlib.contextmanager
def _data_connection() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataConnectionError(error.strerror or str(error)) from error


def _keep_alive(connection: socket.socket) -> None:
    """Keep what lies between from forgetting a connection that is silent while the other one works."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):  # macOS lacks the former
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), _KEEPALIVE_SECONDS)
