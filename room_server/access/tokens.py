"""Secrets of access: link tokens, tickets, and what the database keeps of them.

    token  = HMAC(server key, link id, version)     derived, so a link can be sent again and nothing stores it
    ticket = random                                  for one use
    stored = SHA-256 of either                       a leaked database opens no room

Invariant: the server key never enters the database, a log or a reply.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import NewType

from room_server.ids import LinkId

Token = NewType("Token", str)
Ticket = NewType("Ticket", str)

_TOKEN_BYTES = 24
MAX_TOKEN_CHARS = 64
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ServerKey:
    """The server's secret.  Whoever has it and the database has every link."""

    secret: bytes = field(repr=False)

    def token(self, link_id: LinkId, version: int) -> Token:
        """Return the token of a link: 32 characters of `[A-Za-z0-9_-]`, 192 bits."""
        message = f"access-link\0{link_id}\0{version}".encode()
        digest = hmac.digest(self.secret, message, "sha256")
        return Token(base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).decode())


def new_ticket() -> Ticket:
    """Return a random ticket of 192 bits."""
    return Ticket(secrets.token_urlsafe(_TOKEN_BYTES))


def hashed(secret: str) -> str:
    """Return what is stored of a token, ticket or device key.

    They are long and random (a device key is a name, not a secret), so a plain SHA-256 is enough.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
