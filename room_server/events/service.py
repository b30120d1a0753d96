"""Events and sessions: making them, finding them, changing their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from room_server import ids
from room_server.accounts.service import check_host_access
from room_server.errors import Refused
from room_server.events import store
from room_server.events.rules import (
    DEFAULT_ACCENT,
    DEFAULT_OPENS_BEFORE_S,
    ChatMode,
    Event,
    RoomType,
    SeatPolicy,
    Session,
    SessionState,
    ToPlay,
    changed,
)
from room_server.ids import EventId, SessionId, WorkspaceId
from room_server.storage import Database, Transaction

__all__ = ["ChatMode", "Event", "EventPlan", "Events", "RoomType", "Session", "SessionPlan", "SessionState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlan:
    """What an organiser decides of an event."""

    title: str
    accent: str = DEFAULT_ACCENT
    opens_before_s: int = DEFAULT_OPENS_BEFORE_S
    seat_policy: SeatPolicy = SeatPolicy.MOVE


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """What an organiser decides of a session; `time_zone` is an IANA name, `starts_at` aware."""

    room_type: RoomType
    starts_at: datetime
    time_zone: str
    planned_length_s: float
    title: str | None = None
    chat_mode: ChatMode = ChatMode.OPEN


class Events:
    """Events and their sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_event(self, workspace_id: WorkspaceId, plan: EventPlan) -> EventId:
        """Return the new event; raises `Refused("host_access_needed")` (GOV-5)."""
        async with self._database.transaction() as tx:
            return await self.create_event_in(tx, workspace_id, plan)

    async def create_event_in(self, tx: Transaction, workspace_id: WorkspaceId, plan: EventPlan) -> EventId:
        """Like `create_event`, within the caller's transaction."""
        await check_host_access(tx, workspace_id)
        event = Event(
            event_id=EventId(ids.new()),
            workspace_id=workspace_id,
            title=plan.title,
            accent=plan.accent,
            opens_before_s=plan.opens_before_s,
            seat_policy=plan.seat_policy,
        )
        await store.add_event(tx, event)
        return event.event_id

    async def create_session(self, event_id: EventId, plan: SessionPlan) -> Session:
        """Return the new session; raises `Refused`: `unknown_event`, `unknown_time_zone`."""
        async with self._database.transaction() as tx:
            return await self.create_session_in(tx, event_id, plan)

    async def create_session_in(self, tx: Transaction, event_id: EventId, plan: SessionPlan) -> Session:
        """Like `create_session`, within the caller's transaction."""
        try:
            ZoneInfo(plan.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Refused("unknown_time_zone", 422) from error
        event = await store.event(tx, event_id)
        if event is None:
            raise Refused("unknown_event", 404)
        session = Session(
            session_id=SessionId(ids.new()),
            event_id=event_id,
            event_title=event.title,
            title=plan.title,
            room_type=plan.room_type,
            starts_at=plan.starts_at,
            time_zone=plan.time_zone,
            planned_length_s=plan.planned_length_s,
            state=SessionState.SCHEDULED,
            started_at=None,
            ended_at=None,
            chat_mode=plan.chat_mode,
            accent=event.accent,
            opens_before_s=event.opens_before_s,
            seat_policy=event.seat_policy,
        )
        await store.add_session(tx, session)
        return session

    async def session(self, session_id: SessionId) -> Session:
        """Return the session as it is now; raises `Refused("unknown_session")`."""
        async with self._database.reading() as reading:
            found = await store.session(reading, session_id)
        if found is None:
            raise Refused("unknown_session", 404)
        return found

    async def of_workspace(self, workspace_id: WorkspaceId) -> Sequence[Session]:
        """Return the workspace's sessions in the order in which they were made."""
        async with self._database.reading() as reading:
            return await store.of_workspace(reading, workspace_id)

    async def to_play(self, within: timedelta) -> tuple[datetime, Sequence[ToPlay]]:
        """Return the database's time, and the automated sessions on air or starting `within` from then.

        Oldest first; one whose start has passed is among them until it is started, missed or cancelled.
        """
        async with self._database.reading() as reading:
            return reading.now, await store.to_play(reading, reading.now + within)

    async def set_state(self, tx: Transaction, session_id: SessionId, state: SessionState) -> Session:
        """Change the state within the caller's transaction and return the session as it will be.

        Raises `Refused`: `unknown_session`, `session_over`, `session_cancelled`, `session_not_started`.
        """
        session = await store.session(tx, session_id)
        if session is None:
            raise Refused("unknown_session", 404)
        after = changed(session, state, now=tx.now)
        await store.change_state(
            tx, session_id, session.state, state, started_at=after.started_at, ended_at=after.ended_at
        )
        return after

    async def cancel(self, session_id: SessionId) -> Session:
        """Cancel a session, scheduled or on air, and return it; one cancelled before stays as it is.

        The node that has its room open sees the row and closes the room within a second.
        Raises `Refused`: `unknown_session`, `session_over`.
        """
        async with self._database.transaction() as tx:
            session = await store.session(tx, session_id)
            if session is not None and session.state is SessionState.CANCELLED:
                return session
            return await self.set_state(tx, session_id, SessionState.CANCELLED)

    async def all(self) -> Sequence[Session]:
        """Return every session of every workspace, by their start."""
        async with self._database.reading() as reading:
            return await store.all_sessions(reading)

    async def set_chat_mode(self, tx: Transaction, session_id: SessionId, mode: ChatMode) -> None:
        """Change the chat mode within the caller's transaction."""
        await store.change_chat_mode(tx, session_id, mode)
