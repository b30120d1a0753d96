"""The chat on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from room_server.access.rules import Admission, Role
from room_server.errors import Refused
from room_server.events.rules import ChatMode, Session
from room_server.ids import MessageId
from room_server.room import store
from room_server.room.chat import HISTORY_MESSAGES, Message, MessageState
from room_server.room.notices import (
    ChatModeChanged,
    CountChanged,
    MessageHeld,
    MessagePublished,
    MessageRejected,
)
from tests.room.waiting import until
from tests.room.world import World


async def test_what_is_posted_is_stored_before_it_is_told(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")

    message = await here.rooms.talking.post(ann, "k1", "Hello")

    assert MessagePublished(message) in here.notices.to(bob)
    await here.restart()
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    assert here.snapshot(zoe).messages == (message,)


async def test_a_retry_makes_no_second_message_and_tells_nothing(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    first = await here.rooms.talking.post(ann, "k1", "Hello")
    here.notices.forget()

    again = await here.rooms.talking.post(ann, "k1", "Something else")

    assert again == first
    assert not any(isinstance(told, MessagePublished) for told in here.notices.to(ann))


async def test_the_same_message_sent_many_times_at_once_is_one_row(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")

    answers = await asyncio.gather(*(here.rooms.talking.post(ann, "k", "Hello") for _ in range(20)))

    assert len({answer.message_id for answer in answers}) == 1


async def test_a_full_disk_refuses_a_message_and_loses_none(here: World) -> None:
    """What was acknowledged stays; the refused one goes through, same key, once there is room."""
    session = await here.session()
    ann, bob = await here.join(session.session_id, "Ann"), await here.join(session.session_id, "Bob")
    kept = await here.rooms.talking.post(ann, "k1", "Before")
    async with here.db.transaction() as tx:
        await tx.execute(text("CREATE TABLE big (what BLOB)"))
        fill = "INSERT INTO big VALUES (zeroblob(99999999));"
        await tx.execute(text(f"CREATE TRIGGER grow BEFORE INSERT ON message BEGIN {fill} END"))
    async with here.db.transaction() as tx:
        await tx.execute(text("PRAGMA max_page_count=5000"))
    await until(lambda: CountChanged(2) in here.notices.to(bob))
    here.notices.forget()

    with pytest.raises(Refused) as refused:
        await here.rooms.talking.post(ann, "k2", "During")

    assert refused.value.code == "storage_full"
    assert not any(isinstance(told, MessagePublished) for told in here.notices.to(bob))
    async with here.db.transaction() as tx:
        await tx.execute(text("DROP TRIGGER grow"))
    assert (await here.rooms.talking.post(ann, "k2", "During")).text == "During"
    assert await here.rooms.talking.post(ann, "k1", "Before") == kept


async def test_two_people_may_use_the_same_key(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    one = await here.rooms.talking.post(ann, "k", "Mine")
    two = await here.rooms.talking.post(bob, "k", "Mine too")
    assert one.message_id != two.message_id


async def test_a_moderated_message_reaches_others_once_approved(here: World) -> None:
    """ROOM-6, AUT-28, AUT-29."""
    session = await here.session(mode=ChatMode.MODERATED)
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)

    held = await here.rooms.talking.post(ann, "k", "Secret")
    assert held.state is MessageState.HELD
    assert MessageHeld(held) in here.notices.to(ann)
    assert MessageHeld(held) in here.notices.to(zoe)
    assert "Secret" not in repr(here.notices.to(bob))

    await here.rooms.talking.approve(zoe, held.message_id)
    assert "Secret" in repr(here.notices.to(bob))


async def test_a_rejected_message_is_gone_for_its_author_and_moderators(here: World) -> None:
    session = await here.session(mode=ChatMode.MODERATED)
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    held = await here.rooms.talking.post(ann, "k", "Secret")

    await here.rooms.talking.reject(zoe, held.message_id)

    assert here.notices.to(ann)[-1] == MessageRejected(held.message_id)
    assert here.notices.to(zoe)[-1] == MessageRejected(held.message_id)
    assert MessageRejected(held.message_id) not in here.notices.to(bob)
    with pytest.raises(Refused, match="already_decided"):
        await here.rooms.talking.approve(zoe, held.message_id)


async def test_the_host_switches_a_closed_chat_on(here: World) -> None:
    """AUT-27."""
    session = await here.session(mode=ChatMode.NONE)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    with pytest.raises(Refused, match="chat_closed"):
        await here.rooms.talking.post(ann, "k", "Hello")

    await here.rooms.talking.set_mode(hal, ChatMode.OPEN)

    assert ChatModeChanged(ChatMode.OPEN) in here.notices.to(ann)
    assert (await here.rooms.talking.post(ann, "k", "Hello")).state is MessageState.PUBLISHED


async def test_held_messages_stay_held_when_the_chat_opens(here: World) -> None:
    session = await here.session(mode=ChatMode.REPLY_LATER)
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await here.rooms.talking.post(ann, "k", "Secret")

    await here.rooms.talking.set_mode(hal, ChatMode.OPEN)
    bob = await here.join(session.session_id, "Bob")

    assert "Secret" not in repr(here.notices.to(bob))
    assert len(here.snapshot(bob).held) == 0


async def test_collected_messages_are_for_their_author_and_moderators(here: World) -> None:
    """AUT-30."""
    session = await here.session(mode=ChatMode.REPLY_LATER)
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    hal = await here.join(session.session_id, "Hal", Role.HOST)

    held = await here.rooms.talking.post(ann, "k", "Secret")

    with pytest.raises(Refused, match="chat_collecting"):
        await here.rooms.talking.approve(hal, held.message_id)
    assert MessageHeld(held) in here.notices.to(hal)
    assert "Secret" not in repr(here.notices.to(bob))


async def test_what_was_written_to_the_team_is_never_published_whatever_the_mode_is_by_then(
    here: World,
) -> None:
    """AUT-30: the mode a message was posted in counts, not not the present one."""
    session = await here.session(mode=ChatMode.REPLY_LATER)
    ann = await here.join(session.session_id, "Ann")
    bob = await here.join(session.session_id, "Bob")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    private = await here.rooms.talking.post(ann, "k", "Secret")
    await here.rooms.talking.set_mode(hal, ChatMode.MODERATED)
    question = await here.rooms.talking.post(ann, "l", "Question")

    with pytest.raises(Refused, match="chat_collecting"):
        await here.rooms.talking.approve(hal, private.message_id)
    await here.rooms.talking.set_mode(hal, ChatMode.REPLY_LATER)
    await here.rooms.talking.approve(hal, question.message_id)

    late = await here.join(session.session_id, "Late")
    assert [message.text for message in here.snapshot(late).messages] == ["Question"]
    assert "Secret" not in repr([here.notices.to(bob), here.notices.to(late)])


async def test_a_message_of_another_room_is_unknown(here: World) -> None:
    one = await here.session(mode=ChatMode.MODERATED)
    other = await here.session(mode=ChatMode.MODERATED)
    ann = await here.join(one.session_id, "Ann")
    zoe = await here.join(other.session_id, "Zoe", Role.MODERATOR)
    held = await here.rooms.talking.post(ann, "k", "Secret")

    with pytest.raises(Refused, match="unknown_message"):
        await here.rooms.talking.approve(zoe, held.message_id)


async def test_a_connection_that_lost_its_seat_writes_nothing_more(here: World) -> None:
    """ROOM-2: effects of one link never go back in fence."""
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    newer = await here.sit(ann.link_id, session.session_id)
    await here.enter(newer)

    with pytest.raises(Refused, match="seat_moved"):
        await here.rooms.talking.post(ann, "k", "From the old one")
    assert (await here.rooms.talking.post(newer, "k", "From the new one")).text == "From the new one"


async def test_the_fence_holds_even_where_the_room_has_not_heard_yet(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    here.access.on_closing = _nobody
    await here.sit(ann.link_id, session.session_id)

    with pytest.raises(Refused, match="seat_moved"):
        await here.rooms.talking.post(ann, "k", "Too late")


async def _nobody(*_: object) -> None:
    pass


async def hold_many(here: World, session: Session, author: Admission, how_many: int) -> None:
    """Messages of before, in the rows alone."""
    async with here.db.transaction() as tx:
        for number in range(how_many):
            message = Message(
                MessageId(f"old{number:04}"),
                author.person_id,
                author.name,
                False,
                f"Question {number}",
                MessageState.HELD,
                here.clock.now() - timedelta(seconds=how_many - number),
                ChatMode.MODERATED,
            )
            await store.add_message(tx, session.session_id, f"old{number}", message)


async def test_the_oldest_held_messages_wait_before_the_moderators_until_each_is_decided(here: World) -> None:
    """ROOM-6: also beyond what a snapshot carries, and after a restart."""
    session = await here.session(mode=ChatMode.MODERATED)
    ann = await here.seat(session.session_id, "Ann")
    await hold_many(here, session, ann, HISTORY_MESSAGES)
    zoe = await here.join(session.session_id, "Zoe", Role.MODERATOR)
    bob = await here.join(session.session_id, "Bob")

    beyond = await here.rooms.talking.post(bob, "k", "The newest")

    queue = here.snapshot(zoe).held
    assert [one.message_id for one in (queue[0], queue[-1])] == ["old0000", f"old{HISTORY_MESSAGES - 1:04}"]
    assert MessageHeld(beyond) in here.notices.to(bob)
    assert MessageHeld(beyond) not in here.notices.to(zoe), "not yet her turn"

    await here.rooms.talking.approve(zoe, MessageId("old0000"))
    assert here.notices.to(zoe)[-1] == MessageHeld(beyond)
    assert here.notices.to(bob).count(MessageHeld(beyond)) == 1
    await here.restart()
    bob = await here.enter(await here.sit(bob.link_id, session.session_id))
    zoe = await here.enter(await here.sit(zoe.link_id, session.session_id))
    assert here.snapshot(bob).held == (beyond,)
    assert here.snapshot(zoe).held == (*queue[1:], beyond)
