"""The watch: sees what other processes wrote of the rooms that are open here, and closes what may not go on.

    every LOOK_EVERY_S ─► session cancelled ─► everybody out, nothing plays
                       └► link ended        ─► its person out

What this process writes itself it acts upon at once; that the watch sees it too changes nothing.
While nothing was committed and nobody came, there is nothing to ask.

Invariant: a cancelled session and an ended link stop within a second, whoever wrote the row.
"""

from __future__ import annotations

import asyncio

import structlog

from room_server.access import store as access_store
from room_server.access.rules import closing_reason
from room_server.errors import Refused
from room_server.events import store as event_store
from room_server.ids import SessionId
from room_server.room.errands import Errands
from room_server.room.ports import Ports
from room_server.room.rooms import Rooms
from room_server.room.roster import Roster
from room_server.room.running import Running

_log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.4
"""A second is promised from the row to the last packet; closing a connection takes up to half of it."""


class Watch:
    """One task."""

    def __init__(self, rooms: Rooms, running: Running, ports: Ports, errands: Errands) -> None:
        self._rooms = rooms
        self._running = running
        self._ports = ports
        self._errands = errands
        self._seen: tuple[int, dict[SessionId, Roster]] | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Refused as refused:
                _log.warning("watch_waits", code=refused.code)
            except Exception:
                _log.exception("watch_waits")

    async def look(self) -> None:
        """Compare the open rooms with their rows, and begin to close what has to be."""
        open_here = {room.state.session.session_id: room.state.roster for room in self._rooms.all()}
        if not open_here:
            return
        # Read before the question: what is committed after it is seen at the next look.
        sight = self._ports.db.version(), open_here
        if sight != self._seen:
            await self._compare(list(open_here))
            self._seen = sight

    async def _compare(self, open_here: list[SessionId]) -> None:
        async with self._ports.db.reading() as reading:
            cancelled = await event_store.cancelled_among(reading, open_here)
            ended = await access_store.ended_links(reading, open_here)
        for session in cancelled:
            room = self._rooms.here(session.session_id)
            if room is not None:
                self._running.cancelled(room, session)
        for link in ended:
            room = self._rooms.here(link.session_id)
            member = room.state.roster.get(link.person_id) if room else None
            reason = closing_reason(link.state)
            if member is not None and reason is not None:
                self._errands.send(self._ports.seats.evict(member, reason), f"evict {link.link_id}")
