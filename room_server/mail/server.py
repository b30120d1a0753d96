"""The mail server as an address says: `smtp://user:password@mail.example.org:587?starttls=required`.

    smtps://            TLS from the first byte, port 465
    smtp://             STARTTLS, and nothing is said without it, port 587
    smtp://127.0.0.1    plain: the machine's own relay, port 25, unless `?starttls=required`
    ?starttls=never     plain, wherever: passwords and messages can be read on the way

Invariant: no representation of a server shows its password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from room_server.errors import Refused
from room_server.mail.message import Address


class Tls(StrEnum):
    FROM_THE_START = "smtps"
    STARTTLS = "starttls"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over, and as whom; `user` is None when the server asks for none."""

    host: str
    port: int
    tls: Tls
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """Return what may be shown of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return _is_loopback(self.host)


def server_of(url: str) -> SmtpServer:
    """Return the server that `url` names.  Raises `ValueError`, whose words do not repeat it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("not an address of a mail server") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("not an address of a mail server")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("a user and a password come together")
    usual = 465 if parts.scheme == "smtps" else 25 if _is_loopback(parts.hostname) else 587
    return SmtpServer(
        host=parts.hostname,
        port=port or usual,
        tls=_tls(parts),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def sender_of(text: str) -> Address:
    """Return the address of `room@example.org` or `The room <room@example.org>`.  Raises `ValueError`."""
    name, email = parseaddr(text)
    try:
        return Address(email, name)
    except Refused:
        raise ValueError("not an e-mail address") from None


def _tls(parts: SplitResult) -> Tls:
    asked = parse_qs(parts.query, keep_blank_values=True)
    wish = asked.pop("starttls", ["never" if _is_loopback(parts.hostname or "") else "required"])[-1]
    if asked or wish not in ("required", "never"):
        raise ValueError("starttls is required or never, and nothing else is asked for")
    if parts.scheme == "smtps":
        return Tls.FROM_THE_START
    return Tls.STARTTLS if wish == "required" else Tls.NEVER


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
