"""How often one address may ask, counted in memory over fixed windows of a minute.

Invariant: a refusal costs no SQL, so that a flood cannot reach the database.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from aiohttp import web
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from room_server.errors import Refused
from room_server.http.address import Addresses


@dataclass(frozen=True, slots=True)
class JoinLimits:
    """Per minute and address.  Wrong links are few for people and many for who guesses."""

    joins: int
    unknown_links: int


class TicketRate:
    """Counts tickets that admit nobody: who guesses them or floods with them is stopped at the door."""

    def __init__(self, per_minute: int, addresses: Addresses) -> None:
        self._counting = FixedWindowRateLimiter(MemoryStorage())
        self._wrong = RateLimitItemPerMinute(per_minute)
        self._addresses = addresses

    async def check(self, request: web.Request) -> None:
        """Raise `Refused("rate_limited")` with `retry_after_s` for an address that brought too many."""
        address = self._addresses.client(request)
        if not await self._counting.test(self._wrong, address):
            raise await _refusal(self._counting, self._wrong, address)

    async def wrong_ticket(self, request: web.Request) -> None:
        await self._counting.hit(self._wrong, self._addresses.client(request))


class JoinRate:
    """Counts joins and wrong links."""

    def __init__(self, limits: JoinLimits) -> None:
        self._counting = FixedWindowRateLimiter(MemoryStorage())
        self._joins = RateLimitItemPerMinute(limits.joins)
        self._unknown = RateLimitItemPerMinute(limits.unknown_links)

    async def check(self, address: str) -> None:
        """Count a join; raise `Refused("rate_limited")` with `retry_after_s` when there were too many."""
        if not await self._counting.test(self._unknown, "unknown", address):
            raise await _refusal(self._counting, self._unknown, "unknown", address)
        if not await self._counting.hit(self._joins, "join", address):
            raise await _refusal(self._counting, self._joins, "join", address)

    async def wrong_link(self, address: str) -> None:
        """Count a link that leads nowhere."""
        await self._counting.hit(self._unknown, "unknown", address)


async def _refusal(counting: FixedWindowRateLimiter, item: RateLimitItemPerMinute, *who: str) -> Refused:
    window = await counting.get_window_stats(item, *who)
    wait_s = max(1, int(window.reset_time - time.time()) + 1)
    return Refused("rate_limited", 429, {"retry_after_s": wait_s})
