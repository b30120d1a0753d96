"""The rooms of this node: loaded from SQL when the first person or the run needs them, then dropped.

Invariant: a room's state equals what its rows say; it is loaded within a write transaction, so nothing that
commits later is missed.
"""

from __future__ import annotations

import asyncio

from media.engine import EngineRefused, PeerId, RoomKey, TrackId
from room_server.access.rules import Admission
from room_server.errors import Refused
from room_server.events import store as event_store
from room_server.ids import SessionId
from room_server.room import store
from room_server.room.chat import ChatLog
from room_server.room.live import Room
from room_server.room.ports import Ports
from room_server.room.stage import Stage
from room_server.room.view import RoomState
from room_server.storage import Transaction


class Rooms:
    """Finds and loads rooms."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._rooms: dict[SessionId, Room] = {}
        self._loading = asyncio.Lock()

    async def load(self, session_id: SessionId) -> Room:
        """Return the room, from SQL if need be.  Raise `Refused` unknown_session or room_full."""
        found = self._rooms.get(session_id)
        if found is not None:
            return found
        async with self._loading:
            if session_id in self._rooms:
                return self._rooms[session_id]
            async with self._ports.db.transaction() as tx:
                state = await _load(tx, session_id)
            try:
                room = Room(RoomKey(session_id), state, self._ports)
            except EngineRefused as refused:
                raise Refused("room_full", 503, {"reason": refused.code}) from refused
            self._rooms[session_id] = room
            return room

    def of(self, who: Admission) -> Room:
        """Return the room that `who` is in.  Raise `Refused` seat_moved when they are no longer."""
        room = self._rooms.get(who.session_id)
        if room is not None:
            member = room.state.roster.get(who.person_id)
            if member is not None and member.connection_id == who.connection_id:
                return room
        raise Refused("seat_moved")

    def here(self, session_id: SessionId) -> Room | None:
        """Return the room if it is loaded."""
        return self._rooms.get(session_id)

    def all(self) -> tuple[Room, ...]:
        return tuple(self._rooms.values())

    def with_peer(self, peer: PeerId) -> Room | None:
        """Return the room that the media peer is in."""
        return next((room for room in self._rooms.values() if peer in room.peers), None)

    def with_track(self, track: TrackId) -> Room | None:
        """Return the room in which somebody publishes the track."""
        tracks = ((room, one) for room in self._rooms.values() for _, _, one in room.state.stage.tracks)
        return next((room for room, one in tracks if one == track), None)

    def drop_if_idle(self, room: Room) -> None:
        """Drop a room that nobody is in and that plays nothing, nor is about to."""
        session_id = room.state.session.session_id
        if not len(room.state.roster) and room.programme is None and self._rooms.get(session_id) is room:
            del self._rooms[session_id]
            room.close()

    def close(self) -> None:
        """Drop all."""
        for room in self._rooms.values():
            room.close()
        self._rooms.clear()


async def _load(tx: Transaction, session_id: SessionId) -> RoomState:
    session = await event_store.session(tx, session_id)
    if session is None:
        raise Refused("unknown_session", 404)
    invited, muted, kept = await store.stage_people(tx, session_id)
    return RoomState(
        session=session,
        chat=ChatLog(
            session.chat_mode,
            await store.newest_published(tx, session_id),
            await store.held_messages(tx, session_id),
        ),
        plan=await store.plan(tx, session_id),
        transport=await store.last_transport(tx, session_id),
        launches=tuple(await store.launches_after(tx, session_id, tx.now)),
        stage=Stage(invited=invited, muted=muted, kept=kept),
    )
