"""Frames into readings: every tick once, every readable strip at its instant, whatever the windows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from playback import timecode
from room_server.probe.pulse import Pulse
from room_server.probe.sender_clock import NTP_TO_EPOCH_S, SenderClock
from room_server.probe.watching import AudioWatch, VideoWatch, luma, mono

START = 1_800_000_000.0
ORIGIN = 2**32 - 100_000


class Given(MediaStreamTrack):
    """A track of frames that are there already."""

    def __init__(self, kind: str, frames: Iterator[AudioFrame | VideoFrame]) -> None:
        super().__init__()
        self.kind = kind
        self._frames = frames

    async def recv(self) -> AudioFrame | VideoFrame:
        for frame in self._frames:
            return frame
        raise MediaStreamError


class Receiver:
    """Timestamps begin near the wrap; the sender reported `START` for the first."""

    def __init__(self, rate_hz: int) -> None:
        self.clock = SenderClock(rate_hz)
        self.clock.note(int((START + NTP_TO_EPOCH_S) * (1 << 32)), ORIGIN, START)

    def lost(self) -> int:
        return 0

    def rtp_timestamp(self, pts: int) -> int:
        return (ORIGIN + pts) % (1 << 32)


def sound(seconds: float, *, without: range = range(0)) -> Iterator[AudioFrame]:
    """Stereo frames of 20 ms with a tick each second; frames numbered in `without` were lost."""
    for number in range(round(seconds * 50)):
        samples = np.zeros((2, 960), np.float32)
        timecode.add_ticks(samples, number * 20, 48_000)
        packed = (samples.T.reshape(1, -1) * 32_767).astype(np.int16)
        frame = AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, number * 960, Fraction(1, 48_000)
        if number not in without:
            yield frame


def film(seconds: float) -> Iterator[VideoFrame]:
    for number in range(round(seconds * 10)):
        picture = np.full((270, 330), 128, np.uint8)
        timecode.draw(picture, 5_000 + number * 100)
        if number % 3 == 2:
            picture[170:180] = 128
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number * 9_000, Fraction(1, 90_000)
        yield frame


async def test_each_tick_is_heard_once_over_many_windows() -> None:
    watch = AudioWatch(Receiver(48_000))
    await watch.run(Given("audio", sound(14.5)))
    ticks = await watch.ticks()
    assert watch.frames.count == 725
    assert ticks == pytest.approx([START + second for second in range(15)], abs=0.004)


async def test_a_gap_in_the_sound_moves_no_tick() -> None:
    watch = AudioWatch(Receiver(48_000))
    await watch.run(Given("audio", sound(6, without=range(110, 135))))
    assert await watch.ticks() == pytest.approx([START + second for second in range(6)], abs=0.004)


async def test_strips_are_read_at_their_instants_and_others_left_out() -> None:
    watch = VideoWatch(Receiver(90_000), Pulse())
    await watch.run(Given("video", film(1.5)))
    pictures = watch.pictures()
    assert watch.frames.count == len(watch.arrivals) == 15
    assert [picture.strip_s for picture in pictures] == [5 + k / 10 for k in range(15) if k % 3 != 2]
    assert all(picture.at_s - START == pytest.approx(picture.strip_s - 5, abs=1e-4) for picture in pictures)


def test_luma_and_sound_are_what_was_put_in() -> None:
    picture = np.arange(270 * 330, dtype=np.uint32).astype(np.uint8).reshape(270, 330)
    assert np.array_equal(luma(VideoFrame.from_ndarray(picture, format="yuv420p")), picture[:180])
    packed = np.array([[16_384, 1, -16_384, 2]], np.int16)
    assert mono(AudioFrame.from_ndarray(packed, format="s16", layout="stereo")).tolist() == [0.5, -0.5]


async def test_a_process_that_stands_still_knows_for_how_long() -> None:
    pulse = Pulse()
    beating = asyncio.create_task(pulse.run())
    await asyncio.sleep(0)
    begun_s, before_s = time.monotonic(), pulse.stalled_s()
    time.sleep(0.3)  # noqa: ASYNC251 -- the loop must stand still
    stalled_s, elapsed_s = pulse.stalled_s() - before_s, time.monotonic() - begun_s
    beating.cancel()
    assert 0.25 < stalled_s <= elapsed_s
