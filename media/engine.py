"""The media engine as the rest of the program sees it: rooms, peers, tracks and slots; never a packet.

    offer ──connect──► answer + peer        the core talks to the browser from here on
    events ◄── one wake-up a batch ── core  connected, speaking, gone: `on_event`, on the loop

Invariant: everything runs on the loop that `start` ran on and nothing blocks it; media threads are the
core's and never touch Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Self, TypeVar

from media import _core
from media.codecs import Codec
from media.events import (
    EngineEvent,
    GoneReason,
    LayersWanted,
    PeerConnected,
    PeerGone,
    PeerId,
    RoomFailed,
    RoomKey,
    Speaking,
    TrackEnded,
    TrackId,
    TrackStarted,
    event_of,
)
from media.fragment import Bundle, write_fragment
from media.negotiation import (
    Candidate,
    Kind,
    Limits,
    LocalDescription,
    Negotiated,
    NegotiationRefused,
    Offer,
    Publishing,
    Purpose,
    answer,
    read_offer,
)
from media.stats import EngineStats, PeerStats, SlotStats, TrackStats, stats_of
from media.tap import Silence, Tap, TappedFrame, TrackSilent

__all__ = [
    "Connected",
    "Engine",
    "EngineConfig",
    "EngineEvent",
    "EngineRefused",
    "EngineStats",
    "GoneReason",
    "IceCredentials",
    "InjectedSource",
    "Kind",
    "LayersWanted",
    "Muting",
    "NegotiationRefused",
    "Offer",
    "PeerConnected",
    "PeerGone",
    "PeerId",
    "PeerStats",
    "PublishedTrack",
    "Publishing",
    "Purpose",
    "RoomFailed",
    "RoomKey",
    "Silence",
    "SlotStats",
    "Speaking",
    "Tap",
    "TappedFrame",
    "TrackEnded",
    "TrackId",
    "TrackSilent",
    "TrackStarted",
    "TrackStats",
]

STREAM_CONSENT_S = 15
"""A stream has no other sign of life than its consent (RFC 7675, which has 30 s)."""

_T = TypeVar("_T")
_EVENTS_AT_ONCE = 1_000


class Muting(Enum):
    """Whether the server drops what a track brings."""

    MUTED = auto()
    AUDIBLE = auto()


class EngineRefused(Exception):
    """The core did not do it.  `code`: no_room, room_full, too_many_rooms, bad_parameters."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """`advertise`: the IP addresses that browsers are told, `bind_host` if empty.

    `udp_port` 0 takes any free port, `tcp_port` too; without one there is no ICE-TCP.  `shards` 0 is one
    a core; slots are the most that a peer may offer.
    Without `segmented_sends` every datagram leaves by itself, as where the kernel cannot cut them.
    """

    bind_host: str = "127.0.0.1"
    udp_port: int = 0
    tcp_port: int | None = None
    advertise: tuple[str, ...] = ()
    shards: int = 0
    max_peers_per_room: int = 1_000
    max_rooms: int = 500
    slots_audio: int = 4
    slots_video: int = 4
    segmented_sends: bool = True


@dataclass(frozen=True, slots=True)
class PublishedTrack:
    track: TrackId
    kind: Kind
    mid: str


@dataclass(frozen=True, slots=True)
class Connected:
    """`tracks` in the order of the offer's m-lines; none of a peer that may not publish.

    `decodes` is what may be published so that the peer sees it; `needs` what others must decode to see what
    it publishes, None for what everybody does.
    """

    peer: PeerId
    answer_sdp: str
    tracks: tuple[PublishedTrack, ...]
    decodes: frozenset[Codec]
    needs: Codec | None = None


@dataclass(frozen=True, slots=True)
class IceCredentials:
    ufrag: str
    pwd: str = field(repr=False)


class InjectedSource:
    """A pair of tracks into which encoded frames are written, ahead of their instants."""

    def __init__(self, core: _core.Engine, room: RoomKey) -> None:
        self._core = core
        self._source, audio, video = core.add_source(room)
        self.audio, self.video = TrackId(audio), TrackId(video)

    def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None:
        """Queue a frame to be sent at `at_ns` of the monotonic clock, at most 4 s ahead, in order per codec.

        `codec` is "opus", "vp8", or "h264" (an Annex B access unit); another raises `ValueError`.
        """
        self._core.write_frame(self._source, codec, data, at_ns, keyframe)

    def flush(self) -> None:
        """Drop what is queued; nobody joins in what was sent before."""
        self._core.flush_source(self._source)

    def hold(self, until_ns: int) -> None:
        """Drop what is due from `until_ns` on, and stand still: who joins then sees where the film stands.

        What is written next goes on after the last frame before `until_ns`, which must not have passed yet.
        """
        self._core.hold_source(self._source, until_ns)

    def close(self) -> None:
        self._core.remove_source(self._source)


class Engine:
    """Made by `start`, ended by `close`."""

    def __init__(
        self,
        config: EngineConfig,
        core: _core.Engine,
        loop: asyncio.AbstractEventLoop,
        on_event: Callable[[EngineEvent], None],
    ) -> None:
        self._config = config
        self._core = core
        self._loop = loop
        self._on_event = on_event
        self._closed = False
        self._taps: set[Tap] = set()
        self.udp_port = core.udp_port
        addresses = config.advertise or (config.bind_host,)
        self.tcp_port = core.tcp_port
        self._candidates = tuple(Candidate(address, self.udp_port) for address in addresses)
        self._tcp_candidates = tuple(
            Candidate(address, self.tcp_port) for address in addresses if self.tcp_port is not None
        )
        self._limits = Limits(slots_audio=config.slots_audio, slots_video=config.slots_video)

    @classmethod
    async def start(cls, config: EngineConfig, on_event: Callable[[EngineEvent], None]) -> Self:
        """Start.  Raise `OSError`, its `filename` "udp" or "tcp", when that port is taken."""
        core = await asyncio.to_thread(_core.Engine, _core_config(config))
        loop = asyncio.get_running_loop()
        engine = cls(config, core, loop, on_event)
        loop.add_reader(core.event_fd, engine._drain)
        return engine

    def open_room(self, room: RoomKey) -> None:
        """Open a room; one that is open stays as it is.  Raise `EngineRefused`."""
        _refusing(lambda: self._core.add_room(room))

    def close_room(self, room: RoomKey) -> None:
        """Close a room and its peers' connections; `PeerGone` follows for each."""
        self._core.close_room(room)

    def connect(self, room: RoomKey, offer_sdp: str, may_publish: Publishing) -> Connected:
        """Answer an offer.

        Raise `NegotiationRefused`, or `EngineRefused` when the room is closed or full.
        """
        offer = read_offer(offer_sdp, self._limits)
        return self._add(room, answer(offer, self._new_local(), may_publish))

    def read_offer(self, offer_sdp: str, purpose: Purpose) -> Offer:
        """Return the offer of a stream, one that can be answered.  Raise `NegotiationRefused`."""
        return read_offer(offer_sdp, self._limits, purpose)

    def connect_stream(self, room: RoomKey, offer: Offer, first_slot: int) -> Connected:
        """Answer an offer that `read_offer` returned; what it receives are the slots from `first_slot` on.

        The stream is gone after 15 s without consent.  Raise `EngineRefused` when the room is closed or full.
        """
        negotiated = answer(offer, self._new_local(), Publishing.ALLOWED, first_slot)
        return self._add(room, replace(negotiated, consent_s=STREAM_CONSENT_S))

    def _add(self, room: RoomKey, negotiated: Negotiated) -> Connected:
        params = json.dumps(negotiated.to_core())
        peer, tracks = _refusing(lambda: self._core.add_peer(room, params))
        published = tuple(
            PublishedTrack(TrackId(track), one.kind, one.mid)
            for track, one in zip(tracks, negotiated.publishes, strict=True)
        )
        return Connected(PeerId(peer), negotiated.answer_sdp, published, negotiated.decodes, negotiated.needs)

    def _new_local(self) -> LocalDescription:
        return self._local(IceCredentials(secrets.token_hex(8), secrets.token_hex(16)))

    def _local(self, ice: IceCredentials) -> LocalDescription:
        return LocalDescription(
            ice_ufrag=ice.ufrag,
            ice_pwd=ice.pwd,
            fingerprint=self._core.fingerprint,
            candidates=self._candidates,
            tcp_candidates=self._tcp_candidates,
            session_id=secrets.randbits(62),
            next_ssrc=lambda: secrets.randbits(32),
        )

    def restart_ice(self, peer: PeerId, remote_ufrag: str) -> IceCredentials:
        """Let a peer go on by another name, from wherever; return ours.  One that has ended is no error.

        The old names serve until a check uses the new ones (RFC 8445 section 9).
        """
        ours = IceCredentials(secrets.token_hex(8), secrets.token_hex(16))
        _refusing(lambda: self._core.restart_ice(peer, ours.ufrag, ours.pwd, remote_ufrag))
        return ours

    def fragment(self, ice: IceCredentials, bundle: Bundle) -> str:
        """Return what a stream is told of its restart: our new names and where we are."""
        return write_fragment(bundle, self._local(ice))

    def disconnect(self, peer: PeerId) -> None:
        """End a connection; `PeerGone` follows.  One that has ended already is no error."""
        self._core.remove_peer(peer)

    def add_source(self, room: RoomKey) -> InjectedSource:
        """A new pair of tracks to write frames into.  Raise `EngineRefused` when the room is closed."""
        return _refusing(lambda: InjectedSource(self._core, room))

    def tap(self, room: RoomKey) -> Tap:
        """Hand out what peers publish in a room from now on, as whole frames; injected film not.

        Of a camera in layers it is the best that comes in; the publisher goes on sending it meanwhile.
        Raise `EngineRefused` when the room is closed.
        """
        tap = _refusing(lambda: Tap(self._core, room, self._taps.discard))
        self._taps.add(tap)
        return tap

    def set_layout(
        self, room: RoomKey, audio: Sequence[TrackId | None], video: Sequence[TrackId | None]
    ) -> None:
        """Say which track each receive slot carries, for everyone in the room but the track's publisher.

        Raise `EngineRefused` when the room is closed.
        """
        _refusing(lambda: self._core.set_layout(room, list(audio), list(video)))

    def set_muted(self, track: TrackId, muted: Muting) -> None:
        self._core.set_muted(track, muted is Muting.MUTED)

    def set_view(self, peer: PeerId, slot: int, max_height: int) -> None:
        """Say how high, in pixels, a peer shows a video slot; 0 pauses it."""
        self._core.set_view(peer, slot, max_height)

    def set_deadline(self, monotonic_ns: int | None) -> None:
        """Send no media from that instant of the monotonic clock on; None lifts the limit."""
        self._core.set_deadline(monotonic_ns)

    def stats(self) -> EngineStats:
        """Count everything now; waits for the media threads, a second at most.  Any thread may call it."""
        return stats_of(self._core.stats())

    async def close(self) -> None:
        """Say goodbye to everyone and stop the threads.  The events of it are told before this returns."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._core.stop)
        self._loop.remove_reader(self._core.event_fd)
        while self._drain():
            pass

    def _drain(self) -> int:
        events = self._core.drain_events(_EVENTS_AT_ONCE)
        for tap in self._taps:
            tap.wake()
        for event in events:
            try:
                self._on_event(event_of(event))
            except Exception as error:  # the others of the batch are popped already, and have to be heard
                self._loop.call_exception_handler({"message": f"Media event {event[0]}", "exception": error})
        return len(events)


def _core_config(config: EngineConfig) -> str:
    return json.dumps(
        {
            "bind_host": config.bind_host,
            "udp_port": config.udp_port,
            "tcp_port": config.tcp_port,
            "shards": config.shards or os.cpu_count() or 1,
            "max_peers_per_room": config.max_peers_per_room,
            "max_rooms": config.max_rooms,
            "segmented_sends": config.segmented_sends,
        }
    )


def _refusing(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except ValueError as error:
        raise EngineRefused(str(error)) from error
