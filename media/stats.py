"""What the media core has counted: per peer, per layer published, per slot that is sent something, in all.

Cheap enough to read for everyone every five seconds: numbers as tuples, no text made of them.

How often a picture stood still the server infers; it does not see what is shown.  A *freeze* is counted where
a browser would count one (`freezeCount` of W3C webrtc-stats: pictures further apart than three times the
usual distance, and than that distance and 150 ms) and the server can tell:

1. a picture left late, later than its capture explains;
2. the viewer asked for a keyframe in mid-stream, and none left for that long;
3. the viewer still asked for the same packet that long after it first did.

Unseen remain losses of which a viewer never tells, and devices too slow to decode.  A still screen, a muted
camera, a film that is held, a slot that is hidden or changes hands: none of these is a freeze.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from media.codecs import Codec, Kind
from media.events import PeerId, RoomKey, TrackId

TOTALS = (
    "packets_in",
    "bytes_in",
    "packets_out",
    "bytes_out",
    "lost_in",
    "lost_out",
    "nacks_in",
    "nacks_out",
    "retransmitted",
    "probed",
    "plis_in",
    "plis_out",
    "refused",
)


class TrackStats(NamedTuple):
    """One layer of something published, since the track began; layers that never came in have none.

    `bytes` are those of payloads.  `nacks` packets and `plis` keyframes the publisher was asked for.
    `freezes` are pictures that came late: whoever watches suffered them, too.
    """

    track: TrackId
    kind: Kind
    layer: int
    codec: Codec
    packets: int
    bytes: int
    lost: int
    jitter_ms: float
    nacks: int
    plis: int
    freezes: int
    frozen_ms: int


class SlotStats(NamedTuple):
    """What one slot was sent, since its viewer came; slots that never carried anything have none.

    `track` and `layer` are what it carries now, if anything.  `lost` and `jitter_ms` are the viewer's word;
    it asked for `nacks` packets and `plis` keyframes.  `frozen`: the picture stands still now.
    """

    kind: Kind
    slot: int
    track: TrackId | None
    layer: int | None
    packets: int
    bytes: int
    lost: int
    jitter_ms: float
    retransmitted: int
    nacks: int
    plis: int
    freezes: int
    frozen_ms: int
    frozen: bool


class PeerStats(NamedTuple):
    """Counts since the peer came.  What is lost in never reached us, lost out never the peer, by its word.

    Round trip and estimate are of the one way to the peer.  `estimate_bps` is what it carries, by
    `estimate_origin`: "transport" for the server's own estimate from feedback on each packet, "receiver" for
    the peer's; None before the first.
    """

    peer: PeerId
    room: RoomKey
    connected: bool
    rtt_ms: float | None
    estimate_bps: int | None
    estimate_origin: str | None
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int
    lost_in: int
    lost_out: int
    nacks_in: int
    nacks_out: int
    retransmitted: int
    probed: int
    plis_in: int
    plis_out: int
    refused: int
    tracks: tuple[TrackStats, ...]
    slots: tuple[SlotStats, ...]


@dataclass(frozen=True, slots=True)
class EngineStats:
    """`totals` counts peers that have gone, too, under the names of `PeerStats`.

    Not `complete` when a media thread did not answer within a second: its peers are missing, and its counts.
    """

    peers: tuple[PeerStats, ...] = ()
    totals: dict[str, int] = field(default_factory=dict)
    frames_refused: int = 0
    unknown_datagrams: int = 0
    panics: int = 0
    events_lost: int = 0
    complete: bool = True


def stats_of(raw: tuple[Any, ...]) -> EngineStats:
    """Return the counts that the core hands over as tuples."""
    peers, totals, frames_refused, unknown_datagrams, panics, events_lost, complete = raw
    return EngineStats(
        peers=tuple(map(_peer, peers)),
        totals=dict(zip(TOTALS, totals, strict=True)),
        frames_refused=frames_refused,
        unknown_datagrams=unknown_datagrams,
        panics=panics,
        events_lost=events_lost,
        complete=complete,
    )


def _peer(raw: tuple[Any, ...]) -> PeerStats:
    *head, counters, tracks, slots = raw
    return PeerStats._make((*head, *counters, tuple(map(_track, tracks)), tuple(map(_slot, slots))))


def _track(raw: tuple[Any, ...]) -> TrackStats:
    track, kind, layer, codec, *counts = raw
    return TrackStats._make((track, Kind(kind), layer, Codec(codec), *counts))


def _slot(raw: tuple[Any, ...]) -> SlotStats:
    kind, *rest = raw
    return SlotStats._make((Kind(kind), *rest))
