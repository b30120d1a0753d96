"""The self-timing film as encoded frames, written ahead to a sink as a player would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from av import AudioFrame, VideoFrame
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from playback import timecode

WIDTH, HEIGHT, FPS, GROUP = 640, 360, 15, 30
RATE_HZ, SAMPLES = 48_000, 960
AHEAD_NS = 2_000_000_000

Write = Callable[[str, bytes, int, bool], None]


class Programme:
    """Writes H.264, VP8 and Opus of a film that began at `started_ns` (CLOCK_MONOTONIC).

    `second_group` is set well within the second group of pictures: whoever joins then joins in its middle.
    """

    def __init__(self, write: Write, started_ns: int) -> None:
        self._write = write
        self._started_ns = started_ns
        self.second_group = asyncio.Event()
        self._h264 = _video_encoder(
            "libx264", {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
        )
        self._vp8 = _video_encoder("libvpx", {"deadline": "realtime", "cpu-used": "12", "lag-in-frames": "0"})
        self._opus = _audio_encoder()
        since_ns = time.monotonic_ns() - started_ns
        self._picture = since_ns * FPS // 1_000_000_000
        self._left = GROUP + FPS + AHEAD_NS * FPS // 1_000_000_000
        self._sound = since_ns * (RATE_HZ // SAMPLES) // 1_000_000_000

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            horizon_ns = time.monotonic_ns() + AHEAD_NS
            while (at_ns := self._started_ns + self._picture * 1_000_000_000 // FPS) < horizon_ns:
                self._write_picture(at_ns)
            while (at_ns := self._started_ns + self._sound * 20_000_000) < horizon_ns:
                self._write_sound(at_ns)
            await asyncio.sleep(0.1)

    def _write_picture(self, at_ns: int) -> None:
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        timecode.draw(picture, (at_ns - self._started_ns) // 1_000_000)
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self._picture, Fraction(1, FPS)
        for name, encoder in (("h264", self._h264), ("vp8", self._vp8)):
            for packet in encoder.encode(frame):
                self._write(name, bytes(packet), at_ns, packet.is_keyframe)
        self._picture += 1
        self._left -= 1
        if self._left <= 0:
            self.second_group.set()

    def _write_sound(self, at_ns: int) -> None:
        samples = np.zeros((1, SAMPLES), np.float32)
        timecode.add_ticks(samples, self._sound * 20, RATE_HZ)
        frame = AudioFrame.from_ndarray((samples * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._sound * SAMPLES, Fraction(1, RATE_HZ)
        for packet in self._opus.encode(frame):
            self._write("opus", bytes(packet), at_ns, True)
        self._sound += 1


def _video_encoder(name: str, options: dict[str, str]) -> VideoCodecContext:
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    encoder.gop_size, encoder.bit_rate, encoder.options = GROUP, 600_000, options
    encoder.max_b_frames = 0
    return encoder


def _audio_encoder() -> AudioCodecContext:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = RATE_HZ, "mono", "s16"
    encoder.bit_rate, encoder.time_base = 64_000, Fraction(1, RATE_HZ)
    return encoder
