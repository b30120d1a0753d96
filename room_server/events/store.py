"""The event and session tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from room_server.events.rules import ChatMode, Event, RoomType, SeatPolicy, Session, SessionState, ToPlay
from room_server.ids import EventId, SessionId, WorkspaceId
from room_server.storage import Instant, Reading, Transaction, metadata

events = Table(
    "event",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("workspace_id", String(32), ForeignKey("workspace.id"), nullable=False, index=True),
    Column("title", String(300), nullable=False),
    Column("accent", String(9), nullable=False),
    Column("opens_before_s", Integer, nullable=False),
    Column("seat_policy", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
)

sessions = Table(
    "session",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("event_id", String(32), ForeignKey("event.id"), nullable=False, index=True),
    Column("title", String(300)),
    Column("room_type", String(16), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("planned_length_s", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("chat_mode", String(16), nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("created_at", Instant, nullable=False),
    Index("ix_session_state_starts_at", "state", "starts_at"),
)


async def add_event(tx: Transaction, event: Event) -> None:
    await tx.execute(
        insert(events).values(
            id=event.event_id,
            workspace_id=event.workspace_id,
            title=event.title,
            accent=event.accent,
            opens_before_s=event.opens_before_s,
            seat_policy=event.seat_policy.value,
            created_at=tx.now,
        )
    )


async def add_session(tx: Transaction, session: Session) -> None:
    await tx.execute(
        insert(sessions).values(
            id=session.session_id,
            event_id=session.event_id,
            title=session.title,
            room_type=session.room_type.value,
            starts_at=session.starts_at,
            time_zone=session.time_zone,
            planned_length_s=session.planned_length_s,
            state=session.state.value,
            chat_mode=session.chat_mode.value,
            started_at=session.started_at,
            ended_at=session.ended_at,
            created_at=tx.now,
        )
    )


async def event(reading: Reading, event_id: EventId) -> Event | None:
    row = (await reading.execute(select(events).where(events.c.id == event_id))).one_or_none()
    if row is None:
        return None
    return Event(
        event_id=EventId(row.id),
        workspace_id=WorkspaceId(row.workspace_id),
        title=row.title,
        accent=row.accent,
        opens_before_s=row.opens_before_s,
        seat_policy=SeatPolicy(row.seat_policy),
    )


_sessions = select(
    sessions,
    events.c.title.label("event_title"),
    events.c.accent,
    events.c.opens_before_s,
    events.c.seat_policy,
).join(events, events.c.id == sessions.c.event_id)
_session_by_id = _sessions.where(sessions.c.id == bindparam("session_id"))


async def session(reading: Reading, session_id: SessionId) -> Session | None:
    row = (await reading.execute(_session_by_id, {"session_id": session_id})).one_or_none()
    return None if row is None else _session(row)


async def of_workspace(reading: Reading, workspace_id: WorkspaceId) -> Sequence[Session]:
    """Return the workspace's sessions in the order in which they were made."""
    found = await reading.execute(
        _sessions.where(events.c.workspace_id == workspace_id).order_by(literal_column("session.rowid"))
    )
    return [_session(row) for row in found]


_to_play = (
    select(sessions.c.id, sessions.c.starts_at, sessions.c.state)
    .where(
        sessions.c.room_type == RoomType.AUTOMATED.value,
        or_(
            sessions.c.state == SessionState.ON_AIR.value,
            and_(
                sessions.c.state == SessionState.SCHEDULED.value,
                sessions.c.starts_at <= bindparam("until", type_=Instant),
            ),
        ),
    )
    .order_by(sessions.c.starts_at)
)


async def to_play(reading: Reading, until: datetime) -> Sequence[ToPlay]:
    """Return the automated sessions on air, and the scheduled ones that start until then, oldest first.

    Asked several times a second, so the question is put together once and asks for no more than it takes.
    """
    found = await reading.execute(_to_play, {"until": until})
    return [ToPlay(SessionId(row.id), row.starts_at, SessionState(row.state)) for row in found]


async def all_sessions(reading: Reading) -> Sequence[Session]:
    found = await reading.execute(_sessions.order_by(sessions.c.starts_at, sessions.c.id))
    return [_session(row) for row in found]


async def cancelled_among(reading: Reading, session_ids: Collection[SessionId]) -> Sequence[Session]:
    """Return those of `session_ids` that are cancelled."""
    found = await reading.execute(
        _sessions.where(sessions.c.id.in_(session_ids), sessions.c.state == SessionState.CANCELLED.value)
    )
    return [_session(row) for row in found]


async def change_state(
    tx: Transaction,
    session_id: SessionId,
    after: SessionState,
    state: SessionState,
    *,
    started_at: datetime | None,
    ended_at: datetime | None,
) -> bool:
    """Pass from `after` to `state`; return False when another transaction was first."""
    changed = await tx.change(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.state == after.value)
        .values(state=state.value, started_at=started_at, ended_at=ended_at)
    )
    return changed == 1


async def change_chat_mode(tx: Transaction, session_id: SessionId, mode: ChatMode) -> None:
    await tx.execute(update(sessions).where(sessions.c.id == session_id).values(chat_mode=mode.value))


def _session(row: Row[Any]) -> Session:
    return Session(
        session_id=SessionId(row.id),
        event_id=EventId(row.event_id),
        event_title=row.event_title,
        title=row.title,
        room_type=RoomType(row.room_type),
        starts_at=row.starts_at,
        time_zone=row.time_zone,
        planned_length_s=row.planned_length_s,
        state=SessionState(row.state),
        started_at=row.started_at,
        ended_at=row.ended_at,
        chat_mode=ChatMode(row.chat_mode),
        accent=row.accent,
        opens_before_s=row.opens_before_s,
        seat_policy=SeatPolicy(row.seat_policy),
    )
