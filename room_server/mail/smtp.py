"""Handing mail over to an SMTP server (RFC 5321), over connections that are used for many.

    connect, EHLO, STARTTLS, AUTH ──► MAIL, RCPT ──► may it begin? ──► DATA ──► the connection waits for more
         fails: Unreachable            5xx: Never, 4xx: NotNow        5xx: Never, anything else: NotNow

A connection that waited and turns out to be closed is replaced by a fresh one, once, before anything of a
message left.

Invariant: the text of a message leaves only after `may_begin` said so, and then at once.
"""

from __future__ import annotations

import asyncio
import re
import ssl

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPResponseException, SMTPServerDisconnected

from room_server.config import Settings
from room_server.mail.delivery import MayBegin, Never, NotNow, Unreachable
from room_server.mail.message import Address
from room_server.mail.mime import encoded
from room_server.mail.server import SmtpServer, Tls, sender_of, server_of
from room_server.mail.store import Mail

IDLE_S = 10.0
"""How long a connection waits for the next mail."""
TEXT_TIMEOUT_FACTOR = 4
"""Servers look into a message before they answer (RFC 5321, section 4.5.3.2.6 allows them ten minutes)."""
LONGEST_ANSWER = 300
_CLOSING = 421
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class SmtpDelivery:
    """A `Delivery` to one server.  `trusted` checks its certificate."""

    def __init__(
        self, server: SmtpServer, sender: Address, timeout_s: float, trusted: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._sender = sender
        self._timeout_s = timeout_s
        self._trusted = trusted
        self._idle: list[tuple[SMTP, asyncio.TimerHandle]] = []

    async def hand_over(self, mail: Mail, may_begin: MayBegin) -> str | None:
        """See `Delivery`."""
        text = encoded(mail, self._sender)
        client = await self._ready(mail)
        try:
            if not await may_begin():
                await self._take_back(client)
                return None
            answer = await self._text(client, text)
        except BaseException:
            client.close()
            raise
        self._keep(client)
        return answer

    async def close(self) -> None:
        while self._idle:
            client, timer = self._idle.pop()
            timer.cancel()
            await _goodbye(client)

    async def try_connection(self) -> None:
        """Connect, sign in, and leave.  Raises `Unreachable`."""
        await _goodbye(await self._connected())

    # ---- the dialogue

    async def _ready(self, mail: Mail) -> SMTP:
        """Return a connection on which sender and recipient were accepted."""
        while self._idle:
            client, timer = self._idle.pop()
            timer.cancel()
            try:
                await self._envelope(client, mail)
                return client
            except (SMTPServerDisconnected, OSError):
                client.close()  # it only waited for too long
            except BaseException:
                client.close()
                raise
        client = await self._connected()
        try:
            await self._envelope(client, mail)
        except (SMTPException, OSError) as error:
            client.close()
            raise NotNow(_broken(error)) from error
        except BaseException:
            client.close()
            raise
        return client

    async def _envelope(self, client: SMTP, mail: Mail) -> None:
        to, options = mail.message.to, b""
        if to.needs_utf8 or self._sender.needs_utf8:
            if not client.supports_extension("smtputf8"):
                raise Never("this server takes no addresses beyond ASCII (no SMTPUTF8)")
            options = b" SMTPUTF8"
        sender, recipient = self._sender.on_the_wire.encode(), to.on_the_wire.encode()
        _accepted(await client.execute_command(b"MAIL", b"FROM:<" + sender + b">" + options))
        _accepted(await client.execute_command(b"RCPT", b"TO:<" + recipient + b">"))

    async def _text(self, client: SMTP, text: bytes) -> str:
        try:
            response = await client.data(text, timeout=self._timeout_s * TEXT_TIMEOUT_FACTOR)
        except SMTPResponseException as refused:
            raise _refusal(refused.code, refused.message) from refused
        except (SMTPException, OSError) as error:
            raise NotNow(_broken(error)) from error
        return _said(response.code, response.message)

    # ---- connections

    async def _connected(self) -> SMTP:
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls is Tls.FROM_THE_START,
            start_tls=server.tls is Tls.STARTTLS,
            tls_context=self._trusted,
            username=server.user,
            password=server.password,
            local_hostname=self._sender.domain,
            timeout=self._timeout_s,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except SMTPResponseException as refused:
            client.close()
            raise Unreachable(_said(refused.code, refused.message)) from refused
        except (SMTPException, OSError, TimeoutError) as error:
            client.close()
            raise Unreachable(_broken(error)) from error
        except BaseException:
            client.close()
            raise
        return client

    async def _take_back(self, client: SMTP) -> None:
        """Tell the server that nothing follows the names."""
        try:
            _accepted(await client.execute_command(b"RSET"))
        except (NotNow, Never, SMTPException, OSError):
            client.close()
            return
        self._keep(client)

    def _keep(self, client: SMTP) -> None:
        """Let the connection wait for the next mail."""
        timer = asyncio.get_running_loop().call_later(IDLE_S, self._drop, client)
        self._idle.append((client, timer))

    def _drop(self, client: SMTP) -> None:
        self._idle = [(other, timer) for other, timer in self._idle if other is not client]
        client.close()


def smtp_delivery(settings: Settings) -> SmtpDelivery | None:
    """Return the way that the settings name, if they do."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    server = server_of(settings.smtp_url.get_secret_value())
    return SmtpDelivery(server, sender_of(settings.mail_from), settings.smtp_timeout_s)


async def _goodbye(client: SMTP) -> None:
    try:
        await client.quit(timeout=1)
    except (SMTPException, OSError):
        client.close()


def _accepted(response: SMTPResponse) -> None:
    if response.code == _CLOSING:
        raise SMTPServerDisconnected(_said(response.code, response.message))
    if not 200 <= response.code < 300:
        raise _refusal(response.code, response.message)


def _refusal(code: int, words: str) -> Exception:
    """Return what the answer means for the mail (RFC 5321, section 4.2.1)."""
    kind = Never if 500 <= code < 600 else NotNow
    return kind(_said(code, words))


def _said(code: int, words: str) -> str:
    return f"{code} {_UNPRINTABLE.sub(' ', words)}".strip()[:LONGEST_ANSWER]


def _broken(error: BaseException) -> str:
    """Return what may be shown of a connection that did not come about, or broke."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"TLS: {seen.verify_message}"
        if isinstance(seen, ssl.SSLError):
            return f"TLS: {seen.reason or 'failed'}"
        seen = seen.__cause__ or seen.__context__
    return _UNPRINTABLE.sub(" ", str(error))[:LONGEST_ANSWER] or type(error).__name__
