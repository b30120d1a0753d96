"""A pause: the picture stays for who comes meanwhile, and going on leaves no seam."""

from __future__ import annotations

import pytest

from playback.clock import NS_PER_S, Motion, Transport, position_s
from playback.player import HOLD_AFTER_NS
from playback.source import PreparedFile
from playback.timeline import Timeline
from tests.playback.stage import CODECS, TWO_FILMS, VIDEO, Stage
from tests.playback.synthetic import FPS

CAUGHT_UP_NS = 110_000_000


def pause(stage: Stage, timeline: Timeline = TWO_FILMS) -> float:
    """Pause where it stands, and return where that is."""
    paused_at_s = position_s(stage.transport, stage.clock.now_ns)
    stage.transport = Transport(Motion.PAUSED, paused_at_s, stage.clock.now_ns)
    stage.player.follow(timeline, stage.transport)
    return paused_at_s


@pytest.mark.parametrize("played_s", [3.3, 0.05, 8.9, 9.5, 10.03, 12.0])
async def test_a_pause_keeps_the_picture_and_going_on_continues_with_the_next_frame(
    files: dict[str, PreparedFile], played_s: float
) -> None:
    """AUT-5, AUT-19: the group of pictures stays for late joiners; no frame is repeated, none is missing."""
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(played_s)
    paused_at_s = pause(stage)
    held_ns = stage.clock.now_ns + HOLD_AFTER_NS
    await stage.play(60)
    assert all(frame.at_ns <= held_ns for frame in stage.sink.lots[-1])
    before = {codec: len(stage.sink.last(codec)) for codec in CODECS}
    stage.run_from(paused_at_s)
    await stage.play(8)
    assert len(stage.sink.lots) == 1
    for codec in CODECS:
        frames = stage.sink.last(codec)
        rate = 50 if codec == "opus" else FPS
        expected = [f"a {codec} {n}" for n in range(8 * rate)] + [f"b {codec} {n}" for n in range(6 * rate)]
        assert [frame.name for frame in frames] == expected[: len(frames)]
        late_ns = [frame.at_ns - stage.due_ns(frame) for frame in frames[before[codec] :]]
        assert late_ns
        assert max(map(abs, late_ns)) < 1000


async def test_a_pause_told_late_is_left_where_it_was_set(files: dict[str, PreparedFile]) -> None:
    """The row waited two seconds for the database while the film ran on: it goes back to the row."""
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(3.3)
    row = Transport(Motion.PAUSED, 3.3, stage.clock.now_ns)
    await stage.play(2)
    stage.player.follow(TWO_FILMS, row)
    await stage.play(10)
    stage.run_from(3.3)
    await stage.play(1)
    assert stage.sink.last("vp8")[0].number == 50
    assert stage.sink.last("opus")[0].number == 165


async def test_a_pause_in_the_middle_of_entering_loses_no_picture_of_the_group(
    files: dict[str, PreparedFile],
) -> None:
    stage = Stage(files)
    stage.run_from(3.9)
    await stage.play(0.01)
    paused_at_s = pause(stage)
    await stage.play(5)
    stage.run_from(paused_at_s)
    await stage.play(2)
    for codec in VIDEO:
        numbers = [frame.number for frame in stage.sink.last(codec)]
        assert numbers == list(range(50, 50 + len(numbers)))
        assert len(numbers) > 100


@pytest.mark.parametrize(("position_s", "name", "number"), [(3.3, "a", 82), (0.0, "a", 0), (8.7, "a", 199)])
async def test_a_process_that_starts_in_a_pause_shows_where_the_film_stands(
    files: dict[str, PreparedFile], position_s: float, name: str, number: int
) -> None:
    """AUT-5: a restart while a host has taken over; playback goes on after that picture."""
    stage = Stage(files)
    stage.transport = Transport(Motion.PAUSED, position_s, stage.clock.now_ns - 60 * NS_PER_S)
    stage.player.follow(TWO_FILMS, stage.transport)
    await stage.play(5)
    for codec in VIDEO:
        frames = stage.sink.last(codec)
        assert frames[0].keyframe
        assert [frame.name for frame in frames][-1] == f"{name} {codec} {number}"
        assert all(frame.at_ns - stage.clock.now_ns + 5 * NS_PER_S < CAUGHT_UP_NS for frame in frames)
    assert stage.sink.last("opus") == []
    stage.run_from(position_s)
    await stage.play(2.5)
    frames = stage.sink.last("vp8")
    following = frames[[frame.name for frame in frames].index(f"{name} vp8 {number}") + 1]
    assert following.number == (number + 1) % 200
    assert following.at_ns == stage.due_ns(following)


async def test_handing_back_elsewhere_enters_with_a_keyframe(files: dict[str, PreparedFile]) -> None:
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(3.3)
    paused_at_s = pause(stage)
    await stage.play(2)
    stage.run_from(paused_at_s + 2)
    await stage.play(1)
    assert len(stage.sink.lots) == 2
    assert (stage.sink.last("vp8")[0].number, stage.sink.last("vp8")[0].keyframe) == (100, True)
