"""A film that tells its own time, as aiortc tracks: what the programme of an automated session looks like."""

from __future__ import annotations

import asyncio
import fractions
import time

import numpy as np
from aiortc import AudioStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame

from playback import timecode

WIDTH, HEIGHT, FPS = 640, 360, 15
RATE_HZ, SAMPLES = 48_000, 960


class FilmPicture(VideoStreamTrack):
    """Pictures whose strip shows the time since `started_s` (epoch), plus `ahead_s`."""

    def __init__(self, started_s: float, ahead_s: float = 0.0) -> None:
        super().__init__()
        self._started_s, self._ahead_s = started_s, ahead_s
        self._first_s = time.time()
        self._count = 0

    async def recv(self) -> VideoFrame:
        at_s = self._first_s + self._count / FPS
        await asyncio.sleep(max(0.0, at_s - time.time()))
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        timecode.draw(picture, max(0, round((at_s - self._started_s + self._ahead_s) * 1000)))
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self._count * 90_000 // FPS, fractions.Fraction(1, 90_000)
        self._count += 1
        return frame


class FilmSound(AudioStreamTrack):
    """Sound that ticks at each whole second since `started_s` (epoch), plus `ahead_s`."""

    def __init__(self, started_s: float, ahead_s: float = 0.0) -> None:
        super().__init__()
        self._started_s, self._ahead_s = started_s, ahead_s
        self._first_s = time.time()
        self._count = 0

    async def recv(self) -> AudioFrame:
        at_s = self._first_s + self._count * SAMPLES / RATE_HZ
        await asyncio.sleep(max(0.0, at_s - time.time()))
        samples = np.zeros((1, SAMPLES), np.float32)
        timecode.add_ticks(samples, round((at_s - self._started_s + self._ahead_s) * 1000), RATE_HZ)
        frame = AudioFrame.from_ndarray((samples * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts, frame.time_base = self._count * SAMPLES, fractions.Fraction(1, RATE_HZ)
        self._count += 1
        return frame
