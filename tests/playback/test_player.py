"""The player against a fake clock: which frame, at which instant, whatever a host does meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from playback import timeline as rules
from playback.clock import NS_PER_S, Motion, Transport, position_s
from playback.demo_film import DemoFilms, demo_timeline
from playback.player import AHEAD_NS, CATCH_UP_NS, Player
from playback.source import AssetMissing, Frame, PreparedFile, Track
from playback.timeline import MediaItem, Timeline, extend_buffer
from tests.kit.patience import PATIENCE_S
from tests.playback.reading import decode_video, times_of
from tests.playback.stage import CODECS, TWO_FILMS, VIDEO, Stage
from tests.playback.synthetic import FPS, GROUP, FakeClock, RecordingSink

CAUGHT_UP_NS = 110_000_000


async def test_every_frame_is_written_once_at_exactly_its_instant(files: dict[str, PreparedFile]) -> None:
    """AUT-1, AUT-9: an announced start, two films and their buffers, to the end."""
    stage = Stage(files)
    stage.run_from(0.0, in_s=5.0)
    await stage.play(30)
    for codec in CODECS:
        frames = stage.sink.last(codec)
        rate = 50 if codec == "opus" else FPS
        expected = [f"a {codec} {n}" for n in range(8 * rate)] + [f"b {codec} {n}" for n in range(6 * rate)]
        assert [frame.name for frame in frames] == expected
        assert [frame.at_ns for frame in frames] == [stage.due_ns(frame) for frame in frames]
    assert [frame.number for frame in stage.sink.last("vp8") if frame.keyframe] == [
        0,
        50,
        100,
        150,
        0,
        50,
        100,
    ]
    assert len(stage.sink.lots) == 1


async def test_frames_are_written_in_time_but_at_most_a_second_ahead(files: dict[str, PreparedFile]) -> None:
    stage = Stage(files)
    stage.run_from(0.0, in_s=2.0)
    seen = 0
    for _ in range(60):
        await stage.player.advance()
        now_ns = stage.clock.now_ns
        for frame in stage.sink.lots[-1][seen:]:
            assert now_ns <= frame.at_ns <= now_ns + AHEAD_NS
        seen = len(stage.sink.lots[-1])
        stage.clock.pass_s(0.25)
    assert seen > 1000


async def test_an_item_an_hour_into_the_session_is_still_exactly_in_its_place(
    files: dict[str, PreparedFile],
) -> None:
    late = Timeline((MediaItem("late", "A", "a", offset_s=3600.7, duration_s=8),))
    stage = Stage(files)
    stage.run_from(3599.9, timeline=late)
    await stage.play(5)
    first = stage.sink.last("h264")[0]
    assert first.at_ns == stage.transport.at_ns + 800_000_000
    assert [f.at_ns - first.at_ns for f in stage.sink.last("h264")] == pytest.approx(
        [n * 40_000_000 for n in range(len(stage.sink.last("h264")))], abs=1000
    )


@pytest.mark.parametrize("position_s", [0.15, 3.3, 3.99, 4.0, 12.5])
async def test_a_start_in_the_middle_begins_at_a_keyframe_and_catches_up(
    files: dict[str, PreparedFile], position_s: float
) -> None:
    """AUT-5, and a process that restarts: the picture is there at once and soon in step."""
    stage = Stage(files)
    stage.run_from(position_s)
    await stage.play(1)
    inside_s = position_s - (10 if position_s > 10 else 0)
    for codec in VIDEO:
        frames = stage.sink.last(codec)
        assert frames[0].keyframe
        assert frames[0].number == int(inside_s * FPS + 1e-6) // GROUP * GROUP
        assert [after.number - before.number for before, after in pairwise(frames)] == [1] * (len(frames) - 1)
        assert frames[0].at_ns == stage.transport.at_ns
        assert all(after.at_ns - before.at_ns >= CATCH_UP_NS for before, after in pairwise(frames))
        for frame in frames:
            in_place = frame.at_ns == stage.due_ns(frame)
            assert in_place or frame.at_ns - stage.transport.at_ns < CAUGHT_UP_NS
    sound = stage.sink.last("opus")
    assert 0 <= sound[0].at_ns - stage.transport.at_ns < 20_000_000
    assert all(frame.at_ns == stage.due_ns(frame) for frame in sound)


async def test_a_late_start_loses_no_more_than_it_was_late(files: dict[str, PreparedFile]) -> None:
    """The start row was due 300 ms ago: the first picture goes out now, the rest in place."""
    stage = Stage(files)
    stage.run_from(0.0, in_s=-0.3)
    await stage.play(1)
    frames = stage.sink.last("vp8")
    assert (frames[0].number, frames[0].at_ns) == (0, stage.transport.at_ns + 300_000_000)
    assert all(f.at_ns == stage.due_ns(f) for f in frames if stage.due_ns(f) > frames[0].at_ns + CAUGHT_UP_NS)


async def test_a_film_trimmed_in_mid_group_starts_on_time_never_early(files: dict[str, PreparedFile]) -> None:
    trimmed = Timeline((MediaItem("cut", "A", "a", offset_s=1, duration_s=4, trim_in_s=3.0),))
    stage = Stage(files)
    stage.run_from(0.0, timeline=trimmed)
    await stage.play(8)
    begins_ns = stage.transport.at_ns + NS_PER_S
    for codec in VIDEO:
        frames = stage.sink.last(codec)
        assert (frames[0].number, frames[0].at_ns) == (GROUP, begins_ns)
        assert frames[-1].number == 7 * FPS - 1
        late = [f for f in frames if f.at_ns != stage.due_ns(f, trimmed)]
        assert all(begins_ns <= f.at_ns < begins_ns + CAUGHT_UP_NS for f in late)
    assert [f.number for f in stage.sink.last("opus")] == list(range(150, 350))


async def test_a_skip_drops_what_was_queued_and_plays_the_new_item_from_its_start(
    files: dict[str, PreparedFile],
) -> None:
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(2.2)
    stage.run_from(10.0)
    await stage.play(2)
    for codec in CODECS:
        frames = stage.sink.last(codec)
        assert frames[0].name == f"b {codec} 0"
        assert all(frame.at_ns == stage.due_ns(frame) for frame in frames)


async def test_the_buffer_is_silent_until_the_next_item(files: dict[str, PreparedFile]) -> None:
    """AUT-18: nothing new starts in it; the sink keeps the last group of pictures by itself."""
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(20)
    gap = stage.transport.at_ns + 8 * NS_PER_S, stage.transport.at_ns + 10 * NS_PER_S
    assert [frame for frame in stage.sink.lots[-1] if gap[0] <= frame.at_ns < gap[1]] == []


async def test_a_start_inside_a_buffer_shows_the_last_picture(files: dict[str, PreparedFile]) -> None:
    stage = Stage(files)
    stage.run_from(8.7)
    await stage.play(0.2)
    for codec in VIDEO:
        frames = stage.sink.last(codec)
        assert [frame.number for frame in frames] == list(range(150, 200))
        assert frames[0].keyframe
        assert frames[-1].at_ns - stage.transport.at_ns < CAUGHT_UP_NS
    assert stage.sink.last("opus") == []


async def test_a_longer_buffer_leaves_no_seam_in_what_plays(files: dict[str, PreparedFile]) -> None:
    """AUT-19: extended while the item still plays; the next one starts that much later, exactly."""
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(5.1)
    longer = extend_buffer(TWO_FILMS, "first", 4)
    now_s = position_s(stage.transport, stage.clock.now_ns)
    stage.player.follow(longer, Transport(Motion.RUNNING, now_s, stage.clock.now_ns))
    await stage.play(16)
    assert len(stage.sink.lots) == 1
    for codec in CODECS:
        frames = stage.sink.last(codec)
        assert len(frames) == len({frame.name for frame in frames}) == 14 * (50 if codec == "opus" else FPS)
        assert max(abs(frame.at_ns - stage.due_ns(frame, longer)) for frame in frames) < 1000


async def test_a_buffer_extended_at_its_very_end_takes_back_the_item_that_was_queued(
    files: dict[str, PreparedFile],
) -> None:
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(9.8)
    assert stage.sink.lots[-1][-1].name.startswith("b ")
    longer = extend_buffer(TWO_FILMS, "first", 5)
    stage.player.follow(longer, stage.transport)
    await stage.play(8)
    shown, after = stage.sink.last("vp8")[:GROUP], stage.sink.last("vp8")[GROUP:]
    assert [frame.name for frame in shown] == [f"a vp8 {n}" for n in range(150, 200)]
    assert after[0].name == "b vp8 0"
    assert all(frame.at_ns == stage.due_ns(frame, longer) for frame in after)


async def test_after_the_end_there_is_nothing_to_do(files: dict[str, PreparedFile]) -> None:
    stage = Stage(files)
    stage.run_from(18.9)
    await stage.play(0.05)
    assert await stage.player.advance() is None
    stage.run_from(rules.length_s(TWO_FILMS) + 1)
    assert await stage.player.advance() is None
    assert stage.sink.lots[-1] == []


async def test_a_process_that_stood_still_takes_up_at_the_present(files: dict[str, PreparedFile]) -> None:
    """What should have played meanwhile is not played late: the position is the clock's."""
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(1)
    stage.clock.pass_s(4.3)
    await stage.play(1)
    assert len(stage.sink.lots) == 2
    assert stage.sink.last("vp8")[0].number == 100
    assert all(f.at_ns == stage.due_ns(f) for f in stage.sink.last("opus"))


