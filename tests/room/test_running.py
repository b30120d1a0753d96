"""Automated sessions: the start, a host's hand, the end, and a process that dies in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from playback.clock import Motion
from playback.timeline import MediaItem, Timeline
from room_server.access.rules import ClosingReason, Removed, Role
from room_server.errors import Refused
from room_server.events.rules import RoomType, SessionState
from room_server.room import store
from room_server.room.course import HandBack, PlaybackState
from room_server.room.notices import SessionStateChanged, TimelineView
from tests.room.told import positions, state_of
from tests.room.waiting import until
from tests.room.world import TIMELINE, World, on_air, pass_time, room_of


async def test_an_automated_session_starts_by_itself_with_no_host(here: World) -> None:
    """AUT-1, ROOM-5."""
    session = await here.session(RoomType.AUTOMATED, starts_in_s=60)
    ann = await here.join(session.session_id, "Ann")
    await on_air(here, session)
    await until(lambda: bool(positions(here, ann)))

    changes = [told for told in here.notices.to(ann) if isinstance(told, SessionStateChanged)]
    assert [change.state for change in changes] == [SessionState.ON_AIR]
    assert positions(here, ann)[-1].state is PlaybackState.PLAYING
    assert positions(here, ann)[-1].recorded
    assert here.media.layouts[room_of(here, session).key][0][0] == here.media.sources[0].audio


async def test_it_starts_with_nobody_in_the_room(here: World) -> None:
    """AUT-1, AUT-4: film, CTA and chat mode were prepared beforehand."""
    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    assert await state_of(here, session.session_id) is SessionState.ON_AIR


async def test_nothing_starts_early(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=60)
    here.clock.advance(59.999)
    await here.rooms.running.start(session.session_id)
    assert await state_of(here, session.session_id) is SessionState.SCHEDULED

    here.clock.advance(0.001)
    await here.rooms.running.start(session.session_id)
    assert await state_of(here, session.session_id) is SessionState.ON_AIR


async def test_two_looks_at_once_start_a_session_once(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=0)
    start = here.rooms.running.start
    await asyncio.gather(start(session.session_id), start(session.session_id))
    async with here.db.transaction() as tx:
        row = await store.last_transport(tx, session.session_id)
        fence = await store.claim_run(tx, session.session_id, here.ports.node.current())
    assert row is not None
    assert row.seq == 1
    assert fence == 2, "it was claimed once before"
    assert len(here.media.sources) == 1
    assert here.media.layouts[room_of(here, session).key][0][0] == here.media.sources[0].audio


async def test_a_start_that_comes_late_lands_where_it_would_be(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=0)
    here.clock.advance(20)
    await here.rooms.running.start(session.session_id)
    ann = await here.join(session.session_id, "Ann")
    playback = here.snapshot(ann).playback
    assert playback is not None
    assert playback.position_s == 20.0


async def test_a_start_beyond_the_planned_length_is_missed(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=0)
    ann = await here.join(session.session_id, "Ann")
    here.clock.advance(151)
    await here.rooms.running.start(session.session_id)

    assert await state_of(here, session.session_id) is SessionState.MISSED
    assert any(
        isinstance(told, SessionStateChanged) and told.state is SessionState.MISSED
        for told in here.notices.to(ann)
    )
    await until(lambda: here.closed == [(ann.connection_id, Removed(ClosingReason.SESSION_OVER))])


async def test_a_late_participant_is_told_the_current_position(here: World) -> None:
    """AUT-5."""
    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    here.clock.advance(33)
    ann = await here.join(session.session_id, "Ann")
    playback = here.snapshot(ann).playback
    assert playback is not None
    assert (playback.item_id, playback.position_s) == ("one", 33.0)


async def test_the_buffer_follows_the_item_and_a_gap_the_buffer(here: World) -> None:
    """AUT-18, ROOM-5."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    await on_air(here, session)
    seen = []
    for _ in range(8):
        await pass_time(here, session, 10)
        seen.append(positions(here, ann)[-1].state)
    assert seen[:5] == [PlaybackState.PLAYING] * 5
    assert seen[5:] == [PlaybackState.BUFFER, PlaybackState.GAP, PlaybackState.PLAYING]


async def test_a_host_takes_over_and_hands_back(here: World) -> None:
    """AUT-19, PLUS-2."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(20)
    await here.rooms.running.take_over(hal)
    assert positions(here, ann)[-1].taken_over_by == "Hal"
    here.clock.advance(30)
    assert room_of(here, session).state.position(here.clock.now()).position_s == 20.0  # type: ignore[union-attr]

    await here.rooms.running.hand_back(hal, HandBack.SCHEDULED)
    assert positions(here, ann)[-1].position_s == 50.0
    assert positions(here, ann)[-1].state is PlaybackState.PLAYING


async def test_a_longer_buffer_is_told_to_hosts_and_survives(here: World) -> None:
    """AUT-18."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(65)

    await here.rooms.running.extend_buffer(hal, 60)

    views = [told for told in here.notices.to(hal) if isinstance(told, TimelineView)]
    assert [item.offset_s for item in views[-1].items] == [0.0, 140.0]
    assert not any(isinstance(told, TimelineView) for told in here.notices.to(ann))
    plan = await here.plans.load(session.session_id)
    assert plan is not None
    assert plan.timeline.media[1].offset_s == 140.0


