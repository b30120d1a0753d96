"""A real mail server on loopback (aiosmtpd), whose answers a test may choose.

async with smtp_server() as server:
    …
    assert server.received[0].subject == "Hello"
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    secured: bool
    user: str | None
    peer: Any

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


async def _at_once() -> None:
    """Answer without waiting."""


@dataclass
class SmtpServer:
    """`answers` are given to RCPT by address, those of `once` to the next, `to_text` to a message.

    The last after `before_answer`.  `asked` are the addresses of each RCPT.
    """

    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    to_text: Callable[[EmailMessage], str | None] = lambda _message: None
    before_answer: Callable[[], Awaitable[object]] = _at_once
    logins: dict[str, str] = field(default_factory=dict)
    drops_after_text: bool = False
    asked: list[str] = field(default_factory=list)
    once: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://{ADDRESS}:{self.port}"

    # ---- what aiosmtpd calls

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.asked.append(address)
        if self.once:
            return self.once.pop()
        if answer := self.answers.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        found = Received(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            content=envelope.content,
            secured=session.ssl is not None,
            user=session.auth_data.login.decode() if session.auth_data else None,
            peer=session.peer,
        )
        answer = self.to_text(found.message)
        if answer is None or answer.startswith("2"):
            self.received.append(found)
        await self.before_answer()
        if self.drops_after_text:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return answer or "250 2.0.0 taken"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        success = self.logins.get(data.login.decode()) == data.password.decode()
        return AuthResult(success=success, auth_data=data, handled=False)


@asynccontextmanager
async def smtp_server(
    *, tls: ssl.SSLContext | None = None, from_the_start: bool = False, port: int = 0, **how: Any
) -> AsyncIterator[SmtpServer]:
    """Serve until the end of the block: `tls` by STARTTLS unless `from_the_start`; `logins` ask for AUTH."""
    kept = SmtpServer(logins=how.pop("logins", {}))

    def connected() -> SMTP:
        kept.connections += 1
        with warnings.catch_warnings():  # that a sign-in without TLS is unwise, which is the test's to say
            warnings.simplefilter("ignore")
            return SMTP(
                kept,
                hostname="mail.example.org",
                ident="test",
                enable_SMTPUTF8=how.get("smtputf8", True),
                tls_context=None if from_the_start else tls,
                require_starttls=tls is not None and not from_the_start,
                auth_required=bool(kept.logins),
                auth_require_tls=tls is not None and not from_the_start,
                authenticator=kept.authenticate,
            )

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(connected, ADDRESS, port, ssl=tls if from_the_start else None)
    kept.port = listening.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        listening.close()
        await listening.wait_closed()
