"""A mail server on a loopback port that keeps what it gets, or is silent, or refuses."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from threading import Thread
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(kw_only=True)
class MailServer:
    """The server. `answer` is what it says to a message: `250 OK`, or a refusal."""

    port: int = 0
    answer: str = "250 OK"
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        """Keep a message, as aiosmtpd calls it."""
        if self.answer.startswith("250"):
            content = cast(bytes, envelope.original_content)
            self.messages.append(message_from_bytes(content, policy=default))
            self.recipients.append(envelope.rcpt_tos)
        return self.answer


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a server without TLS in a thread."""
    mail = MailServer()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(mail, hostname="localhost", loop=loop), "127.0.0.1", 0)
    )
    mail.port = server.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield mail
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