async def test_a_longer_buffer_is_taken_back(here: World) -> None:
    """AUT-18."""
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(65)
    await here.rooms.running.extend_buffer(hal, 60)

    await here.rooms.running.shorten_buffer(hal, 60)

    assert positions(here, hal)[-1].left_s == pytest.approx(5.0)
    plan = await here.plans.load(session.session_id)
    assert plan is not None
    assert plan.timeline == TIMELINE


async def test_the_session_ends_after_its_last_buffer(here: World) -> None:
    """ROOM-5."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    await on_air(here, session)
    await pass_time(here, session, 149.9)
    assert await state_of(here, session.session_id) is SessionState.ON_AIR

    await pass_time(here, session, 0.2)
    await until(lambda: here.closed == [(ann.connection_id, Removed(ClosingReason.SESSION_OVER))])
    assert await state_of(here, session.session_id) is SessionState.ENDED
    assert positions(here, ann)[-1].state is PlaybackState.ENDED
    await until(lambda: not here.media.rooms)
    assert here.media.sources[0].closed


async def test_the_session_stays_open_for_a_host_who_took_over(here: World) -> None:
    """AUT-19."""
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(145)
    await here.rooms.running.take_over(hal)
    await pass_time(here, session, 3600)
    assert await state_of(here, session.session_id) is SessionState.ON_AIR

    await here.rooms.running.hand_back(hal, HandBack.SCHEDULED)
    await until(lambda: not here.media.rooms)
    assert await state_of(here, session.session_id) is SessionState.ENDED


async def test_a_host_ends_an_automated_session(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(20)
    await here.rooms.hosting.end(hal)
    async with here.db.reading() as reading:
        row = await store.last_transport(reading, session.session_id)
    assert row is not None
    assert (row.motion, row.position_s, row.by_name) == (Motion.ENDED, 20.0, "Hal")
    await until(lambda: not here.media.rooms)


async def test_a_new_process_resumes_where_the_session_is(here: World) -> None:
    """ROOM-8: the position derives from the last transport row."""
    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    here.clock.advance(20)
    await here.restart()
    here.clock.advance(7)

    await here.rooms.start()
    await until(lambda: len(here.media.sources) == 1 and bool(here.media.layouts))
    ann = await here.join(session.session_id, "Ann")

    playback = here.snapshot(ann).playback
    assert playback is not None
    assert playback.position_s == 27.0


async def test_a_new_process_keeps_a_pause_and_its_host(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.clock.advance(20)
    await here.rooms.running.take_over(hal)
    await here.restart()
    here.clock.advance(100)
    await here.rooms.start()
    await until(lambda: len(here.media.sources) == 1 and bool(here.media.layouts))
    hal = await here.sit(hal.link_id, session.session_id)
    await here.enter(hal)

    playback = here.snapshot(hal).playback
    assert playback is not None
    assert (playback.position_s, playback.taken_over_by) == (20.0, "Hal")
    await here.rooms.running.hand_back(hal, HandBack.LEFT_OFF)


async def test_a_session_whose_time_ran_out_while_the_process_was_away_ends(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    await here.restart()
    here.clock.advance(3600)
    await here.rooms.start()
    await until(lambda: not here.media.rooms and bool(here.media.sources))
    assert await state_of(here, session.session_id) is SessionState.ENDED


async def test_a_run_that_another_node_owns_is_not_written_to(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    async with here.db.transaction() as tx:
        await store.claim_run(tx, session.session_id, here.ports.node.current())

    with pytest.raises(Refused, match="run_lost"):
        await here.rooms.running.take_over(hal)


async def test_sessions_due_at_the_same_second_all_start(here: World) -> None:
    timeline = Timeline((MediaItem("one", "One", "film", 0.0, 60.0),))
    sessions = [await here.session(RoomType.AUTOMATED, starts_in_s=30, timeline=timeline) for _ in range(10)]
    await here.rooms.start()
    here.clock.advance(30)
    here.rooms.hint()
    await until(lambda: len(here.media.layouts) == 10)
    for session in sessions:
        assert await state_of(here, session.session_id) is SessionState.ON_AIR


async def test_a_room_that_empties_just_before_its_start_still_plays(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=5)
    ann = await here.join(session.session_id, "Ann")
    await here.rooms.running.prepare(session.session_id)
    await here.leave(ann)
    here.clock.advance(5)
    await here.rooms.running.start(session.session_id)

    key = room_of(here, session).key
    assert key in here.media.rooms
    assert here.media.layouts[key][0][0] == here.media.sources[-1].audio
    assert not here.media.sources[-1].closed


async def test_a_session_cancelled_just_before_its_start_lets_go_of_everything(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=5)
    await here.rooms.running.prepare(session.session_id)
    async with here.db.transaction() as tx:
        await here.events.set_state(tx, session.session_id, SessionState.CANCELLED)
    here.clock.advance(5)
    await here.rooms.running.start(session.session_id)
    assert here.media.sources[-1].closed
    assert not here.media.rooms


async def test_a_session_cancelled_on_air_stops_playing_at_the_latest_at_its_end(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    async with here.db.transaction() as tx:
        await here.events.set_state(tx, session.session_id, SessionState.CANCELLED)
    await pass_time(here, session, 151)
    await until(lambda: not here.media.rooms)
    assert here.media.sources[-1].closed


async def test_the_start_is_recorded_at_the_planned_second(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=10)
    await on_air(here, session)
    async with here.db.reading() as reading:
        row = await store.last_transport(reading, session.session_id)
    assert row is not None
    assert row.at - session.starts_at == timedelta(0)
