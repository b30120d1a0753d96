"""Rules of access: who may enter, who holds the seat, when a device moves it.

    seat: FREE ──take──► PROMISED ──ticket used──► HELD ──release──► FREE
           ▲                │  10 s, ticket unused    │
           └────────────────┘                         └──take──► PROMISED to another, the old one closes

    link: ACTIVE ─► REVOKED | FROZEN;  a removed person's link stays REMOVED, whatever else it is

Invariants: `fence` of a link only rises; a seat of an earlier epoch of its node is free; removal outranks
resume; nothing here reads a clock, a database or randomness.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from room_server.cluster.node import Node
from room_server.errors import Refused
from room_server.events.rules import SeatPolicy, Session, SessionState
from room_server.ids import ConnectionId, LinkId, PersonId, SessionId

TICKET_LASTS = timedelta(seconds=10)
CHANGES_ALLOWED = 3
"""Changes of device that a link may see within `CHANGES_WINDOW`; one more freezes it."""
CHANGES_WINDOW = timedelta(minutes=10)
TEAM_PER_ROOM = 50
"""Hosts and moderators of one session at once: places that participants cannot take from them."""


class Role(StrEnum):
    HOST = "host"
    MODERATOR = "moderator"
    PARTICIPANT = "participant"

    @property
    def shares_places_with(self) -> frozenset[Role]:
        """The roles that share places with this one: participants theirs, the team its own."""
        participants = frozenset({Role.PARTICIPANT})
        return participants if self is Role.PARTICIPANT else frozenset(Role) - participants


class TakeOver(StrEnum):
    """What to do about another device that holds the seat.

    ALWAYS_ASK: about the same one, too, where what passes for a device may be two players at one address.
    """

    ASK = "ask"
    ALWAYS_ASK = "always_ask"
    MOVE = "move"


class LinkState(StrEnum):
    ACTIVE = "active"
    REVOKED = "revoked"
    FROZEN = "frozen"
    REMOVED = "removed"


class PageState(StrEnum):
    """What the access page has to say."""

    OPEN = "open"
    EARLY = "early"
    OVER = "over"
    CANCELLED = "cancelled"
    REVOKED = "revoked"
    FROZEN = "frozen"
    REMOVED = "removed"
    UNKNOWN = "unknown"


class ClosingReason(StrEnum):
    """Why somebody's seat is gone for good."""

    REMOVED = "removed"
    SESSION_OVER = "session_over"
    SESSION_CANCELLED = "session_cancelled"
    LINK_REVOKED = "link_revoked"
    LINK_FROZEN = "link_frozen"


@dataclass(frozen=True, slots=True)
class SeatMovedTo:
    """The seat went to another connection, on `device`."""

    device: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Removed:
    """The seat is gone."""

    reason: ClosingReason


Closing = SeatMovedTo | Removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An access link: one person in one session."""

    link_id: LinkId
    session_id: SessionId
    person_id: PersonId
    name: str = field(repr=False)
    role: Role
    language: str
    version: int
    revoked_at: datetime | None = None
    frozen_at: datetime | None = None
    removed_at: datetime | None = None

    @property
    def state(self) -> LinkState:
        if self.removed_at:
            return LinkState.REMOVED
        if self.revoked_at:
            return LinkState.REVOKED
        return LinkState.FROZEN if self.frozen_at else LinkState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The one live connection of a link; `connection_id` is None while nobody sits."""

    link_id: LinkId
    session_id: SessionId
    fence: int
    node: Node
    connection_id: ConnectionId | None
    device_key_hash: str = field(repr=False)
    device: str
    taken_at: datetime
    ticket_hash: str | None = field(default=None, repr=False)
    ticket_expires_at: datetime | None = None

    def held(self, node: Node, now: datetime) -> bool:
        """Return whether somebody sits here, or was promised to, while `node` is the one that lives."""
        if self.connection_id is None or self.node != node:
            return False
        return self.ticket_hash is None or self.ticket_expires_at is None or now < self.ticket_expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A connection that holds a seat: what signalling and the room know of it.

    Every durable write made for it carries `fence`.
    """

    connection_id: ConnectionId
    link_id: LinkId
    person_id: PersonId
    session_id: SessionId
    fence: int
    name: str = field(repr=False)
    role: Role
    language: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody pressed *Join*: from which device, and the names made up for the new connection."""

    device_key_hash: str = field(repr=False)
    device: str
    take_over: TakeOver
    connection_id: ConnectionId
    ticket_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Take:
    """The seat is granted: `seat` is to be stored, `displaced` to be closed before the new one is told."""

    seat: Seat
    displaced: ConnectionId | None
    device_changed: bool


