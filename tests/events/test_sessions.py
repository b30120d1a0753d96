"""Events and sessions as they are stored: what is due, what is on air, and what may follow what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from room_server.errors import Refused
from room_server.events.rules import ChatMode, RoomType, SessionState, ToPlay
from room_server.events.service import EventPlan, SessionPlan
from room_server.ids import EventId, SessionId
from tests.kit.clock import FakeClock
from tests.kit.server import ServerUnderTest


async def test_a_session_comes_back_as_it_was_planned(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    planned = await timed_server.session(
        starts_in_s=90, room_type=RoomType.AUTOMATED, chat_mode=ChatMode.MODERATED, title="Second date"
    )
    found = await timed_server.running.events.session(planned.session_id)
    assert found == planned
    assert found.starts_at == clock.now() + timedelta(seconds=90)
    assert found.opens_at == found.starts_at - timedelta(minutes=15)


async def test_an_automated_session_is_to_play_from_its_second_on_until_it_is_over(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    events, database = timed_server.running.events, timed_server.running.database
    await timed_server.session(starts_in_s=-5, room_type=RoomType.LIVE)
    planned = await timed_server.session(starts_in_s=1_000, room_type=RoomType.AUTOMATED)
    left = planned.starts_at - clock.now()
    assert await events.to_play(left - timedelta(microseconds=1)) == (clock.now(), [])
    to_play = ToPlay(planned.session_id, planned.starts_at, SessionState.SCHEDULED)
    assert await events.to_play(left) == (clock.now(), [to_play])

    async with database.transaction() as tx:
        on_air = await events.set_state(tx, planned.session_id, SessionState.ON_AIR)

    assert on_air.started_at == clock.now()
    assert await events.to_play(timedelta(0)) == (clock.now(), [replace(to_play, state=on_air.state)])

    async with database.transaction() as tx:
        await events.set_state(tx, planned.session_id, SessionState.ENDED)
    assert await events.to_play(left) == (clock.now(), [])


async def test_a_session_is_started_by_one_of_two(timed_server: ServerUnderTest) -> None:
    events, database = timed_server.running.events, timed_server.running.database
    planned = await timed_server.session()

    async def start() -> None:
        async with database.transaction() as tx:
            await events.set_state(tx, planned.session_id, SessionState.ON_AIR)

    await start()
    with pytest.raises(Refused):
        await start()


async def test_a_session_is_cancelled_from_its_plan_and_on_air_once_and_for_all(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    events, database = timed_server.running.events, timed_server.running.database
    planned, running = await timed_server.session(), await timed_server.session()
    async with database.transaction() as tx:
        await events.set_state(tx, running.session_id, SessionState.ON_AIR)
    for session in (planned, running):
        cancelled = await events.cancel(session.session_id)
        assert (cancelled.state, cancelled.ended_at) == (SessionState.CANCELLED, clock.now())

        clock.advance(1)
        assert await events.cancel(session.session_id) == cancelled, "again changes nothing"
        assert await events.session(session.session_id) == cancelled


@pytest.mark.parametrize("over", [SessionState.ENDED, SessionState.MISSED])
async def test_a_session_that_is_over_stays_over(timed_server: ServerUnderTest, over: SessionState) -> None:
    events, database = timed_server.running.events, timed_server.running.database
    session_id = (await timed_server.session()).session_id
    async with database.transaction() as tx:
        if over is SessionState.ENDED:
            await events.set_state(tx, session_id, SessionState.ON_AIR)
        await events.set_state(tx, session_id, over)
    with pytest.raises(Refused) as refused:
        await events.cancel(session_id)
    assert refused.value.code == "session_over"
    assert (await events.session(session_id)).state is over


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime"])
async def test_a_time_zone_that_nobody_knows_is_refused(server: ServerUnderTest, zone: str) -> None:
    with pytest.raises(Refused) as refused:
        await server.session(time_zone=zone)
    assert refused.value.code == "unknown_time_zone"


async def test_what_does_not_exist_is_refused(server: ServerUnderTest) -> None:
    events = server.running.events
    with pytest.raises(Refused) as refused:
        await events.session(SessionId("nothing"))
    assert refused.value.code == "unknown_session"
    with pytest.raises(Refused) as refused:
        await events.cancel(SessionId("nothing"))
    assert refused.value.code == "unknown_session"
    plan = SessionPlan(
        room_type=RoomType.LIVE,
        starts_at=server.running.clock.now(),
        time_zone="UTC",
        planned_length_s=60,
    )
    with pytest.raises(Refused) as refused:
        await events.create_session(EventId("nothing"), plan)
    assert refused.value.code == "unknown_event"


async def test_sessions_of_a_workspace_keep_the_order_in_which_they_were_made(
    server: ServerUnderTest,
) -> None:
    running = server.running
    workspace = await running.workspaces.create("Ours")
    made = []
    for number in range(5):
        event = await running.events.create_event(workspace, EventPlan(title=f"Event {number}"))
        plan = SessionPlan(
            room_type=RoomType.LIVE,
            starts_at=running.clock.now() - timedelta(hours=number),
            time_zone="UTC",
            planned_length_s=60,
        )
        made.append((await running.events.create_session(event, plan)).session_id)
    await server.session()

    assert [one.session_id for one in await running.events.of_workspace(workspace)] == made
    assert await running.workspaces.named("Ours") == workspace
    assert await running.workspaces.named("Theirs") is None
