"""The check of the mail server: connected and signed in to as a message would be, and left again."""

from __future__ import annotations

import asyncio
import ssl

from room_server.config import Settings
from room_server.doctor.finding import Finding, fail, ok, warn
from room_server.mail.delivery import Unreachable
from room_server.mail.server import Tls, sender_of, server_of
from room_server.mail.smtp import SmtpDelivery

_ANSWER_WITHIN_S = 10.0


def server(settings: Settings, trusted: ssl.SSLContext | None = None) -> Finding:
    """Whether mail can leave; `trusted` checks the server's certificate."""
    if settings.smtp_url is None or settings.mail_from is None:
        return warn("mail", "none")
    there = server_of(settings.smtp_url.get_secret_value())
    way = SmtpDelivery(
        there, sender_of(settings.mail_from), min(settings.smtp_timeout_s, _ANSWER_WITHIN_S), trusted
    )
    try:
        asyncio.run(way.try_connection())
    except Unreachable as away:
        return fail("mail", "unreachable", server=there.where, reason=str(away))
    if there.tls is Tls.NEVER and not there.is_loopback:
        return warn("mail", "plain", server=there.where)
    return ok("mail", server=there.where)
