"""What another process writes while rooms are open here: cancelled sessions and ended links."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event, text

from room_server.access import store as access_store
from room_server.access.rules import ClosingReason, LinkState, Removed, Role
from room_server.access.service import Access
from room_server.access.tokens import ServerKey
from room_server.errors import Refused
from room_server.events.rules import RoomType, SessionState
from room_server.events.service import Events
from room_server.ids import LinkId, SessionId
from room_server.room.notices import SessionStateChanged
from room_server.storage import Database
from tests.room.waiting import until
from tests.room.world import ThisNode, World, on_air, room_of

SDP = "v=0"


@asynccontextmanager
async def another_process(here: World) -> AsyncIterator[tuple[Events, Access]]:
    """The services of a second process on the same file: nothing but rows reaches the first."""
    database = await Database.attach(here.db.path, here.clock.now)
    try:
        yield Events(database), Access(database, ServerKey(b"k" * 32), ThisNode())
    finally:
        await database.close()


async def test_a_session_cancelled_on_air_puts_everybody_out_and_stops_the_film(here: World) -> None:
    """ROOM-8: cancelled by another process, while it plays."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.rooms.staging.connect(ann, SDP)
    source, key = here.media.sources[0], room_of(here, session).key
    async with another_process(here) as (events, _):
        await events.cancel(session.session_id)

    await until(lambda: source.closed)

    assert {one for one, _ in here.closed} == {ann.connection_id, hal.connection_id}
    assert {closing for _, closing in here.closed} == {Removed(ClosingReason.SESSION_CANCELLED)}
    told = [one.state for one in here.notices.to(ann) if isinstance(one, SessionStateChanged)]
    assert told == [SessionState.ON_AIR, SessionState.CANCELLED]
    assert not here.media.peers
    assert key not in here.media.rooms
    assert here.rooms._rooms.here(session.session_id) is None


async def test_a_session_cancelled_while_people_wait_for_it_lets_nobody_wait_on(here: World) -> None:
    cancelled, untouched = await here.session(), await here.session()
    ann = await here.join(cancelled.session_id, "Ann")
    bob = await here.join(untouched.session_id, "Bob")
    async with another_process(here) as (events, _):
        await events.cancel(cancelled.session_id)

    await here.rooms._watch.look()
    await until(lambda: bool(here.closed))

    assert here.closed == [(ann.connection_id, Removed(ClosingReason.SESSION_CANCELLED))]
    assert room_of(here, untouched).state.roster.get(bob.person_id) is not None
    with pytest.raises(Refused) as refused:
        await here.seat(cancelled.session_id, "Late")
    assert refused.value.code == "session_cancelled"


async def test_a_session_cancelled_just_before_its_start_never_starts(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED, starts_in_s=3)
    await here.rooms.running.prepare(session.session_id)
    async with another_process(here) as (events, _):
        await events.cancel(session.session_id)
    here.clock.advance(3)

    await here.rooms.running.start(session.session_id)

    assert here.media.sources[0].closed
    assert (await here.events.session(session.session_id)).state is SessionState.CANCELLED
    assert here.rooms._rooms.here(session.session_id) is None


async def test_looking_twice_while_the_room_closes_tells_once(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    await here.events.cancel(session.session_id)

    await here.rooms._watch.look()
    await here.rooms._watch.look()
    await until(lambda: here.rooms._rooms.here(session.session_id) is None)

    told = [one for one in here.notices.to(ann) if isinstance(one, SessionStateChanged)]
    assert len(told) == len(here.closed) == 1


async def test_who_came_in_between_the_row_and_the_look_is_put_out_too(here: World) -> None:
    """The ticket was used before the session was cancelled, the room loaded after."""
    session = await here.session()
    ann = await here.seat(session.session_id, "Ann")
    async with another_process(here) as (events, _):
        await events.cancel(session.session_id)
    await here.enter(ann)

    await here.rooms._watch.look()
    await until(lambda: bool(here.closed))

    assert here.closed == [(ann.connection_id, Removed(ClosingReason.SESSION_CANCELLED))]


async def test_a_link_revoked_by_another_process_puts_out_its_person_alone(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    async with another_process(here) as (_, access):
        await access.revoke(ann.link_id)

    await here.rooms._watch.look()
    await until(lambda: bool(here.closed))
    await here.rooms._watch.look()

    assert here.closed == [(ann.connection_id, Removed(ClosingReason.LINK_REVOKED))]
    assert room_of(here, session).state.roster.get(bob.person_id) is not None


async def test_while_nothing_is_committed_the_rows_are_not_asked(here: World) -> None:
    """Ten rooms that wait cost next to nothing."""
    session = await here.session()
    await here.join(session.session_id, "Ann")
    await here.rooms._watch.look()
    asked: list[str] = []
    engine = here.db._reading
    event.listen(engine, "before_cursor_execute", lambda *found: asked.append(found[2]))

    await here.rooms._watch.look()
    assert not asked
    await here.join(session.session_id, "Bob")
    asked.clear()
    await here.rooms._watch.look()
    assert asked


async def test_every_ended_state_of_a_link_is_found_and_no_other(here: World) -> None:
    session = await here.session()
    people = {name: await here.seat(session.session_id, name) for name in ("Ann", "Bob", "Cleo", "Dan")}
    async with here.db.transaction() as tx:
        await access_store.revoke_link(tx, people["Ann"].link_id)
        await access_store.freeze_link(tx, people["Bob"].link_id)
        await access_store.remove_person(tx, people["Cleo"].link_id, people["Dan"].person_id)
    async with here.db.reading() as reading:
        found = await access_store.ended_links(reading, [session.session_id])
    assert {link.name: link.state for link in found} == {
        "Ann": LinkState.REVOKED,
        "Bob": LinkState.FROZEN,
        "Cleo": LinkState.REMOVED,
    }


async def test_looking_for_ended_links_reads_no_link_that_admits(here: World) -> None:
    """Looking often stays cheap with thousands of links: the question is answered from its own index."""
    statement = access_store.ended_of([SessionId("one"), SessionId("two")])
    async with here.db.reading() as reading:
        sql = statement.compile(dialect=here.db._reading.dialect, compile_kwargs={"literal_binds": True})
        plan = (await reading.execute(text(f"EXPLAIN QUERY PLAN {sql}"))).all()
    assert "USING INDEX ix_access_link_ended" in str(plan)


async def test_revoking_a_link_of_nobody_here_changes_nothing(here: World) -> None:
    session = await here.session()
    ann = await here.seat(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    await here.access.revoke(LinkId(ann.link_id))
    here.closed.clear()

    await here.rooms._watch.look()

    assert not here.closed
    assert room_of(here, session).state.roster.get(bob.person_id) is not None