class Stalling(Track):
    """A track of which one read takes as long as `stall` says."""

    def __init__(self, track: Track, stall: Callable[[], None]) -> None:
        self.codec, self.index = track.codec, track.index
        self._track, self._stall = track, stall

    def read(self, first: int, last: int) -> list[Frame]:
        self._stall()
        return self._track.read(first, last)


async def test_frames_that_took_too_long_to_read_are_not_written_late(
    files: dict[str, PreparedFile],
) -> None:
    """A disk or a processor that stands still for seconds while the player reads: on at a keyframe."""
    stalls = [0.0, 3.2]

    def stall() -> None:
        stage.clock.pass_s(stalls.pop(0) if stalls else 0.0)

    film = files["a"]
    slow = PreparedFile(film.duration_s, {"vp8": Stalling(film.video["vp8"], stall)}, film.audio)
    stage = Stage({"a": slow, "b": files["b"]})
    stage.run_from(0.0)
    await stage.play(3)
    await stage.play(1)
    assert stalls == []
    assert stage.sink.lots[0][-1].at_ns < stage.transport.at_ns + 1.5 * NS_PER_S, "nothing late"
    entered_ns = stage.sink.lots[1][0].at_ns
    assert stage.sink.last("vp8")[0].number == 50
    for frame in stage.sink.lots[1]:
        in_place = frame.at_ns == stage.due_ns(frame)
        assert in_place or frame.at_ns - entered_ns < CAUGHT_UP_NS


