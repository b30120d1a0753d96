"""The chat: posting, approving, rejecting, and the mode.  Mode and message are decided in one transaction."""

from __future__ import annotations

from dataclasses import replace

from room_server import ids
from room_server.access.rules import Admission
from room_server.errors import Refused
from room_server.events import store as event_store
from room_server.events.rules import ChatMode, Session, SessionState
from room_server.ids import MessageId
from room_server.room import chat, store
from room_server.room.chat import Message, MessageState
from room_server.room.live import Room
from room_server.room.notices import ChatModeChanged, MessageHeld, MessagePublished, MessageRejected
from room_server.room.permissions import Action, require
from room_server.room.ports import Ports
from room_server.room.rooms import Rooms
from room_server.storage import Transaction


class Talking:
    """What people do in the chat.  Every method answers after the commit."""

    def __init__(self, rooms: Rooms, ports: Ports) -> None:
        self._rooms = rooms
        self._ports = ports

    async def post(self, who: Admission, key: str, text: str) -> Message:
        """Post `text` and return the message; the one of before when `key` was used already.

        Raise `Refused`: chat_closed, text_empty, session_over, seat_moved.
        """
        room = self._rooms.of(who)
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            known = await store.message_by_key(tx, who.session_id, who.person_id, key)
            if known is not None:
                return known
            session = await _open_session(tx, who)
            message = chat.post(
                session.chat_mode,
                who,
                text,
                message_id=MessageId(ids.new()),
                now=room.clock.now(),
            )
            await store.add_message(tx, who.session_id, key, message)
        self._took(room, message)
        return message

    async def approve(self, who: Admission, message_id: MessageId) -> None:
        """Publish a held message.

        Raise `Refused`: not_allowed, unknown_message, already_decided, chat_collecting, seat_moved.
        """
        require(who, Action.MODERATE_CHAT)
        room = self._rooms.of(who)
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            await _open_session(tx, who)
            published = chat.approve(await store.message(tx, who.session_id, message_id), who)
            await store.decide(tx, published, who.person_id)
        self._took(room, published)

    async def reject(self, who: Admission, message_id: MessageId) -> None:
        """Reject a held message.

        Raise `Refused`: not_allowed, unknown_message, already_decided, seat_moved.
        """
        require(who, Action.MODERATE_CHAT)
        room = self._rooms.of(who)
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            rejected = chat.reject(await store.message(tx, who.session_id, message_id), who)
            await store.decide(tx, rejected, who.person_id)
        self._took(room, rejected)

    async def set_mode(self, who: Admission, mode: ChatMode) -> None:
        """Change the chat mode.  Held messages stay held.  Raise `Refused`: not_allowed, seat_moved."""
        require(who, Action.SET_CHAT_MODE)
        room = self._rooms.of(who)
        async with self._ports.db.transaction() as tx:
            await self._ports.seats.check_holds(tx, who)
            await _open_session(tx, who)
            await self._ports.events.set_chat_mode(tx, who.session_id, mode)
        room.state = replace(room.state, chat=replace(room.state.chat, mode=mode))
        self._ports.fanout.tell(room.state.roster.everyone(), ChatModeChanged(mode))

    def _took(self, room: Room, message: Message) -> None:
        """A message was stored: hold it in the room and tell those who may see it."""
        before, chat = room.state.chat, room.state.chat.with_message(message)
        room.state = replace(room.state, chat=chat)
        roster, tell = room.state.roster, self._ports.fanout.tell
        match message.state:
            case MessageState.PUBLISHED:
                tell(roster.everyone(), MessagePublished(message))
            case MessageState.HELD:
                author = roster.get(message.author_id)
                tell([author.connection_id] if author else [], MessageHeld(message))
            case MessageState.REJECTED:
                tell(roster.team_and(message.author_id), MessageRejected(message.message_id))
        for queued in chat.queued_since(before):
            tell(roster.team(), MessageHeld(queued))


async def _open_session(tx: Transaction, who: Admission) -> Session:
    """Return the session, its chat mode as this transaction sees it.

    Raise `Refused` session_over or session_cancelled.
    """
    session = await event_store.session(tx, who.session_id)
    if session is None or session.state in (SessionState.ENDED, SessionState.MISSED):
        raise Refused("session_over")
    if session.state is SessionState.CANCELLED:
        raise Refused("session_cancelled")
    return session
