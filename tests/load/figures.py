"""The bench's arithmetic: from counts and times to the figures of its last line.

Invariant: a packet is delivered when its own stamp arrived, and lost when it was sent in the window and never
did; what the server says about itself plays no part.  What was not measured is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = Mapping[str, object]

#: The benches of the last line, in its order.
BENCHES = (
    "floor",
    "forward",
    "paced",
    "wire",
    "scale",
    "whep",
    "janus",
    "joins",
    "playback",
    "signalling",
    "idle",
)


@dataclass(frozen=True, slots=True)
class Floor:
    """CPU nanoseconds of the cheapest conceivable sender, a packet of 1,208 bytes.

    `stream_gcm_ns` is its price of the reference stream itself: a frame a call, and each sound alone.
    """

    sendto_gcm_ns: int
    gso8_gcm_ns: int
    gcm_ns: int
    stream_gcm_ns: int

    def to_json(self) -> Json:
        return {
            "sendto_gcm_ns": self.sendto_gcm_ns,
            "gso8_gcm_ns": self.gso8_gcm_ns,
            "gcm_ns": self.gcm_ns,
            "stream_gcm_ns": self.stream_gcm_ns,
        }


def mean_floor(floors: Sequence[Floor]) -> Floor:
    """The mean of several runs of the floor program, before and after what it is compared with."""

    def mean(values: Sequence[int]) -> int:
        return round(sum(values) / len(values))

    return Floor(
        mean([floor.sendto_gcm_ns for floor in floors]),
        mean([floor.gso8_gcm_ns for floor in floors]),
        mean([floor.gcm_ns for floor in floors]),
        mean([floor.stream_gcm_ns for floor in floors]),
    )


@dataclass(frozen=True, slots=True)
class Delays:
    """From just before the publisher encrypts to the viewer's socket, milliseconds, over all packets."""

    p50: float | None
    p99: float | None

    def to_json(self) -> Json:
        return {"p50": rounded(self.p50), "p99": rounded(self.p99)}


@dataclass(frozen=True, slots=True)
class Window:
    """What was counted in one steady window.

    `received` has one entry a viewer that reported: its distinct packets, video and audio together.
    `overflowed` packets found no room in a viewer's socket: the client was too slow, not the server.
    `others_percent` of a core went to processes that are neither the server's nor the bench's.
    `cpu_ns` is the server's user and system time over the window, `client_cpu_ns` the load client's.
    """

    viewers: int
    seconds: float
    sent: int
    received: tuple[int, ...]
    retransmitted: int
    overflowed: int
    cpu_ns: int
    client_cpu_ns: int
    delay: Delays
    audio_delay: Delays
    rss_before_kb: int
    rss_after_kb: int
    others_percent: float

    @property
    def packets(self) -> int:
        return sum(self.received)

    @property
    def lost(self) -> int:
        """Packets that some viewer never had; a viewer that did not report lost them all."""
        return self.sent * self.viewers - self.packets

    @property
    def cpu_ns_per_packet(self) -> int | None:
        return round(self.cpu_ns / self.packets) if self.packets else None

    def ratio_to(self, floor: Floor) -> float | None:
        price = self.cpu_ns_per_packet
        return None if price is None else round(price / floor.sendto_gcm_ns, 3)

    def to_json(self, floor: Floor) -> Json:
        return {
            "viewers": self.viewers,
            "packets": self.packets,
            "lost": self.lost,
            "cpu_ns_per_packet": self.cpu_ns_per_packet,
            "ratio_to_floor": self.ratio_to(floor),
            "delay_ms": self.delay.to_json(),
            "audio_delay_ms": self.audio_delay.to_json(),
            "kb_per_viewer": round((self.rss_after_kb - self.rss_before_kb) / self.viewers, 1),
            "retransmitted": self.retransmitted,
            "client_overflowed": self.overflowed,
            "cpu_percent": round(self.cpu_ns / self.seconds / 1e7, 1),
            "client_cpu_percent": round(self.client_cpu_ns / self.seconds / 1e7, 1),
            "others_cpu_percent": round(self.others_percent, 1),
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True, slots=True)
class Joins:
    """All viewers joining a running session, one after another at a bounded rate.

    `forwarded` are the packets delivered meanwhile, whose price is not a join's.
    `first_frame_ms` counts from the HTTP request to the whole of the first keyframe, one entry a viewer.
    """

    seconds: float
    cpu_ns: int
    forwarded: int
    first_frame_ms: tuple[float, ...]

    def cpu_ms_per_join(self, ns_per_packet: int) -> float | None:
        if not self.first_frame_ms:
            return None
        return round((self.cpu_ns - self.forwarded * ns_per_packet) / len(self.first_frame_ms) / 1e6, 2)

    def to_json(self, ns_per_packet: int) -> Json:
        return {
            "per_s": round(len(self.first_frame_ms) / self.seconds, 1),
            "cpu_ms_per_join": self.cpu_ms_per_join(ns_per_packet),
            "first_frame_ms": {
                "p50": rounded(quantile(self.first_frame_ms, 0.5)),
                "p99": rounded(quantile(self.first_frame_ms, 0.99)),
            },
        }


def quantile(values: Sequence[float], part: float) -> float | None:
    """The smallest value that a share `part` (0 to 1) of `values` does not exceed; None without values."""
    if not values:
        return None
    return sorted(values)[max(math.ceil(part * len(values)), 1) - 1]


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def last_line(measured: Mapping[str, object]) -> Json:
    """The bench's last line: every bench by name, null where it did not run."""
    unknown = measured.keys() - set(BENCHES)
    if unknown:
        raise ValueError(f"no bench is called {sorted(unknown)}")
    return {name: measured.get(name) for name in BENCHES}
