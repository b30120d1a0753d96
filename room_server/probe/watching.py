"""Decoded frames into counts and readings, one watcher a track.

Invariant: every frame is taken from its track at once, whether or not it is of interest, so that nothing
piles up; what is kept grows by a few numbers a frame.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from playback import timecode
from room_server.probe.pulse import Pulse
from room_server.probe.readings import Arrival, Picture
from room_server.probe.sender_clock import SenderClock, Timed, ahead

AUDIO_RATE_HZ: Final = 48_000
VIDEO_RATE_HZ: Final = 90_000
LISTEN_S: Final = 2.0
OVERLAP_S: Final = 0.25


class Received(Protocol):
    """What a watcher asks of the receiver behind its track."""

    clock: SenderClock

    def lost(self) -> int: ...

    def rtp_timestamp(self, pts: int) -> int: ...


class Tally:
    """A count that can be waited for."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Event()

    def add(self) -> None:
        self.count += 1
        self._more.set()

    async def reach(self, count: int) -> None:
        """Wait until the count is that high."""
        while self.count < count:
            self._more.clear()
            await self._more.wait()


class VideoWatch:
    """Pictures of one track: how many, when they came, and the time strip in them."""

    def __init__(self, receiving: Received, pulse: Pulse) -> None:
        self.receiving = receiving
        self.frames = Tally()
        self.arrivals: list[Arrival] = []
        self.first_at_s: float | None = None
        self._pulse = pulse
        self._strips = Timed(receiving.clock)

    async def run(self, track: MediaStreamTrack) -> None:
        """Take frames until the track ends."""
        while (frame := await _next_frame(track)) is not None:
            if not isinstance(frame, VideoFrame) or frame.pts is None:
                continue
            if self.first_at_s is None:
                self.first_at_s = time.time()
            media_s, lost = frame.pts / VIDEO_RATE_HZ, self.receiving.lost()
            self.arrivals.append(Arrival(time.monotonic(), media_s, lost, self._pulse.stalled_s()))
            self.frames.add()
            strip_ms = timecode.read(luma(frame))
            if strip_ms is not None:
                self._strips.add(self.receiving.rtp_timestamp(frame.pts), strip_ms / 1000)

    def pictures(self) -> list[Picture]:
        """The readable pictures at their instants, on the sender's clock."""
        return [Picture(instant_s, strip_s) for instant_s, strip_s in self._strips.readings()]


class AudioWatch:
    """Sound of one track: how many frames, and where ticks begin in it."""

    def __init__(self, receiving: Received) -> None:
        self.receiving = receiving
        self.frames = Tally()
        self._blocks: list[NDArray[np.float32]] = []
        self._first_rtp = 0
        self._next_pts: int | None = None
        self._ticks = Timed(receiving.clock)
        self._latest: int | None = None

    async def run(self, track: MediaStreamTrack) -> None:
        """Take frames until the track ends."""
        while (frame := await _next_frame(track)) is not None:
            if not isinstance(frame, AudioFrame) or frame.pts is None:
                continue
            self.frames.add()
            if frame.pts != self._next_pts:
                await self._listen(keep=0)
                self._first_rtp = self.receiving.rtp_timestamp(frame.pts)
            self._blocks.append(mono(frame))
            self._next_pts = frame.pts + frame.samples
            if sum(map(len, self._blocks)) >= LISTEN_S * AUDIO_RATE_HZ:
                await self._listen(keep=round(OVERLAP_S * AUDIO_RATE_HZ))

    async def ticks(self) -> list[float]:
        """The instants at which ticks began, on the sender's clock."""
        await self._listen(keep=0)
        return [instant_s for instant_s, _ in self._ticks.readings()]

    async def _listen(self, keep: int) -> None:
        """Look for ticks in what has gathered, then keep its last `keep` samples for those that straddle."""
        if not self._blocks:
            return
        samples = np.concatenate(self._blocks)
        first_rtp = self._first_rtp
        kept = samples[max(0, len(samples) - keep) :] if keep else samples[:0]
        self._blocks = [kept] if len(kept) else []
        self._first_rtp = (first_rtp + len(samples) - len(kept)) % (1 << 32)
        found = await asyncio.to_thread(timecode.onsets, samples, AUDIO_RATE_HZ)
        whole_s = len(samples) / AUDIO_RATE_HZ - timecode.TICK_S
        for onset_s in found:
            rtp = (first_rtp + round(onset_s * AUDIO_RATE_HZ)) % (1 << 32)
            is_next = self._latest is None or ahead(rtp, self._latest) > AUDIO_RATE_HZ // 2
            if is_next and onset_s <= whole_s:
                self._latest = rtp
                self._ticks.add(rtp, onset_s)


def luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """The luma plane of a planar picture, shape (height, width), without a copy."""
    plane = frame.planes[0]
    rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]


def mono(frame: AudioFrame) -> NDArray[np.float32]:
    """The first channel of a 16-bit frame, in −1 … 1."""
    channels = len(frame.layout.channels)
    samples = frame.to_ndarray().reshape(-1)
    return np.asarray(samples[::channels], np.float32) / np.float32(32_768)


async def _next_frame(track: MediaStreamTrack) -> object | None:
    try:
        return await track.recv()
    except MediaStreamError:
        return None
