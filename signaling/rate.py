"""How often a connection may ask: a bucket for each kind of request, filled evenly.

Invariant: within any `per_s` seconds no more than twice `limit` pass, and no more than `limit` at once.
"""

from __future__ import annotations

from signaling.tables import REQUESTS

FLOOD = 200
"""A connection whose refusals for haste reach this number, one forgiven a second, is closed."""


class Rates:
    """The buckets of one connection.  Times are seconds on a monotonic clock, given by the caller."""

    __slots__ = ("_buckets", "_haste")

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}
        self._haste = (0.0, 0.0)

    def take(self, event: str, now_s: float) -> float:
        """Return 0 and count the request, or the seconds until one would pass."""
        request = REQUESTS[event]
        per_token_s = request.per_s / request.limit
        tokens, at_s = self._buckets.get(event, (float(request.limit), now_s))
        tokens = min(float(request.limit), tokens + (now_s - at_s) / per_token_s)
        if tokens < 1:
            self._buckets[event] = (tokens, now_s)
            self._count_haste(now_s)
            return (1 - tokens) * per_token_s
        self._buckets[event] = (tokens - 1, now_s)
        return 0.0

    @property
    def flooding(self) -> bool:
        return self._haste[0] >= FLOOD

    def _count_haste(self, now_s: float) -> None:
        level, at_s = self._haste
        self._haste = (max(0.0, level - (now_s - at_s)) + 1, now_s)
