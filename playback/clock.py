"""Where a timeline stands, as a pure function of the last transport row and the monotonic clock.

    RUNNING ──► position grows by one second a second from `at_ns` on (never before it)
    PAUSED  ──► position stands still
    ENDED   ──► position stands still, for good

Invariant: every instant is computed from the row, never by adding up steps, so nothing drifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NS_PER_S = 1_000_000_000


class Motion(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Transport:
    """At `at_ns` (CLOCK_MONOTONIC) the timeline stood at `position_s` and moved as `motion` says."""

    motion: Motion
    position_s: float
    at_ns: int


def position_s(transport: Transport, now_ns: int) -> float:
    """Return the position in seconds; a running transport anchored in the future still stands."""
    if transport.motion is not Motion.RUNNING:
        return transport.position_s
    return transport.position_s + max(0, now_ns - transport.at_ns) / NS_PER_S


def instant_ns(transport: Transport, position_s: float) -> int:
    """Return the CLOCK_MONOTONIC instant at which a running transport is, or was, at `position_s`."""
    return transport.at_ns + round((position_s - transport.position_s) * NS_PER_S)
