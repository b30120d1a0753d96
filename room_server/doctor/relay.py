"""The check of the TURN server: an address is asked for, as a browser would, and given back."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta

from aioice import stun, turn

from room_server.access.turn import IceServer, Turn
from room_server.config import Settings
from room_server.doctor.finding import Finding, fail, ok, warn

_ANSWER_WITHIN_S = 5.0
_URL = re.compile(r"(turns?):(?:\[([^]]+)\]|([^:?]+))(?::(\d+))?(?:\?transport=(udp|tcp))?")
_PORTS = {"turn": 3478, "turns": 5349}
_GOODBYE_S = 0.3
"""How long the two sides take to close what they opened; TLS says goodbye both ways."""


def servers(settings: Settings, trusted: ssl.SSLContext | None = None) -> list[Finding]:
    """Whether each TURN server gives an address for the shared secret; `trusted` checks its certificate."""
    if settings.turn_secret is None:
        return [ok("turn", "none")]
    offered = Turn(settings.turn_urls, settings.turn_secret.get_secret_value(), timedelta(minutes=5))
    [server] = offered.servers(datetime.now(UTC))
    return asyncio.run(_all(server, trusted or ssl.create_default_context()))


async def _all(server: IceServer, context: ssl.SSLContext) -> list[Finding]:
    found = [await _allocates(url, server, context) for url in server.urls]
    await asyncio.sleep(_GOODBYE_S)
    return found


async def _allocates(url: str, server: IceServer, context: ssl.SSLContext) -> Finding:
    found = _URL.fullmatch(url)
    assert found is not None, "the settings were checked"
    scheme, host = found[1], found[2] or found[3]
    tls = scheme == "turns"
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            relay, given = await turn.create_turn_endpoint(
                _Given,
                (host, int(found[4] or _PORTS[scheme])),
                server.username,
                server.credential,
                ssl=context if tls else None,
                transport="tcp" if tls or found[5] == "tcp" else "udp",
            )
            relay.close()
            await given.taken_back.wait()
    except stun.TransactionFailed as refused:
        return fail("turn", "refused", url=url, reason=str(refused))
    except (OSError, TimeoutError, stun.TransactionError) as error:
        return warn("turn", "silent", url=url, reason=_reason(error))
    return ok("turn", url=url)


def _reason(error: Exception) -> str:
    """Return the system's words, without the number and the address that stand around them."""
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    if isinstance(error, TimeoutError):
        return os.strerror(errno.ETIMEDOUT)
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else str(error)


class _Given(asyncio.DatagramProtocol):
    """An address that the server gave."""

    def __init__(self) -> None:
        self.taken_back = asyncio.Event()

    def connection_lost(self, _reason: Exception | None) -> None:
        self.taken_back.set()