async def test_an_unknown_asset_is_refused_and_what_played_plays_on(files: dict[str, PreparedFile]) -> None:
    stage = Stage(files)
    stage.run_from(0.0)
    await stage.play(1)
    with pytest.raises(AssetMissing):
        stage.run_from(0.0, timeline=Timeline((MediaItem("x", "X", "nowhere", 0, 5),)))
    stage.transport = Transport(Motion.RUNNING, 0.0, stage.clock.now_ns - NS_PER_S)
    await stage.play(1)
    assert len(stage.sink.lots) == 1


@pytest.mark.parametrize("codec", VIDEO)
async def test_real_film_started_in_the_middle_shows_its_position(bunny: Path, codec: str) -> None:
    """Decoded from what the sink got: the strip says the position when the catching up is over."""

    class Kept(RecordingSink):
        def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None:
            kept.append((codec, data, at_ns))

    kept: list[tuple[str, bytes, int]] = []
    film = PreparedFile.open(bunny)
    stage = Stage({"a": film}, Kept())
    stage.run_from(3.5, timeline=Timeline((MediaItem("film", "Film", "a", 0, 6),)))
    await stage.play(0.5)
    film.close()
    frames = [(data, at_ns) for name, data, at_ns in kept if name == codec]
    told = times_of(decode_video(codec, (data for data, _ in frames)))
    for time_ms, (_, at_ns) in zip(told, frames, strict=True):
        place_ms = 3500 + (at_ns - stage.transport.at_ns) / 1e6
        if place_ms >= 3500 + CAUGHT_UP_NS / 1e6:
            assert time_ms == pytest.approx(place_ms, abs=0.01)
    assert told[0] == 2000


async def test_its_own_loop_plays_until_it_is_closed(files: dict[str, PreparedFile]) -> None:
    """With the real clock: half a second of the item is there before it is due, and `close` ends the loop."""
    sink = RecordingSink()
    player = Player(files, sink, time.monotonic_ns)
    running = asyncio.create_task(player.run())
    player.follow(TWO_FILMS, Transport(Motion.RUNNING, 0.0, time.monotonic_ns() + 300_000_000))
    async with asyncio.timeout(PATIENCE_S):
        while len(sink.last("opus")) < 60:  # noqa: ASYNC110 - the sink is what the test watches
            await asyncio.sleep(0.02)
    await player.close()
    await asyncio.wait_for(running, PATIENCE_S)
    assert sink.lots[-1] == []


async def test_a_hundred_rooms_cost_a_fraction_of_a_core(films: DemoFilms) -> None:
    """Twenty seconds of a hundred rooms of 720p cost what plain arithmetic costs on the same processor.

    Where two million steps take 0.15 s, the rooms were seen to take one second, and may take less than four.
    """
    opened = {film.asset_id: PreparedFile.open(films.asset_folder(film)) for film in films.films}
    timeline = demo_timeline(films)
    clock = FakeClock()
    players = [Player(opened, NullSink(), clock) for _ in range(100)]
    for player in players:
        player.follow(timeline, Transport(Motion.RUNNING, 0.0, clock.now_ns))
    before_s, began_s = two_million_steps_s(), time.process_time()
    for _ in range(40):
        await asyncio.gather(*(player.advance() for player in players))
        clock.pass_s(0.5)
    spent_s = time.process_time() - began_s
    for file in opened.values():
        file.close()
    assert spent_s < 25 * max(before_s, two_million_steps_s())


def two_million_steps_s() -> float:
    """Return the processor time of two million steps of Python: how fast this machine is now."""
    began_s, number = time.process_time(), 1
    for step in range(2_000_000):
        number = (number * 31 + step) & 0xFFFF_FFFF
    return time.process_time() - began_s


class NullSink:
    def write(self, codec: str, data: bytes, at_ns: int, keyframe: bool) -> None:
        """Take it."""

    def hold(self, until_ns: int) -> None:
        """Nothing is kept."""

    def flush(self) -> None:
        """Nothing is kept."""
