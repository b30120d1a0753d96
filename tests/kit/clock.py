"""A clock that moves when told to, for tests in which time must jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from room_server.clock import AnchoredClock, Clock

START = datetime(2026, 12, 3, 13, 0, tzinfo=UTC)


class FakeClock:
    """A `room_server.clock.Clock`, and by `wall` the clock of a database."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic_ns = 1_000_000_000

    def now(self) -> datetime:
        return self._now

    wall = now

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def to_monotonic_ns(self, at: datetime) -> int:
        return self._monotonic_ns + (at - self._now) // timedelta(microseconds=1) * 1_000

    def anchored(self, now: datetime) -> Clock:
        return AnchoredClock(now, self.monotonic_ns)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic_ns += round(seconds * 1e9)

    def step(self, seconds: float) -> None:
        """Set the wall clock alone, as an administrator does."""
        self._now += timedelta(seconds=seconds)
