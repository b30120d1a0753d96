"""Time: one wall clock, the database's, advanced by the monotonic clock of the machine.

Invariant: a step of the wall clock moves nothing that runs; the anchor is taken once, at the start.
"""

from __future__ import annotations

import time
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


def wall_now() -> datetime:
    """Return the machine's wall clock in UTC.  SQLite has no clock but this one."""
    return datetime.now(UTC)


class AnchoredClock:
    """The database's clock, read once and advanced by CLOCK_MONOTONIC."""

    def __init__(self, anchor: datetime, anchor_ns: int) -> None:
        self._anchor = anchor
        self._anchor_ns = anchor_ns

    def now(self) -> datetime:
        return self._anchor + timedelta(microseconds=(time.monotonic_ns() - self._anchor_ns) // 1_000)

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def to_monotonic_ns(self, at: datetime) -> int:
        return self._anchor_ns + (at - self._anchor) // timedelta(microseconds=1) * 1_000


def anchor(now: datetime) -> AnchoredClock:
    """Return a clock that shows `now` at this instant."""
    return AnchoredClock(now, time.monotonic_ns())
