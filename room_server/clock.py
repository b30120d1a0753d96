"""Time: one wall clock, the database's, and the monotonic clock of the machine.

    before a session    WallClock       as it shows at each moment: what is planned for ten begins at ten
    from its start on   AnchoredClock   the wall clock read once, then advanced by CLOCK_MONOTONIC

Invariant: a step of the wall clock moves nothing that runs, and what has not begun moves with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What services may know of time."""

    def now(self) -> datetime:
        """Return the present, in UTC, by the database's clock."""
        ...

    def monotonic_ns(self) -> int:
        """Return the present on CLOCK_MONOTONIC, in nanoseconds."""
        ...

    def to_monotonic_ns(self, at: datetime) -> int:
        """Return the instant of CLOCK_MONOTONIC that `at` falls on, also in the past, even below zero."""
        ...

    def anchored(self, now: datetime) -> Clock:
        """Return a clock that shows `now` at this instant and heeds no step from here on."""
        ...


def wall_now() -> datetime:
    """Return the machine's wall clock in UTC.  SQLite has no clock but this one."""
    return datetime.now(UTC)


class AnchoredClock:
    """A clock that showed `anchor` when it was made, advanced by the monotonic clock of the machine."""

    def __init__(self, anchor: datetime, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._anchor = anchor
        self._anchor_ns = monotonic_ns()
        self._monotonic_ns = monotonic_ns

    def now(self) -> datetime:
        return self._anchor + timedelta(microseconds=(self._monotonic_ns() - self._anchor_ns) // 1_000)

    def monotonic_ns(self) -> int:
        return self._monotonic_ns()

    def to_monotonic_ns(self, at: datetime) -> int:
        return self._anchor_ns + (at - self._anchor) // timedelta(microseconds=1) * 1_000

    def anchored(self, now: datetime) -> Clock:
        return AnchoredClock(now, self._monotonic_ns)


class WallClock:
    """The database's clock as it shows at each moment, steps and all."""

    def __init__(self, wall: Callable[[], datetime] = wall_now) -> None:
        self._wall = wall

    def now(self) -> datetime:
        return self._wall()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def to_monotonic_ns(self, at: datetime) -> int:
        return self.anchored(self.now()).to_monotonic_ns(at)

    def anchored(self, now: datetime) -> Clock:
        return AnchoredClock(now)
