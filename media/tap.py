"""What peers publish in a room, as whole encoded frames with their instants: for recording.

    reading ──► frames, and marks where a track falls silent ──► room or tap closed: the iteration ends
       └─ fetched too slowly: frames are dropped and counted, pictures go on at a keyframe

Invariant: a tap slows nobody.  What waits to be fetched stays with the core: 4,096 frames, 32 MB.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from media import _core
from media.codecs import Codec
from media.events import PeerId, RoomKey, TrackId

_FRAMES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class TappedFrame:
    """A frame as it was encoded: an Opus packet, a VP8 or VP9 frame, an H.264 access unit in Annex B, an AV1
    temporal unit in the low-overhead format.

    `at_ns` is when it was captured, on the monotonic clock; per track it ascends by a millisecond at least.
    Tracks of one peer are in step once the peer has told its clock (`synced`): the first frames wait for it,
    4 s at most.  `layer` counts those that the peer named in its offer; it changes at keyframes only.
    `after_gap` says that something before it is missing: lost, muted meanwhile, or dropped because nobody
    fetched it.  A picture after a gap is a keyframe.
    """

    track: TrackId
    peer: PeerId
    codec: Codec
    layer: int
    at_ns: int
    keyframe: bool
    after_gap: bool
    synced: bool
    data: bytes = field(repr=False)


class Silence(StrEnum):
    """Why nothing comes of a track.

    The server muted it; its form makes no frames (VP9 in spatial layers); its publisher left.
    """

    MUTED = "muted"
    UNREADABLE = "unreadable"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TrackSilent:
    track: TrackId
    why: Silence


class Tap:
    """An async iterator of frames and marks, in order per track.  Made by `Engine.tap`; close it."""

    def __init__(self, core: _core.Engine, room: RoomKey, on_close: Callable[[Tap], None]) -> None:
        self._core = core
        self._tap = core.add_tap(room)
        self._on_close = on_close
        self._fetched: deque[TappedFrame | TrackSilent] = deque()
        self._news = asyncio.Event()
        self._over = False
        self.dropped = 0
        """Frames that were dropped since the tap began, because nobody fetched them in time."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TappedFrame | TrackSilent:
        while not self._fetched:
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            if not self._fetch():
                await self._news.wait()
        return self._fetched.popleft()

    def wake(self) -> None:
        """Say that there may be something to fetch."""
        self._news.set()

    def close(self) -> None:
        """End the tap; what was not fetched is lost."""
        if not self._over:
            self._core.remove_tap(self._tap)
        self._end()

    def _fetch(self) -> bool:
        """Fetch what waits, some of it; return whether there was anything, the end included."""
        raw, self.dropped, over = self._core.drain_tap(self._tap, _FRAMES_AT_ONCE)
        self._fetched.extend(map(_tapped, raw))
        if over:
            self._core.remove_tap(self._tap)
            self._end()
        return over or bool(raw)

    def _end(self) -> None:
        self._over = True
        self._on_close(self)
        self._news.set()


def _tapped(raw: tuple[Any, ...]) -> TappedFrame | TrackSilent:
    match raw:
        case (track, peer, codec, layer, at_ns, (keyframe, after_gap, synced), data):
            return TappedFrame(
                track=TrackId(track),
                peer=PeerId(peer),
                codec=Codec(codec),
                layer=layer,
                at_ns=at_ns,
                keyframe=keyframe,
                after_gap=after_gap,
                synced=synced,
                data=data,
            )
        case (why, track):
            return TrackSilent(TrackId(track), Silence(why))
        case _:
            raise AssertionError(f"nothing that a tap hands out: {raw!r}")
