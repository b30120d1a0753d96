"""Places on the stage: kept for who is lost, given up by who leaves, and found again after a crash."""

from __future__ import annotations

import pytest

from media.engine import (
    TrackId,
)
from room_server.access import store as access_store
from room_server.access.rules import Role
from room_server.errors import Refused
from tests.room.publishing import connect, publish, stage_as_told
from tests.room.world import World, room_of


async def test_an_invitation_outlives_a_reconnection_and_a_restart(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.invite(hal, ann.person_id)
    await here.restart()
    ann = await here.enter(await here.sit(ann.link_id, session.session_id))
    assert here.snapshot(ann).me.may_publish
    await here.rooms.staging.enter(ann)


async def test_who_was_on_the_stage_is_on_it_again_after_a_crash(here: World) -> None:
    """ROOM-7, ROOM-8: in their places, muted if they were, seen by everyone as they come back."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.hosting.start(hal)
    await here.rooms.staging.enter(hal)
    await here.rooms.staging.invite(hal, ann.person_id)
    await here.rooms.staging.enter(ann)
    await here.rooms.staging.mute(hal, ann.person_id)

    await here.restart()
    bob = await here.enter(await here.sit(bob.link_id, session.session_id))
    assert here.snapshot(bob).stage.on_stage == ()
    ann = await here.enter(await here.sit(ann.link_id, session.session_id))
    publish(here, connect(here, ann), 7, 8)

    assert [one.person_id for one in here.snapshot(ann).stage.on_stage] == [ann.person_id]
    told = stage_as_told(here, bob).on_stage
    assert [(one.person_id, one.audio_slot, one.video_slot, one.muted) for one in told] == [
        (ann.person_id, 2, 2, True)
    ]
    assert here.media.muted == {TrackId(7)}
    await here.enter(await here.sit(hal.link_id, session.session_id))
    assert {one.person_id for one in stage_as_told(here, bob).on_stage} == {ann.person_id, hal.person_id}


async def test_a_lost_connection_keeps_its_place_and_a_goodbye_does_not(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.enter(hal)
    await here.leave(hal)
    assert stage_as_told(here, ann).on_stage == ()
    hal = await here.enter(await here.sit(hal.link_id, session.session_id))
    assert [one.person_id for one in stage_as_told(here, ann).on_stage] == [hal.person_id]

    await here.rooms.staging.quit(hal)
    await here.leave(hal)
    hal = await here.enter(await here.sit(hal.link_id, session.session_id))
    assert here.snapshot(hal).stage.on_stage == ()


@pytest.mark.parametrize("how", ["left", "sent off", "removed"])
async def test_who_left_the_stage_is_not_on_it_after_a_crash(here: World, how: str) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.invite(hal, ann.person_id)
    await here.rooms.staging.enter(ann)
    if how == "left":
        await here.rooms.staging.leave(ann, None)
    elif how == "sent off":
        await here.rooms.staging.leave(hal, ann.person_id)
    else:
        await here.rooms.staging.remove(hal, ann.person_id)

    await here.restart()
    hal = await here.enter(await here.sit(hal.link_id, session.session_id))

    stage = room_of(here, session).state.stage
    assert (stage.kept, stage.invited) == ((), frozenset())
    if how == "removed":
        with pytest.raises(Refused, match="removed"):
            await here.sit(ann.link_id, session.session_id)
    else:
        ann = await here.enter(await here.sit(ann.link_id, session.session_id))
        with pytest.raises(Refused, match="not_invited"):
            await here.rooms.staging.enter(ann)


async def test_a_place_given_to_somebody_else_is_theirs_after_a_crash_too(here: World) -> None:
    session = await here.session()
    people = [await here.join(session.session_id, name, Role.HOST) for name in ("A", "B", "C", "D")]
    for one in people[:3]:
        await here.rooms.staging.enter(one)
    with pytest.raises(Refused, match="stage_full"):
        await here.rooms.staging.enter(people[3])
    await here.leave(people[1])
    await here.rooms.staging.enter(people[3])

    await here.restart()
    for one in people:
        await here.enter(await here.sit(one.link_id, session.session_id))

    on_stage = {one.name: one.place for one in room_of(here, session).state.stage.people}
    assert on_stage == {"A": 1, "C": 3, "D": 2}


async def test_who_comes_back_as_their_place_is_given_away_finds_it_taken(here: World) -> None:
    session = await here.session()
    a, b, c, d = [await here.join(session.session_id, name, Role.HOST) for name in ("A", "B", "C", "D")]
    for one in (a, b, c):
        await here.rooms.staging.enter(one)
    await here.leave(a)
    back = await here.sit(a.link_id, session.session_id)

    here.db.before_commit = lambda: here.enter(back)
    await here.rooms.staging.enter(d)

    assert {one.name: one.place for one in room_of(here, session).state.stage.people} == {
        "B": 2,
        "C": 3,
        "D": 1,
    }
    assert [one.name for one in stage_as_told(here, back).on_stage] == ["B", "C", "D"]


async def test_who_lost_the_seat_does_not_enter_nor_leave_the_stage_by_the_old_connection(
    here: World,
) -> None:
    """ROOM-2: the fence is checked where it is stored, whatever memory says."""
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.enter(hal)
    async with here.db.transaction() as tx:
        await access_store.free_seat(tx, hal.link_id, hal.fence)
    for act in (here.rooms.staging.quit(hal), here.rooms.staging.leave(hal, None)):
        with pytest.raises(Refused, match="seat_moved"):
            await act
    assert room_of(here, session).state.stage.is_on(hal.person_id)

    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    async with here.db.transaction() as tx:
        await access_store.free_seat(tx, zoe.link_id, zoe.fence)
    with pytest.raises(Refused, match="seat_moved"):
        await here.rooms.staging.enter(zoe)
    assert not room_of(here, session).state.stage.is_on(zoe.person_id)


async def test_a_place_kept_for_somebody_away_is_taken_from_them_and_nobody_unknown_is_sent_off(
    here: World,
) -> None:
    session = await here.session()
    other = await here.join((await here.session()).session_id, "Other")
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.staging.invite(hal, ann.person_id)
    await here.rooms.staging.enter(ann)
    await here.leave(ann)

    await here.rooms.staging.leave(hal, ann.person_id)
    with pytest.raises(Refused, match="unknown_person"):
        await here.rooms.staging.leave(hal, other.person_id)

    assert room_of(here, session).state.stage.kept == ()
