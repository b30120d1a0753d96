"""When each RTP timestamp was, by the sender's reports (RFC 3550 section 6.4.1).

A timestamp is mapped by the report nearest to it among the last few.  What was decoded before the first
report waits for it.

Invariant: an instant is in seconds since the epoch on the sender's clock; `lag_s` is how much later than that
the quickest report arrived on ours, so `instant + lag_s` is the same moment on our clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

NTP_TO_EPOCH_S: Final = 2_208_988_800
LAST_REPORTS: Final = 8
_WRAP: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`instant_s` in seconds since the epoch, `rtp` modulo 2^32."""

    instant_s: float
    rtp: int


class SenderClock:
    """The reports of one source, whose timestamps advance by `rate_hz` a second."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.lag_s: float | None = None
        self._reports: deque[SenderReport] = deque(maxlen=LAST_REPORTS)

    def note(self, ntp: int, rtp: int, arrived_s: float) -> None:
        """Keep a report: `ntp` is the 64-bit NTP timestamp, `arrived_s` in seconds since the epoch."""
        report = SenderReport(ntp / _WRAP - NTP_TO_EPOCH_S, rtp)
        lag_s = arrived_s - report.instant_s
        self.lag_s = lag_s if self.lag_s is None else min(self.lag_s, lag_s)
        self._reports.append(report)

    def instant_s(self, rtp: int) -> float | None:
        """The instant, in seconds since the epoch, of a timestamp modulo 2^32; None without a report."""
        nearest = min(self._reports, key=lambda report: abs(ahead(rtp, report.rtp)), default=None)
        if nearest is None:
            return None
        return nearest.instant_s + ahead(rtp, nearest.rtp) / self.rate_hz


class Timed:
    """Readings made at RTP timestamps, with their instants as soon as the sender has reported."""

    def __init__(self, clock: SenderClock) -> None:
        self._clock = clock
        self._placed: list[tuple[float, float]] = []
        self._waiting: list[tuple[int, float]] = []

    def add(self, rtp: int, value: float) -> None:
        self._waiting.append((rtp, value))
        self._place()

    def readings(self) -> list[tuple[float, float]]:
        """(instant, value) of all that could be placed, in order."""
        self._place()
        return self._placed

    def _place(self) -> None:
        while self._waiting and (instant_s := self._clock.instant_s(self._waiting[0][0])) is not None:
            self._placed.append((instant_s, self._waiting.pop(0)[1]))


def ahead(rtp: int, other: int) -> int:
    """How far `rtp` is ahead of `other`, the shorter way around."""
    return (rtp - other + _WRAP // 2) % _WRAP - _WRAP // 2
