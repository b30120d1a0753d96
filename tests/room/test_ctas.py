"""CTAs of automated sessions: the timeline's, and what hosts launch and withdraw."""

from __future__ import annotations

import pytest

from room_server.access.rules import Role
from room_server.errors import Refused
from room_server.events.rules import RoomType
from room_server.ids import CtaId
from room_server.room.notices import CtaHidden, CtaShown, TimelineView
from tests.room.waiting import until
from tests.room.world import MORE, OFFER, World, on_air, pass_time, room_of


async def test_a_cta_comes_and_goes_at_its_time(here: World) -> None:
    """AUT-16."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    await on_air(here, session)
    await pass_time(here, session, 49)
    assert CtaShown(OFFER) not in here.notices.to(ann)
    await pass_time(here, session, 1)
    assert CtaShown(OFFER) in here.notices.to(ann)
    await pass_time(here, session, 40)
    assert CtaHidden(OFFER.cta_id) in here.notices.to(ann)


async def test_a_host_launches_a_cta(here: World) -> None:
    """ROOM-7."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    with pytest.raises(Refused, match="session_not_on_air"):
        await here.rooms.hosting.launch_cta(hal, MORE.cta_id)
    await on_air(here, session)
    with pytest.raises(Refused, match="unknown_cta"):
        await here.rooms.hosting.launch_cta(hal, CtaId("nothing"))

    await here.rooms.hosting.launch_cta(hal, MORE.cta_id)
    assert CtaShown(MORE) in here.notices.to(ann)
    await pass_time(here, session, 20)
    await here.rooms.hosting.launch_cta(hal, MORE.cta_id)
    assert here.notices.to(ann).count(CtaShown(MORE)) == 2, "whoever hid it sees it again"
    await pass_time(here, session, 29)
    assert CtaHidden(MORE.cta_id) not in here.notices.to(ann)
    await pass_time(here, session, 2)
    assert CtaHidden(MORE.cta_id) in here.notices.to(ann)


async def test_a_host_withdraws_a_cta_that_was_launched(here: World) -> None:
    """ROOM-7: it is gone for everyone at once, also after a restart, and may be launched again."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    with pytest.raises(Refused, match="cta_not_shown"):
        await here.rooms.hosting.withdraw_cta(hal, MORE.cta_id)
    await here.rooms.hosting.launch_cta(hal, MORE.cta_id)
    here.clock.advance(1)

    await here.rooms.hosting.withdraw_cta(hal, MORE.cta_id)

    assert here.notices.to(ann)[-1] != CtaShown(MORE)
    assert here.notices.to(ann).count(CtaHidden(MORE.cta_id)) == 1
    await here.restart()
    await here.rooms.start()
    assert here.snapshot(await here.join(session.session_id, "Bob")).ctas == ()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await until(lambda: here.rooms.running.plays(session.session_id))
    await here.rooms.hosting.launch_cta(hal, MORE.cta_id)
    assert CtaShown(MORE) in here.notices.to(hal)


async def test_a_host_withdraws_a_cta_that_the_timeline_shows(here: World) -> None:
    """ROOM-7, AUT-16: what was planned goes on without it, and hosts are told the new plan."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    await pass_time(here, session, 55)
    assert CtaShown(OFFER) in here.notices.to(ann)

    await here.rooms.hosting.withdraw_cta(hal, OFFER.cta_id)

    assert here.notices.to(ann).count(CtaHidden(OFFER.cta_id)) == 1
    assert any(isinstance(told, TimelineView) for told in here.notices.to(hal))
    await pass_time(here, session, 1)
    assert here.notices.to(ann).count(CtaShown(OFFER)) == 1
    position = room_of(here, session).state.position(here.clock.now())
    assert position is not None
    assert position.position_s == 56.0
    assert here.snapshot(await here.join(session.session_id, "Bob")).ctas == ()
