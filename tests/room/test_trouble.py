"""What goes wrong around a running session: media that fail, storage away, a wall clock that steps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from room_server.access.rules import ClosingReason, Removed, Role
from room_server.events.rules import RoomType, SessionState
from room_server.room.course import HandBack
from room_server.room.notices import MediaLost
from tests.room.told import positions, state_of
from tests.room.waiting import until
from tests.room.world import NOON, World, on_air, pass_time, room_of


async def test_a_failed_media_room_is_opened_again_and_plays_on(here: World) -> None:
    from media.engine import RoomFailed

    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    key = room_of(here, session).key
    here.media.close_room(key)
    here.rooms.media_event(RoomFailed(key, "a panic"))
    await until(lambda: key in here.media.rooms and len(here.media.sources) == 2)
    await until(lambda: here.media.layouts[key][0][0] == here.media.sources[1].audio)


async def test_everybody_in_a_failed_media_room_hears_it_once_it_is_open_again(here: World) -> None:
    from media.engine import RoomFailed

    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    elsewhere = await here.join((await here.session()).session_id, "Bob")
    key = room_of(here, session).key
    here.media.close_room(key)
    here.media.refused_openings = 1
    here.rooms.media_event(RoomFailed(key, "a panic"))
    await until(lambda: here.media.refused_openings == 0)
    assert MediaLost() not in here.notices.to(ann), "there is nothing to offer to yet"
    await until(lambda: key in here.media.rooms)
    assert here.notices.to(ann).count(MediaLost()) == 1
    assert MediaLost() not in here.notices.to(elsewhere)


async def test_a_fault_that_closed_no_room_is_logged_and_disturbs_nobody(here: World) -> None:
    from media.engine import RoomFailed, RoomKey

    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    sources = len(here.media.sources)
    with capture_logs() as logs:
        here.rooms.media_event(RoomFailed(RoomKey(""), "a panic"))
    assert [(one["event"], one["room"], one["report"]) for one in logs] == [
        ("media_room_failed", "", "a panic")
    ]
    assert room_of(here, session).key in here.media.rooms
    assert len(here.media.sources) == sources


async def test_a_media_room_that_fails_before_the_start_is_no_hindrance(here: World) -> None:
    from media.engine import RoomFailed

    session = await here.session(RoomType.AUTOMATED, starts_in_s=3)
    await here.rooms.running.prepare(session.session_id)
    key = room_of(here, session).key
    here.media.close_room(key)
    here.rooms.media_event(RoomFailed(key, "a panic"))
    await until(lambda: len(here.media.sources) == 2)

    here.clock.advance(3)
    await here.rooms.running.start(session.session_id)

    assert here.media.layouts[key][0][0] == here.media.sources[1].audio


async def test_trouble_with_the_storage_at_the_end_only_delays_it(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    await on_air(here, session)
    here.db.trouble = "storage_away"
    await pass_time(here, session, 151)
    await until(lambda: here.db.refused_writes >= 2)

    here.db.trouble = None

    await until(lambda: here.closed == [(ann.connection_id, Removed(ClosingReason.SESSION_OVER))])
    assert await state_of(here, session.session_id) is SessionState.ENDED


async def test_everybody_hears_of_the_end_once_the_storage_is_back(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    await here.rooms.hosting.end(hal)
    here.db.trouble = "storage_away"
    await until(lambda: here.db.refused_writes >= 1)
    assert here.closed == []

    here.db.trouble = None

    await until(lambda: len(here.closed) == 2)
    over = Removed(ClosingReason.SESSION_OVER)
    assert dict(here.closed) == {ann.connection_id: over, hal.connection_id: over}
    await until(lambda: not here.media.rooms)


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_a_step_of_the_wall_clock_moves_nothing_that_runs(here: World, seconds: float) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(20)

    here.clock.step(seconds)
    ann = await here.join(session.session_id, "Ann")
    await here.rooms.running.take_over(hal)
    here.clock.advance(10)
    await here.rooms.running.hand_back(hal, HandBack.SCHEDULED)

    playback = here.snapshot(ann).playback
    assert playback is not None
    assert playback.position_s == 20.0
    assert positions(here, ann)[-1].position_s == 30.0
    await pass_time(here, session, 121)
    await until(lambda: not here.media.rooms)
    assert await state_of(here, session.session_id) is SessionState.ENDED


async def test_a_step_of_the_wall_clock_moves_no_cta_of_a_live_session(here: World) -> None:
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.hosting.start(hal)
    here.clock.advance(20)
    here.clock.step(3600)
    assert room_of(here, session).clock.now() == NOON + timedelta(seconds=20)
