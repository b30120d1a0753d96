"""Credentials of a TURN server, for browsers whose way to the media port is barred (RFC 8656).

The server and this one share a secret; a name carries its own end and the password is its signature
(draft-uberti-behave-turn-rest-00), so that nothing is stored and nobody asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from room_server import ids


@dataclass(frozen=True, slots=True)
class IceServer:
    """As a browser's `RTCIceServer`."""

    urls: tuple[str, ...]
    username: str
    credential: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """`urls` as in RFC 7065 (`turn:host:port?transport=udp`, `turns:…`); none: there is no TURN server."""

    urls: tuple[str, ...]
    secret: str = field(repr=False)
    lasts: timedelta

    def servers(self, now: datetime) -> tuple[IceServer, ...]:
        """Return credentials that are good until `lasts` after `now`, under a name of their own."""
        if not self.urls:
            return ()
        ends = int((now + self.lasts).timestamp())
        username = f"{ends}:{ids.new()}"
        signature = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        return (IceServer(self.urls, username, base64.b64encode(signature).decode()),)
