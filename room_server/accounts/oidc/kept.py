"""One value that is fetched, kept for a while, and fetched anew when it has run out.

Invariant: those who ask while it is being fetched wait for that one attempt and share what comes of it,
so a slow provider is asked once and not by everybody in turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from room_server.errors import Refused

Value = TypeVar("Value")

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Edition(Generic[Value]):
    """`number` rises with each fetch."""

    number: int
    value: Value
    fetched_ns: int


class Kept(Generic[Value]):
    """`load` returns the value or raises `Refused`.

    It may be renewed ahead of its time once in `renewals_apart_s`.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[Value]],
        monotonic_ns: Callable[[], int],
        *,
        lasts_s: float,
        renewals_apart_s: float,
    ) -> None:
        self._load = load
        self._monotonic_ns = monotonic_ns
        self._lasts_ns = round(lasts_s * _NS_PER_S)
        self._renewals_apart_ns = round(renewals_apart_s * _NS_PER_S)
        self._lock = asyncio.Lock()
        self._edition: Edition[Value] | None = None
        self._renewed_ns: int | None = None
        self._attempts = 0
        self._failure: Refused | None = None

    async def get(self) -> Edition[Value]:
        """Return the value, fetched now unless it is fresh."""
        seen = self._attempts
        async with self._lock:
            fresh = self._fresh()
            return fresh if fresh is not None else await self._attempt(seen)

    async def renewed(self) -> Edition[Value]:
        """Return the value fetched anew, or as it is where that was done just now."""
        seen = self._attempts
        async with self._lock:
            fresh = self._fresh()
            if fresh is not None and not self._may_renew():
                return fresh
            self._renewed_ns = self._monotonic_ns()
            return await self._attempt(seen)

    async def _attempt(self, seen: int) -> Edition[Value]:
        """Fetch, unless somebody's attempt since `seen` has failed already."""
        if self._attempts != seen and self._failure is not None:
            raise Refused(self._failure.code, self._failure.status, self._failure.facts)
        try:
            value = await self._load()
        except Refused as refused:
            self._attempts += 1
            self._failure = refused
            raise
        self._attempts += 1
        self._failure = None
        number = 1 if self._edition is None else self._edition.number + 1
        self._edition = Edition(number, value, self._monotonic_ns())
        return self._edition

    def _fresh(self) -> Edition[Value] | None:
        edition = self._edition
        if edition is None or self._monotonic_ns() - edition.fetched_ns >= self._lasts_ns:
            return None
        return edition

    def _may_renew(self) -> bool:
        before = self._renewed_ns
        return before is None or self._monotonic_ns() - before >= self._renewals_apart_ns
