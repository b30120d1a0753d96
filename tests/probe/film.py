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


class Departures:
    """How late each frame left: asked for the next one, the sender has sent the last.

    What is late in leaving is as late in the sender's reports, so a reading of the position has it too.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._first_s: float | None = None
        self.late_ms: list[float] = []

    async def next(self) -> tuple[int, float]:
        """Wait for the next frame's instant; return its number and that instant (epoch)."""
        if self._first_s is None:
            self._first_s = time.time()
            return 0, self._first_s
        now_s, sent = time.time(), len(self.late_ms)
        self.late_ms.append((now_s - self._first_s - sent * self._every_s) * 1000)
        at_s = self._first_s + (sent + 1) * self._every_s
        await asyncio.sleep(max(0.0, at_s - now_s))
        return sent + 1, at_s


class FilmPicture(VideoStreamTrack):
    """Pictures whose strip shows the time since `started_s` (epoch), plus `ahead_s`."""

    def __init__(self, started_s: float, ahead_s: float = 0.0) -> None:
        super().__init__()
        self._started_s, self._ahead_s = started_s, ahead_s
        self.departures = Departures(1 / FPS)

    async def recv(self) -> VideoFrame:
        count, at_s = await self.departures.next()
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        timecode.draw(picture, max(0, round((at_s - self._started_s + self._ahead_s) * 1000)))
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = count * 90_000 // FPS, fractions.Fraction(1, 90_000)
        return frame


class FilmSound(AudioStreamTrack):
    """Sound that ticks at each whole second since `started_s` (epoch), plus `ahead_s`."""

    def __init__(self, started_s: float, ahead_s: float = 0.0) -> None:
        super().__init__()
        self._started_s, self._ahead_s = started_s, ahead_s
        self.departures = Departures(SAMPLES / RATE_HZ)

    async def recv(self) -> AudioFrame:
        count, at_s = await self.departures.next()
        samples = np.zeros((1, SAMPLES), np.float32)
        timecode.add_ticks(samples, round((at_s - self._started_s + self._ahead_s) * 1000), RATE_HZ)
        frame = AudioFrame.from_ndarray((samples * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts, frame.time_base = count * SAMPLES, fractions.Fraction(1, RATE_HZ)
        return frame
