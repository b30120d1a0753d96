"""What the media core reports, and the names by which it is spoken to: rooms, peers, tracks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType

from media.codecs import Kind

RoomKey = NewType("RoomKey", str)
PeerId = NewType("PeerId", int)
TrackId = NewType("TrackId", int)


class GoneReason(StrEnum):
    CLOSED = "closed"
    CONSENT_TIMEOUT = "consent_timeout"
    DTLS_FAILED = "dtls_failed"
    ROOM_CLOSED = "room_closed"
    NEVER_CONNECTED = "never_connected"


@dataclass(frozen=True, slots=True)
class PeerConnected:
    peer: PeerId
    room: RoomKey


@dataclass(frozen=True, slots=True)
class PeerGone:
    peer: PeerId
    room: RoomKey
    reason: GoneReason


@dataclass(frozen=True, slots=True)
class TrackStarted:
    track: TrackId
    peer: PeerId
    kind: Kind


@dataclass(frozen=True, slots=True)
class TrackEnded:
    track: TrackId


@dataclass(frozen=True, slots=True)
class Speaking:
    track: TrackId
    speaking: bool


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """Somebody watches these layers of what a peer publishes as `mid`, by RTP stream id; told on a change."""

    peer: PeerId
    mid: str
    rids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomFailed:
    """A fault of ours while the room was served.  The room is closed; `report` is for the log.

    Without a name, none is: no room was served, or it is open again already.
    """

    room: RoomKey
    report: str


EngineEvent = PeerConnected | PeerGone | TrackStarted | TrackEnded | Speaking | LayersWanted | RoomFailed


def event_of(raw: tuple[Any, ...]) -> EngineEvent:
    """Return the event that the core hands over as a name and its fields."""
    match raw:
        case ("peer_connected", peer, room):
            return PeerConnected(PeerId(peer), RoomKey(room))
        case ("peer_gone", peer, room, reason):
            return PeerGone(PeerId(peer), RoomKey(room), GoneReason(reason))
        case ("track_started", track, peer, kind):
            return TrackStarted(TrackId(track), PeerId(peer), Kind(kind))
        case ("track_ended", track):
            return TrackEnded(TrackId(track))
        case ("speaking", track, speaking):
            return Speaking(TrackId(track), speaking)
        case ("layers_wanted", peer, mid, rids):
            return LayersWanted(PeerId(peer), mid, tuple(rids))
        case ("room_failed", room, report):
            return RoomFailed(RoomKey(room), report)
        case _:
            raise AssertionError(f"an event of no known kind: {raw!r}")
