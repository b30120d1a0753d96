"""The room feature's face: who comes and goes, and the services by subject.

    admitted ──► talking, hosting, staging, running.… ──► left

`talking` is the chat, `hosting` the session and CTAs, `staging` media and people, `running` the timeline.
"""

from __future__ import annotations

from functools import partial

import structlog

from media.engine import EngineEvent, RoomFailed
from room_server.access.rules import Admission
from room_server.room.errands import Errands
from room_server.room.hosting import Hosting
from room_server.room.live import Room
from room_server.room.ports import Ports
from room_server.room.rooms import Rooms
from room_server.room.running import Running
from room_server.room.scheduler import Scheduler
from room_server.room.staging import Staging
from room_server.room.talking import Talking
from room_server.room.watch import Watch

_log = structlog.get_logger(__name__)


class RoomService:
    """All rooms of this node.  `start` once the signalling is attached, `close` before it goes."""

    def __init__(self, ports: Ports) -> None:
        self._errands = Errands()
        self._rooms = Rooms(ports)
        self.running = Running(self._rooms, ports, self._errands)
        self.talking = Talking(self._rooms, ports)
        self.staging = Staging(self._rooms, ports)
        self.hosting = Hosting(self._rooms, self.running, ports)
        self._scheduler = Scheduler(self.running, ports, self._errands)
        self._watch = Watch(self._rooms, self.running, ports, self._errands)

    async def start(self) -> None:
        """Resume the sessions on air, start those that become due, and heed what other processes write."""
        self._errands.send(self._scheduler.run(), "scheduler")
        self._errands.send(self._watch.run(), "watch")

    def hint(self) -> None:
        """A session was planned or moved: look at once."""
        self._scheduler.hint()

    async def admitted(self, who: Admission) -> None:
        """Let `who` in: their snapshot is the first they are told.  Raise `Refused` unknown_session."""
        room = await self._rooms.load(who.session_id)
        room.joined(who)

    def left(self, who: Admission) -> None:
        """The connection of `who` is gone."""
        room = self._rooms.here(who.session_id)
        if room is not None:
            room.left(who)
            self._rooms.drop_if_idle(room)

    def media_event(self, event: EngineEvent) -> None:
        """What the media engine reports, on the loop."""
        if isinstance(event, RoomFailed):
            _log.error("media_room_failed", room=event.room, report=event.report)
            for room in self._rooms.all():
                if room.key == event.room:
                    self._errands.insist(partial(self._reopen, room), f"reopen {room.key}")
            return
        self.staging.media_event(event)

    async def _reopen(self, room: Room) -> None:
        if room in self._rooms.all():
            await self.running.media_failed(room)

    async def close(self) -> None:
        """Stop the scheduler and everything that plays; rows stay, so that a later process resumes."""
        await self._errands.close()
        await self.running.close()
        self._rooms.close()
