"""What Prometheus reads, on the private listener.

Invariant: no label holds a link, a person or an address; every label has few values.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from room_server.errors import Refused

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """Counts requests and joins in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._reads: list[Callable[[], Awaitable[None]]] = []
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "room_http_requests", "HTTP answers", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "room_http_seconds",
            "Time to answer",
            ("route",),
            registry=self.registry,
            buckets=(0.005, 0.02, 0.1, 0.5, 2.0, 10.0),
        )
        self._joins = Counter("room_joins", "Joins by outcome", ("outcome",), registry=self.registry)

    def count(self, method: str, route: str, status: int, took_s: float) -> None:
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(took_s)

    def count_join(self, outcome: str) -> None:
        """Count a join: "taken", or the code of its refusal."""
        self._joins.labels(outcome).inc()

    def watch(self, read: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        """Read (name, help, value) at each scrape; a name that ends in `_total` is a counter."""
        self.registry.register(_Watched(read))

    def before_scrape(self, read: Callable[[], Awaitable[None]]) -> None:
        """Await `read` before each scrape, for what takes a question to the database."""
        self._reads.append(read)

    async def scrape(self) -> bytes:
        """Return what Prometheus reads."""
        for read in self._reads:
            await read()
        return generate_latest(self.registry)


class JobCounts(Protocol):
    """How many jobs wait and were given up, and since when the oldest is due."""

    @property
    def waiting(self) -> int: ...
    @property
    def dead(self) -> int: ...
    @property
    def oldest_due_at(self) -> datetime | None: ...


class JobMetrics:
    """What waits to be done, mail included."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, registry=registry)

        self._waiting = gauge("room_jobs_waiting", "Jobs that wait, for later or for another try, too")
        self._dead = gauge("room_jobs_dead", "Jobs that were given up: room-server jobs list --dead")
        self._oldest = gauge("room_jobs_oldest_due_seconds", "For how long the oldest of those due is due")

    async def read(self, count: Callable[[], Awaitable[tuple[JobCounts, datetime]]]) -> None:
        """Take a count; while the database cannot be asked the last one stands."""
        try:
            counts, now = await count()
        except Refused:
            return
        self._waiting.set(counts.waiting)
        self._dead.set(counts.dead)
        due_at = counts.oldest_due_at
        self._oldest.set(0.0 if due_at is None else (now - due_at).total_seconds())


class Watched(Protocol):
    """A room, of whose viewers some had a freeze."""

    @property
    def viewers(self) -> int: ...
    @property
    def frozen(self) -> int: ...
    @property
    def freeze_share(self) -> float: ...


class QualityMetrics:
    """Whether pictures stand still, over all rooms: rooms are without number, so none has a name here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, registry=registry)

        self._rooms = gauge("room_media_rooms_watched", "Rooms in which somebody is sent pictures")
        self._viewers = gauge("room_media_viewers", "People who are sent pictures")
        self._frozen = gauge("room_media_viewers_frozen", "Of them, those with a freeze in the last 5 s")
        self._worst = gauge("room_media_worst_room_freeze_share", "The worst room's share of such viewers")
        self._shares = Histogram(
            "room_media_room_freeze_share",
            "Rooms, every 5 s, by their share of viewers with a freeze",
            registry=registry,
            buckets=(0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
        )

    def observe(self, rooms: Sequence[Watched]) -> None:
        """Take a count of the rooms in which somebody watches."""
        shares = [one.freeze_share for one in rooms]
        for share in shares:
            self._shares.observe(share)
        self._rooms.set(len(rooms))
        self._viewers.set(sum(one.viewers for one in rooms))
        self._frozen.set(sum(one.frozen for one in rooms))
        self._worst.set(max(shares, default=0.0))


class _Watched(Collector):
    def __init__(self, read: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        for name, text, value in self._read():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(name, text, value=value)
