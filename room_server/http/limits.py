"""How often one address may ask, counted in memory over fixed windows of a minute.

Invariant: a refusal costs no SQL, so that a flood cannot reach the database.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from aiohttp import web
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from room_server.errors import Refused
from room_server.http.address import Addresses

_TRIES_MINUTES = 15


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


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """`per_minute` and network; `tries` a quarter of an hour for one e-mail address, known or not.

    A quarter as many letters: an address that somebody else types in is not to be flooded.
    """

    per_minute: int
    tries: int


class SignInRate:
    """Counts what people without a sign-in ask for: passwords tried, letters sent, tokens brought.

    Passwords and letters are counted apart, so that who tries somebody's password does not keep them from
    the link that would let them in.
    """

    def __init__(self, limits: SignInLimits, addresses: Addresses) -> None:
        self._counting = FixedWindowRateLimiter(MemoryStorage())
        self._network = RateLimitItemPerMinute(limits.per_minute)
        self._tries = RateLimitItemPerMinute(limits.tries, _TRIES_MINUTES)
        self._letters = RateLimitItemPerMinute(max(1, limits.tries // 4), _TRIES_MINUTES)
        self._addresses = addresses

    async def check(self, request: web.Request) -> None:
        """Count a request; raise `Refused("rate_limited")` with `retry_after_s` when there were too many."""
        client = self._addresses.client(request)
        if not await self._counting.hit(self._network, "network", client):
            raise await _refusal(self._counting, self._network, "network", client)

    async def check_password(self, email: str) -> None:
        """Count a try; raise `Refused("too_many_tries")` with `minutes`."""
        await self._check_address(self._tries, "password", email)

    async def check_letter(self, email: str) -> None:
        """Count a letter; raise as `check_password`."""
        await self._check_address(self._letters, "letter", email)

    async def _check_address(self, item: RateLimitItem, kind: str, email: str) -> None:
        who = hashlib.sha256(email.strip().casefold().encode("utf-8", "surrogatepass")).hexdigest()
        if not await self._counting.hit(item, kind, who):
            wait_s = await _wait_s(self._counting, item, kind, who)
            facts = {"retry_after_s": wait_s, "minutes": -(-wait_s // 60)}
            raise Refused("too_many_tries", 429, facts)


async def _refusal(counting: FixedWindowRateLimiter, item: RateLimitItem, *who: str) -> Refused:
    wait_s = await _wait_s(counting, item, *who)
    return Refused("rate_limited", 429, {"retry_after_s": wait_s})


async def _wait_s(counting: FixedWindowRateLimiter, item: RateLimitItem, *who: str) -> int:
    window = await counting.get_window_stats(item, *who)
    return max(1, int(window.reset_time - time.time()) + 1)
