"""Starting and ending live sessions, CTAs, and who may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from room_server.access.rules import Admission, ClosingReason, Removed, Role
from room_server.errors import Refused
from room_server.events.rules import ChatMode, RoomType, SessionState
from room_server.ids import CtaId, MessageId
from room_server.room.course import HandBack
from room_server.room.notices import CountChanged, PersonCameOrWent, SessionStateChanged
from tests.room.waiting import until
from tests.room.world import World

HOST_ACTIONS: dict[str, Callable[[World, Admission], Awaitable[object]]] = {
    "start": lambda here, who: here.rooms.hosting.start(who),
    "end": lambda here, who: here.rooms.hosting.end(who),
    "launch": lambda here, who: here.rooms.hosting.launch_cta(who, CtaId("offer")),
    "withdraw": lambda here, who: here.rooms.hosting.withdraw_cta(who, CtaId("offer")),
    "take over": lambda here, who: here.rooms.running.take_over(who),
    "hand back": lambda here, who: here.rooms.running.hand_back(who, HandBack.LEFT_OFF),
    "skip": lambda here, who: here.rooms.running.skip_to(who, "two"),
    "extend": lambda here, who: here.rooms.running.extend_buffer(who, 10),
    "shorten": lambda here, who: here.rooms.running.shorten_buffer(who, 10),
}
MODERATOR_ACTIONS: dict[str, Callable[[World, Admission], Awaitable[object]]] = {
    "approve": lambda here, who: here.rooms.talking.approve(who, MessageId("m")),
    "reject": lambda here, who: here.rooms.talking.reject(who, MessageId("m")),
    "mode": lambda here, who: here.rooms.talking.set_mode(who, ChatMode.OPEN),
    "invite": lambda here, who: here.rooms.staging.invite(who, who.person_id),
    "remove": lambda here, who: here.rooms.staging.remove(who, who.person_id),
}


@pytest.mark.parametrize("action", [*HOST_ACTIONS, *MODERATOR_ACTIONS])
async def test_a_participant_governs_nothing(here: World, action: str) -> None:
    """ROOM-7, GOV-8."""
    session = await here.session(RoomType.AUTOMATED)
    ann = await here.join(session.session_id, "Ann")
    with pytest.raises(Refused, match="not_allowed"):
        await {**HOST_ACTIONS, **MODERATOR_ACTIONS}[action](here, ann)


@pytest.mark.parametrize("action", HOST_ACTIONS)
async def test_a_moderator_does_not_run_the_session(here: World, action: str) -> None:
    session = await here.session(RoomType.AUTOMATED)
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    with pytest.raises(Refused, match="not_allowed"):
        await HOST_ACTIONS[action](here, zoe)


async def test_a_host_starts_and_ends_a_live_session(here: World) -> None:
    """ROOM-7."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)

    await here.rooms.hosting.start(hal)
    on_air = here.notices.to(ann)[-1]
    assert isinstance(on_air, SessionStateChanged)
    assert on_air.state is SessionState.ON_AIR

    await here.rooms.hosting.end(hal)
    assert (await here.events.session(session.session_id)).state is SessionState.ENDED
    assert any(
        isinstance(told, SessionStateChanged) and told.state is SessionState.ENDED
        for told in here.notices.to(ann)
    )
    await until(lambda: len(here.closed) == 2)
    assert {closing for _, closing in here.closed} == {Removed(ClosingReason.SESSION_OVER)}
    await until(lambda: not here.media.rooms)


async def test_a_session_starts_once_and_ends_once(here: World) -> None:
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    with pytest.raises(Refused, match="session_not_on_air"):
        await here.rooms.hosting.end(hal)
    await here.rooms.hosting.start(hal)
    with pytest.raises(Refused, match="already_on_air"):
        await here.rooms.hosting.start(hal)
    ends = await asyncio.gather(
        here.rooms.hosting.end(hal), here.rooms.hosting.end(hal), return_exceptions=True
    )
    assert [type(end) for end in ends].count(Refused) == 1


async def test_an_automated_session_is_not_started_by_hand(here: World) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    with pytest.raises(Refused, match="starts_by_itself"):
        await here.rooms.hosting.start(hal)


async def test_counts_are_real_people(here: World) -> None:
    """PLUS-3."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    await until(lambda: CountChanged(2) in here.notices.to(ann))
    newer = await here.sit(bob.link_id, session.session_id)
    await here.enter(newer)
    assert here.snapshot(newer).count == 2

    await here.leave(newer)
    await until(lambda: CountChanged(1) in here.notices.to(ann))


async def test_participants_hear_of_contributors_only(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    here.notices.forget()

    await here.join(session.session_id, "Bob")
    await here.join(session.session_id, "Hal", Role.HOST)

    def names(who: Admission) -> list[str]:
        return [told.person.name for told in here.notices.to(who) if isinstance(told, PersonCameOrWent)]

    assert names(ann) == ["Hal"]
    assert names(zoe) == ["Bob", "Hal"]


async def test_a_removed_person_is_closed_and_stays_out(here: World) -> None:
    """ROOM-7: a removal outranks any resume."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    here.rooms.staging.connect(ann, "v=0")

    await here.rooms.staging.remove(zoe, ann.person_id)

    assert here.closed == [(ann.connection_id, Removed(ClosingReason.REMOVED))]
    assert not here.media.peers
    with pytest.raises(Refused, match="removed"):
        await here.sit(ann.link_id, session.session_id)


async def test_a_moderator_removes_neither_a_host_nor_themselves(here: World) -> None:
    session = await here.session()
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    with pytest.raises(Refused, match="not_allowed"):
        await here.rooms.staging.remove(zoe, hal.person_id)
    with pytest.raises(Refused, match="not_yourself"):
        await here.rooms.staging.remove(zoe, zoe.person_id)
    assert here.closed == []
