"""Passwords: what one may be, and its argon2id hash, made beside the event loop.

Parameters: the second recommendation of OWASP's cheat sheet (19 MiB, 2 passes, 1 lane), which leaves the
machine to the media; RFC 9106 describes the algorithm.

Invariants: at most two hashes are made at once; whether an address is known takes no less work to answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from room_server.errors import Refused

SHORTEST = 12
LONGEST = 256
_AT_ONCE = 2
_MOST_WAITING = 50

T = TypeVar("T")


def check(password: str, email: str) -> None:
    """Raise `Refused`: `password_too_short`, `password_too_long`, `password_common`, `password_is_email`."""
    if len(password) < SHORTEST:
        raise Refused("password_too_short", 422, {"least": SHORTEST})
    if len(password) > LONGEST:
        raise Refused("password_too_long", 422, {"most": LONGEST})
    folded = password.casefold()
    if folded.strip() == email.casefold():
        raise Refused("password_is_email", 422)
    if folded in _common() or len(set(folded)) <= 2:
        raise Refused("password_common", 422)


class Passwords:
    """Makes and checks hashes.  `close` waits for those under way."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1_024, parallelism=1)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hashed(self, password: str) -> str:
        """Return the hash to keep.  Raises `Refused("too_busy")`."""
        return await self._beside(lambda: self._hasher.hash(password))

    async def matches(self, password: str, kept: str | None) -> bool:
        """Return whether `kept` is the password's; without one, take as long and return False.

        Raises `Refused("too_busy")`.
        """
        if kept is None:
            if self._nobodys is None:
                self._nobodys = await self.hashed("nobody has this password")
            await self._beside(lambda: self._verify(password, self._nobodys))
            return False
        return await self._beside(lambda: self._verify(password, kept))

    def outdated(self, kept: str) -> bool:
        """Return whether the hash was made with other parameters than those of today."""
        try:
            return self._hasher.check_needs_rehash(kept)
        except InvalidHashError:
            return False

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    def _verify(self, password: str, kept: str | None) -> bool:
        try:
            return kept is not None and self._hasher.verify(kept, password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False

    async def _beside(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Refused("too_busy", 503)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


@cache
def _common() -> frozenset[str]:
    """Return the passwords that guessers try first, those of them that are long enough."""
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
