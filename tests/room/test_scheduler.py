"""The scheduler: what it sees to again when it was refused, and what it does not wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from room_server.events.rules import RoomType, Session, SessionState
from room_server.room.errands import Errands
from room_server.room.scheduler import Scheduler
from tests.kit.clock import FakeClock
from tests.kit.server import ServerUnderTest
from tests.playback.synthetic import asset
from tests.room.waiting import until
from tests.room.world import World, on_air, room_of


@asynccontextmanager
async def scheduling(here: World, poll_s: float) -> AsyncIterator[Scheduler]:
    """A scheduler of its own pace."""
    errands = Errands()
    scheduler = Scheduler(here.rooms.running, here.ports, errands, poll_s)
    errands.send(scheduler.run(), "scheduler")
    try:
        yield scheduler
    finally:
        await errands.close()


async def is_on_air(here: World, session: Session) -> bool:
    return (await here.events.session(session.session_id)).state is SessionState.ON_AIR


async def test_a_storage_that_is_away_as_a_process_starts_only_delays_it(here: World) -> None:
    """ROOM-8."""
    running = await here.session(RoomType.AUTOMATED)
    await on_air(here, running)
    due = await here.session(RoomType.AUTOMATED, starts_in_s=0)
    await here.restart()
    here.db.trouble, reads = "storage_away", here.db.reads
    await here.rooms.start()
    await until(lambda: here.db.reads > reads)

    here.db.trouble = None

    await until(lambda: len(here.media.layouts) == 2)
    assert await is_on_air(here, due)
    assert here.media.layouts[room_of(here, running).key][0][0] is not None


async def test_a_session_that_a_full_disk_kept_from_resuming_plays_once_there_is_room(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    await here.restart()
    here.db.trouble = "storage_full"
    await here.rooms.start()
    await until(lambda: here.db.refused_writes >= 1)

    here.db.trouble = None

    await until(lambda: bool(here.media.layouts))
    key = room_of(here, session).key
    assert here.media.layouts[key][0][0] == here.media.sources[-1].audio


async def test_a_session_that_became_due_while_it_was_prepared_starts_at_once(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=4)
    async with scheduling(here, poll_s=600) as scheduler:
        async with here.db.transaction():  # the room cannot be loaded yet
            await until(lambda: session.session_id in scheduler._busy)
            here.clock.advance(4)
            reads = here.db.reads
            scheduler.hint()
            await until(lambda: here.db.reads > reads)
        await until(lambda: here.rooms.running.plays(session.session_id))
    assert await is_on_air(here, session)


async def test_looking_again_while_a_session_is_prepared_costs_nothing_more(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=4)
    async with scheduling(here, poll_s=600) as scheduler:
        await until(lambda: here.rooms.running.is_prepared(session.session_id) and not scheduler._busy)
        reads = here.db.reads
        scheduler.hint()
        await until(lambda: here.db.reads > reads)
        assert scheduler._busy == set()
    assert here.db.reads <= reads + 2


@pytest.mark.parametrize("ended_by", ["end", "cancel"])
async def test_what_ended_meanwhile_is_not_resumed(here: World, ended_by: str) -> None:
    session = await here.session(RoomType.AUTOMATED)
    await on_air(here, session)
    await here.restart()
    state = SessionState.ENDED if ended_by == "end" else SessionState.CANCELLED
    async with here.db.transaction() as tx:
        await here.events.set_state(tx, session.session_id, state)

    await here.rooms.running.start(session.session_id)

    assert not here.rooms.running.plays(session.session_id)
    assert here.media.sources[-1].closed
    assert not here.media.rooms


async def test_a_session_starts_by_a_wall_clock_that_was_set_meanwhile(
    timed_server: ServerUnderTest, clock: FakeClock
) -> None:
    """The server started before the machine knew the time."""
    session = await timed_server.session(starts_in_s=1_000, room_type=RoomType.AUTOMATED)
    clock.advance(1_000)
    running = timed_server.running.rooms.running
    await until(lambda: running.plays(session.session_id))


async def test_a_wall_clock_set_back_lets_nothing_start_early(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=3)
    await here.rooms.running.prepare(session.session_id)
    here.clock.step(-60)
    here.clock.advance(62.999)
    await here.rooms.running.start(session.session_id)
    assert not await is_on_air(here, session)

    here.clock.advance(0.001)
    await here.rooms.running.start(session.session_id)
    assert await is_on_air(here, session)


async def test_a_session_that_starts_after_a_step_plays_from_its_second_on(here: World) -> None:
    here.clock.step(3600)
    asset(here.folder / "film", "film", 62).close()
    session = await here.session(RoomType.AUTOMATED, starts_in_s=10)
    await on_air(here, session)
    source = here.media.sources[0]
    await until(lambda: bool(source.written))
    assert min(at_ns for _, _, at_ns in source.written) == here.clock.monotonic_ns()
