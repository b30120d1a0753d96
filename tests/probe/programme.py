"""The self-timing film as encoded frames, written ahead to a sink as a player would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av import AudioFrame, VideoFrame
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from playback import timecode

WIDTH, HEIGHT, FPS, GROUP = 640, 360, 15, 30
RATE_HZ, SAMPLES = 48_000, 960
SECOND_NS = 1_000_000_000
AHEAD_NS = 2 * SECOND_NS
LENGTH_S = 20

Write = Callable[[str, bytes, int, bool], None]


@dataclass(frozen=True, slots=True)
class Encoded:
    codec: str
    data: bytes
    since_start_ns: int
    keyframe: bool


class Programme:
    """Writes H.264, VP8 and Opus of a film, from `since_s` of it on; all is encoded before the first is due.

    `second_group` is set well within the second group of pictures: whoever joins then joins in its middle.
    """

    def __init__(self, write: Write, since_s: int) -> None:
        self._write = write
        self.second_group = asyncio.Event()
        frames = [*_pictures(since_s), *_sounds(since_s)]
        self._frames = sorted(frames, key=lambda frame: frame.since_start_ns)
        self._second_group_ns = since_s * SECOND_NS + (GROUP + FPS) * SECOND_NS // FPS + AHEAD_NS

    async def run(self, started_ns: int) -> None:
        """Write until cancelled, or to the end, of a film that began at `started_ns` (CLOCK_MONOTONIC)."""
        for frame in self._frames:
            at_ns = started_ns + frame.since_start_ns
            await asyncio.sleep(max(0, at_ns - AHEAD_NS - time.monotonic_ns()) / SECOND_NS)
            self._write(frame.codec, frame.data, at_ns, frame.keyframe)
            if frame.since_start_ns >= self._second_group_ns:
                self.second_group.set()


def _pictures(since_s: int) -> Iterator[Encoded]:
    x264 = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
    vpx = {"deadline": "realtime", "cpu-used": "12", "lag-in-frames": "0"}
    encoders = {"h264": _video_encoder("libx264", x264), "vp8": _video_encoder("libvpx", vpx)}
    for number in range(since_s * FPS, (since_s + LENGTH_S) * FPS):
        at_ns = number * SECOND_NS // FPS
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        timecode.draw(picture, at_ns // 1_000_000)
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        for codec, encoder in encoders.items():
            for packet in encoder.encode(frame):
                yield Encoded(codec, bytes(packet), at_ns, packet.is_keyframe)


def _sounds(since_s: int) -> Iterator[Encoded]:
    encoder = _audio_encoder()
    for number in range(since_s * 50, (since_s + LENGTH_S) * 50):
        samples = np.zeros((1, SAMPLES), np.float32)
        timecode.add_ticks(samples, number * 20, RATE_HZ)
        frame = AudioFrame.from_ndarray((samples * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, number * SAMPLES, Fraction(1, RATE_HZ)
        for packet in encoder.encode(frame):
            yield Encoded("opus", bytes(packet), number * 20_000_000, True)


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
