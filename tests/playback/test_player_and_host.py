"""Whatever a host does, in whatever order: what reaches the sink stays decodable, ordered, never early."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from playback.clock import Motion, Transport, position_s
from playback.player import HOLD_AFTER_NS
from playback.source import PreparedFile
from playback.timeline import Timeline, extend_buffer
from tests.playback.stage import CODECS, TWO_FILMS, VIDEO, Stage


class Deed(StrEnum):
    PAUSE = "pause"
    GO_ON = "go on"
    SKIP = "skip"
    EXTEND = "extend"
    SAY_AGAIN = "say again"
    STALL = "stall"
    NOTHING = "nothing"


ENTERED_NS = 110_000_000  # a group of pictures is told this quickly, and is not cut short

seconds = st.integers(1, 76).map(lambda quarters: quarters / 4)


@settings(max_examples=40, deadline=None)
@given(deeds=st.lists(st.tuples(st.sampled_from(Deed), seconds), min_size=1, max_size=8))
def test_whatever_a_host_does_frames_stay_decodable_ordered_and_never_early(
    files: dict[str, PreparedFile], deeds: list[tuple[Deed, float]]
) -> None:
    asyncio.run(perform(Stage(files), deeds))


async def perform(stage: Stage, deeds: list[tuple[Deed, float]]) -> None:
    timeline = TWO_FILMS
    stage.run_from(0.0)
    for deed, amount_s in deeds:
        timeline = do(stage, timeline, deed, amount_s)
        since_ns = stage.clock.now_ns
        await stage.play(0.6)
        for codec in CODECS:
            check_times(stage, timeline, codec, since_ns)
        for codec in VIDEO:
            check_decodable(stage, codec)


def do(stage: Stage, timeline: Timeline, deed: Deed, amount_s: float) -> Timeline:
    now_s = position_s(stage.transport, stage.clock.now_ns)
    match deed:
        case Deed.PAUSE:
            stage.transport = Transport(Motion.PAUSED, now_s, stage.clock.now_ns)
            stage.player.follow(timeline, stage.transport)
        case Deed.GO_ON:
            stage.run_from(now_s, timeline=timeline)
        case Deed.SKIP:
            stage.run_from(amount_s, timeline=timeline)
        case Deed.EXTEND:
            timeline = extend_buffer(timeline, "first", amount_s)
            stage.player.follow(timeline, stage.transport)
        case Deed.SAY_AGAIN:
            stage.player.follow(timeline, stage.transport)
        case Deed.STALL:
            stage.clock.pass_s(amount_s)
    return timeline


def check_times(stage: Stage, timeline: Timeline, codec: str, since_ns: int) -> None:
    """What was still to be sent at `since_ns`, or was written later, stands where the timeline wants it."""
    frames = stage.sink.last(codec)
    if stage.transport.motion is not Motion.RUNNING:
        assert all(frame.at_ns < since_ns + HOLD_AFTER_NS + ENTERED_NS for frame in frames)
    assert all(before.at_ns <= after.at_ns for before, after in pairwise(frames))
    for frame in (frame for frame in frames if frame.at_ns >= since_ns):
        late_ns = frame.at_ns - stage.due_ns(frame, timeline)
        assert late_ns >= -1000
        assert codec != "opus" or late_ns < 120_000_000


def check_decodable(stage: Stage, codec: str) -> None:
    """A frame is a keyframe or follows the one before it, of the same film."""
    before: tuple[str, int] | None = None
    for frame in stage.sink.last(codec):
        assert frame.keyframe or before == (frame.name[0], frame.number - 1)
        before = frame.name[0], frame.number