@dataclass(frozen=True, slots=True)
class Freeze:
    """One change of device too many: the link is to be frozen and `displaced` to be closed."""

    displaced: ConnectionId | None


def closing_reason(state: LinkState) -> ClosingReason | None:
    """Return what whoever sits on a link in that state is to be told; None when they may stay."""
    return _CLOSES.get(state)


_CLOSES = {
    LinkState.REMOVED: ClosingReason.REMOVED,
    LinkState.REVOKED: ClosingReason.LINK_REVOKED,
    LinkState.FROZEN: ClosingReason.LINK_FROZEN,
}


def page_state(link: Link, session: Session, now: datetime) -> PageState:
    """Return what a visitor of the link is to be told."""
    if link.state is not LinkState.ACTIVE:
        return PageState(link.state.value)
    if session.state is SessionState.CANCELLED:
        return PageState.CANCELLED
    if session.state in (SessionState.ENDED, SessionState.MISSED):
        return PageState.OVER
    if session.state is SessionState.SCHEDULED and now < session.opens_at:
        return PageState.EARLY
    return PageState.OPEN


def check_open(link: Link, session: Session, now: datetime) -> None:
    """Return when the link may be used now; raise `Refused` with what `POST /api/join` answers."""
    match page_state(link, session, now):
        case PageState.REMOVED:
            raise Refused("removed", 403)
        case PageState.REVOKED:
            raise Refused("link_revoked", 410)
        case PageState.FROZEN:
            raise Refused("link_frozen", 423)
        case PageState.CANCELLED:
            raise Refused("session_cancelled", 410)
        case PageState.OVER:
            raise Refused("session_over", 410)
        case PageState.EARLY:
            raise Refused("not_open_yet", 425, {"opens_at": session.opens_at, "time_zone": session.time_zone})
        case _:
            return


def take(
    link: Link,
    session: Session,
    seat: Seat | None,
    request: Request,
    recent_changes: int,
    *,
    node: Node,
    now: datetime,
) -> Take | Freeze:
    """Grant the seat of a link that `check_open` let pass.

    The same browser resumes silently, unless it wants to be asked.  Another one moves the seat if it asked to
    and the event lets it; `recent_changes` counts the changes of device within `CHANGES_WINDOW` before `now`.
    Raises `Refused("seat_taken")` with `device`, `since` and the event's `policy`.
    """
    held = seat is not None and seat.held(node, now)
    changed = seat is not None and seat.device_key_hash != request.device_key_hash
    may_move = request.take_over is TakeOver.MOVE and session.seat_policy is SeatPolicy.MOVE
    asks = changed or request.take_over is TakeOver.ALWAYS_ASK
    if seat is not None and held and asks and not may_move:
        raise Refused("seat_taken", 409, _occupied(seat, session))
    displaced = seat.connection_id if seat is not None and held else None
    if changed and recent_changes >= CHANGES_ALLOWED:
        return Freeze(displaced)
    resumed_since = seat.taken_at if seat is not None and held and not changed else now
    granted = Seat(
        link_id=link.link_id,
        session_id=link.session_id,
        fence=1 if seat is None else seat.fence + 1,
        node=node,
        connection_id=request.connection_id,
        device_key_hash=request.device_key_hash,
        device=request.device,
        taken_at=resumed_since,
        ticket_hash=request.ticket_hash,
        ticket_expires_at=now + TICKET_LASTS,
    )
    return Take(granted, displaced, device_changed=changed)


def check_room(role: Role, held: int, people_per_room: int) -> None:
    """Return when one more of `role` may sit beside `held` others that share its places.

    Raises `Refused("room_full")`.
    """
    places = people_per_room if role is Role.PARTICIPANT else TEAM_PER_ROOM
    if held >= places:
        raise Refused("room_full", 503)


def _occupied(seat: Seat, session: Session) -> dict[str, object]:
    return {
        "device": seat.device,
        "since": seat.taken_at,
        "time_zone": session.time_zone,
        "policy": session.seat_policy.value,
    }


def check_ticket(seat: Seat | None, *, node: Node, now: datetime) -> None:
    """Return when the ticket that found `seat` may be used now; raise `Refused("ticket_invalid")`."""
    if seat is None or seat.ticket_hash is None or not seat.held(node, now):
        raise Refused("ticket_invalid", 403)
