"""Rooms with the real player: which frames are written, for which instant, whatever a host does."""

from __future__ import annotations

from dataclasses import replace

from room_server.access.rules import Role
from room_server.events.rules import RoomType, Session
from room_server.room.course import HandBack
from tests.playback.synthetic import FPS, GROUP, asset
from tests.room.waiting import until
from tests.room.world import TIMELINE, FakeSource, World, on_air


def frames(source: FakeSource) -> list[tuple[int, int]]:
    """Number and instant of every VP8 frame since the last flush."""
    return [
        (int(data.decode().split()[-1]), at_ns) for codec, data, at_ns in source.written if codec == "vp8"
    ]


async def film_session(here: World) -> Session:
    asset(here.folder / "film", "film", 62).close()
    return await here.session(RoomType.AUTOMATED)


async def test_the_first_frame_is_due_at_the_planned_second(here: World) -> None:
    """ROOM-5: by the server's clock, with no browser of a host open."""
    session = await film_session(here)
    await on_air(here, session)
    source = here.media.sources[0]
    await until(lambda: len(frames(source)) >= FPS)
    start_ns = here.clock.to_monotonic_ns(session.starts_at)
    assert frames(source)[0] == (0, start_ns)
    for number, at_ns in frames(source):
        assert abs(at_ns - start_ns - number * 10**9 // FPS) <= 2_000_000 * GROUP


async def test_while_a_host_has_taken_over_only_the_picture_that_stands_is_written(here: World) -> None:
    """AUT-19, and AUT-5 for who comes then."""
    session = await film_session(here)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    source = here.media.sources[0]
    await until(lambda: bool(frames(source)))
    here.clock.advance(10)

    await here.rooms.running.take_over(hal)
    await until(lambda: bool(frames(source)))
    here.clock.advance(20)
    assert [number for number, _ in frames(source)] == [10 * FPS]
    assert {codec for codec, _, _ in source.written} == {"vp8", "h264"}
    await here.rooms.running.hand_back(hal, HandBack.SCHEDULED)
    await until(lambda: len(frames(source)) >= FPS)

    first, _ = frames(source)[0]
    assert first % GROUP == 0
    assert 30 * FPS - GROUP <= first <= 30 * FPS
    last, last_ns = frames(source)[-1]
    assert abs(last_ns - here.clock.to_monotonic_ns(session.starts_at) - last * 10**9 // FPS) < 5_000_000


async def test_a_host_skips_to_an_item(here: World) -> None:
    session = await film_session(here)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    source = here.media.sources[0]
    here.clock.advance(20)
    await here.rooms.running.skip_to(hal, "two")
    await until(lambda: len(frames(source)) >= FPS)
    assert frames(source)[0] == (0, here.clock.monotonic_ns())


async def test_a_new_process_plays_on_in_the_right_place(here: World) -> None:
    """ROOM-8."""
    session = await film_session(here)
    await on_air(here, session)
    here.clock.advance(20)
    await here.restart()
    here.clock.advance(7.5)
    await here.rooms.start()
    await until(lambda: bool(here.media.sources) and len(frames(here.media.sources[0])) >= FPS)
    numbers = [number for number, at_ns in frames(here.media.sources[0])]
    assert int(27.5 * FPS) - GROUP <= numbers[0] <= int(27.5 * FPS)
    assert numbers[-1] >= int(27.5 * FPS)


async def test_a_new_process_shows_where_a_host_who_has_taken_over_stopped(here: World) -> None:
    """AUT-19, ROOM-8."""
    session = await film_session(here)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(20)
    await here.rooms.running.take_over(hal)
    await here.restart()
    here.clock.advance(7.5)
    await here.rooms.start()
    await until(lambda: bool(here.media.sources) and bool(frames(here.media.sources[0])))
    assert frames(here.media.sources[0])[-1][0] == 20 * FPS


async def test_a_missing_film_silences_its_own_items_alone_and_plays_once_it_is_there(here: World) -> None:
    """ROOM-5."""
    asset(here.folder / "film", "film", 62).close()
    late = replace(TIMELINE.media[1], asset_id="late")
    timeline = replace(TIMELINE, media=(TIMELINE.media[0], late))
    session = await here.session(RoomType.AUTOMATED, timeline=timeline)
    await on_air(here, session)
    source = here.media.sources[0]
    await until(lambda: len(frames(source)) >= FPS)

    here.clock.advance(90)
    source.flush()
    asset(here.folder / "late", "late", 62).close()
    await until(lambda: len(frames(source)) >= FPS)

    first, at_ns = frames(source)[0]
    assert b"late" in source.written[0][1]
    assert 10 * FPS - GROUP <= first <= 10 * FPS
    assert at_ns >= here.clock.monotonic_ns()


async def test_a_film_that_comes_while_a_host_has_taken_over_is_seen_and_plays_when_handed_back(
    here: World,
) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(10)
    await here.rooms.running.take_over(hal)
    asset(here.folder / "film", "film", 62).close()
    programme = here.rooms.running._runs[session.session_id].programme
    await until(lambda: not programme._missing)
    source = here.media.sources[0]
    await until(lambda: bool(frames(source)))
    assert frames(source)[-1][0] == 10 * FPS

    await here.rooms.running.hand_back(hal, HandBack.LEFT_OFF)
    await until(lambda: len(frames(source)) >= FPS)


async def test_a_session_ends_while_its_film_is_missing(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    await here.rooms.hosting.end(hal)
    await until(lambda: not here.media.rooms)
    assert here.media.sources[0].closed
