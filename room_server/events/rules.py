"""A session: one dated occurrence of an event, with its own room.

    SCHEDULED ─┬─► ON_AIR ─► ENDED
               ├─► MISSED           an automated session found too late to start
               └─► CANCELLED        also from ON_AIR

Invariant: `started_at` is set once, on air; ENDED, MISSED and CANCELLED are final.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from room_server.errors import Refused
from room_server.ids import EventId, SessionId, WorkspaceId


class RoomType(StrEnum):
    LIVE = "live"
    AUTOMATED = "automated"


class ChatMode(StrEnum):
    OPEN = "open"
    NONE = "none"
    MODERATED = "moderated"
    REPLY_LATER = "reply_later"


class SessionState(StrEnum):
    SCHEDULED = "scheduled"
    ON_AIR = "on_air"
    ENDED = "ended"
    CANCELLED = "cancelled"
    MISSED = "missed"


class SeatPolicy(StrEnum):
    """What a second device of one link may do: move the seat to itself, or nothing."""

    MOVE = "move"
    REFUSE = "refuse"


DEFAULT_OPENS_BEFORE_S = 900
DEFAULT_ACCENT = "#1f6f78"

_FOLLOWS: dict[SessionState, set[SessionState]] = {
    SessionState.SCHEDULED: {SessionState.ON_AIR, SessionState.MISSED, SessionState.CANCELLED},
    SessionState.ON_AIR: {SessionState.ENDED, SessionState.CANCELLED},
    SessionState.ENDED: set(),
    SessionState.CANCELLED: set(),
    SessionState.MISSED: set(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A programme with one registration page.  `accent` is its colour, `#rrggbb`."""

    event_id: EventId
    workspace_id: WorkspaceId
    title: str
    accent: str = DEFAULT_ACCENT
    opens_before_s: int = DEFAULT_OPENS_BEFORE_S
    seat_policy: SeatPolicy = SeatPolicy.MOVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session with what its room needs of the event.  Instants are UTC; `time_zone` is the hosts'."""

    session_id: SessionId
    event_id: EventId
    event_title: str
    title: str | None
    room_type: RoomType
    starts_at: datetime
    time_zone: str
    planned_length_s: float
    state: SessionState
    started_at: datetime | None
    ended_at: datetime | None
    chat_mode: ChatMode
    accent: str
    opens_before_s: int
    seat_policy: SeatPolicy

    @property
    def opens_at(self) -> datetime:
        return self.starts_at - timedelta(seconds=self.opens_before_s)


@dataclass(frozen=True, slots=True)
class ToPlay:
    """An automated session that is on air, or scheduled to be."""

    session_id: SessionId
    starts_at: datetime
    state: SessionState


def changed(session: Session, state: SessionState, *, now: datetime) -> Session:
    """Return the session in its new state; raise `Refused` when that cannot follow.

    The code says what stands in the way: `session_cancelled`, `session_over`, or `session_not_started`.
    """
    if state not in _FOLLOWS[session.state]:
        if session.state is SessionState.CANCELLED:
            raise Refused("session_cancelled", 410)
        early = session.state is SessionState.SCHEDULED
        raise Refused("session_not_started" if early else "session_over", 409)
    started_at = now if state is SessionState.ON_AIR else session.started_at
    ended_at = None if state is SessionState.ON_AIR else now
    return replace(session, state=state, started_at=started_at, ended_at=ended_at)
