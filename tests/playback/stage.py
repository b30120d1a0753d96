"""A player on a stage of its own: fake clock, recording sink, two short films."""

from __future__ import annotations

import math

from playback.clock import NS_PER_S, Motion, Transport, instant_ns
from playback.player import Player
from playback.source import PreparedFile
from playback.timeline import MediaItem, Timeline
from tests.playback.synthetic import FRAME_US, SOUND_US, FakeClock, RecordingSink, Written

CODECS = ("h264", "vp8", "opus")
VIDEO = ("h264", "vp8")
TWO_FILMS = Timeline(
    (
        MediaItem("first", "A", "a", offset_s=0, duration_s=8, buffer_s=2),
        MediaItem("second", "B", "b", offset_s=10, duration_s=6, buffer_s=3),
    )
)


class Stage:
    """A player with its sink and clock, driven as its own loop would drive it."""

    def __init__(self, files: dict[str, PreparedFile], sink: RecordingSink | None = None) -> None:
        self.clock = FakeClock()
        self.sink = sink or RecordingSink()
        self.player = Player(files, self.sink, self.clock)
        self.transport = Transport(Motion.PAUSED, 0.0, self.clock.now_ns)

    def run_from(self, position_s: float, in_s: float = 0.0, timeline: Timeline = TWO_FILMS) -> None:
        self.transport = Transport(Motion.RUNNING, position_s, self.clock.now_ns + round(in_s * NS_PER_S))
        self.player.follow(timeline, self.transport)

    async def play(self, seconds: float) -> None:
        """Let time pass, calling the player when it asks to be called."""
        until_ns = self.clock.now_ns + round(seconds * NS_PER_S)
        while True:
            wait_s = await self.player.advance()
            left_ns = until_ns - self.clock.now_ns
            step_ns = left_ns if wait_s is None else min(left_ns, math.ceil(wait_s * NS_PER_S))
            self.clock.now_ns += step_ns
            if left_ns <= 0:
                return

    def due_ns(self, frame: Written, timeline: Timeline = TWO_FILMS) -> int:
        """Return the instant at which a frame belongs, reckoned anew from timeline and transport."""
        item = next(item for item in timeline.media if item.asset_id == frame.name[0])
        step_us = SOUND_US if frame.codec == "opus" else FRAME_US
        place_s = item.offset_s - item.trim_in_s + frame.number * step_us / 1e6
        return instant_ns(self.transport, place_s)
