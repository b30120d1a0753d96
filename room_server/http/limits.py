"""How often one address may ask, counted in memory over fixed windows of a minute.

Invariant: a refusal costs no SQL, so that a flood cannot reach the database.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from room_server.errors import Refused


@dataclass(frozen=True, slots=True)
class JoinLimits:
    """Per minute and address.  Wrong links are few for people and many for who guesses."""

    joins: int
    unknown_links: int


class JoinRate:
    """Counts joins and wrong links."""

    def __init__(self, limits: JoinLimits) -> None:
        self._counting = FixedWindowRateLimiter(MemoryStorage())
        self._joins = RateLimitItemPerMinute(limits.joins)
        self._unknown = RateLimitItemPerMinute(limits.unknown_links)

    async def check(self, address: str) -> None:
        """Count a join; raise `Refused("rate_limited")` with `retry_after_s` when there were too many."""
        if not await self._counting.test(self._unknown, "unknown", address):
            raise await self._refusal(self._unknown, "unknown", address)
        if not await self._counting.hit(self._joins, "join", address):
            raise await self._refusal(self._joins, "join", address)

    async def wrong_link(self, address: str) -> None:
        """Count a link that leads nowhere."""
        await self._counting.hit(self._unknown, "unknown", address)

    async def _refusal(self, item: RateLimitItemPerMinute, kind: str, address: str) -> Refused:
        window = await self._counting.get_window_stats(item, kind, address)
        wait_s = max(1, int(window.reset_time - time.time()) + 1)
        return Refused("rate_limited", 429, {"retry_after_s": wait_s})
