"""What somebody in a room of the tests was told, and what is stored."""

from __future__ import annotations

from room_server.access.rules import Admission
from room_server.events.rules import SessionState
from room_server.ids import SessionId
from room_server.room.course import Position
from tests.room.world import World


def positions(here: World, who: Admission) -> list[Position]:
    return [told for told in here.notices.to(who) if isinstance(told, Position)]


async def state_of(here: World, session_id: SessionId) -> SessionState:
    return (await here.events.session(session_id)).state
