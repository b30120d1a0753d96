"""What Prometheus reads, on the private listener.

Invariant: no label holds a link, a person or an address; every label has few values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """Counts requests and joins in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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

    def text(self) -> bytes:
        return generate_latest(self.registry)


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
