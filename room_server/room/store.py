"""The room's tables: messages, plans, runs, transports, stage rights, launched CTAs.

Invariant: a session has one run, and its transport rows are numbered without a gap; callers prove the seat's
fence (`Access.check_holds`) and the run's (`require_run`) in the transaction that writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from playback.clock import Motion
from room_server.cluster.node import Node
from room_server.errors import Refused
from room_server.events.rules import ChatMode
from room_server.ids import CtaId, MessageId, PersonId, SessionId
from room_server.room.chat import HISTORY_MESSAGES, Message, MessageState
from room_server.room.course import Cause, Launch, Plan, TransportRow
from room_server.room.plan_document import plan_from, plan_to
from room_server.storage import Instant, Reading, Transaction, metadata

messages = Table(
    "message",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session_id", String(32), ForeignKey("session.id"), nullable=False),
    Column("author_id", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("author_name", String(200), nullable=False),
    Column("by_team", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("mode", String(16), nullable=False, server_default=ChatMode.REPLY_LATER.value),
    Column("decided_by", String(32)),
    Column("decided_at", Instant),
    UniqueConstraint("session_id", "author_id", "key"),
    Index("ix_message_session_id_state_sent_at", "session_id", "state", "sent_at"),
)

plans = Table(
    "plan",
    metadata,
    Column("session_id", String(32), ForeignKey("session.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("document", JSON, nullable=False),
    Column("saved_at", Instant, nullable=False),
)

runs = Table(
    "session_run",
    metadata,
    Column("session_id", String(32), ForeignKey("session.id"), primary_key=True),
    Column("node_id", String(32), nullable=False),
    Column("node_epoch", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("claimed_at", Instant, nullable=False),
)

transports = Table(
    "transport",
    metadata,
    Column("session_id", String(32), ForeignKey("session.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("position_s", Float, nullable=False),
    Column("motion", String(16), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("by_name", String(200)),
)

stage_rights = Table(
    "stage_right",
    metadata,
    Column("session_id", String(32), ForeignKey("session.id"), primary_key=True),
    Column("person_id", String(32), primary_key=True),
    Column("invited", Boolean, nullable=False),
    Column("muted", Boolean, nullable=False),
    Column("place", Integer),
)

launches = Table(
    "cta_launch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session_id", String(32), ForeignKey("session.id"), nullable=False),
    Column("cta_id", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("ix_cta_launch_session_id_until", "session_id", "until"),
)


# ---- chat


async def add_message(tx: Transaction, session_id: SessionId, key: str, message: Message) -> None:
    await tx.execute(
        insert(messages).values(
            id=message.message_id,
            session_id=session_id,
            author_id=message.author_id,
            key=key,
            author_name=message.author_name,
            by_team=message.by_team,
            text=message.text,
            state=message.state.value,
            sent_at=message.sent_at,
            mode=message.mode.value,
        )
    )


async def message_by_key(
    reading: Reading, session_id: SessionId, author_id: PersonId, key: str
) -> Message | None:
    found = await reading.execute(
        select(messages).where(
            messages.c.session_id == session_id, messages.c.author_id == author_id, messages.c.key == key
        )
    )
    row = found.one_or_none()
    return None if row is None else _message(row)


async def message(reading: Reading, session_id: SessionId, message_id: MessageId) -> Message:
    """Raise `Refused` unknown_message, also for a message of another room."""
    found = await reading.execute(
        select(messages).where(messages.c.session_id == session_id, messages.c.id == message_id)
    )
    row = found.one_or_none()
    if row is None:
        raise Refused("unknown_message", 404)
    return _message(row)


async def decide(tx: Transaction, decided: Message, by: PersonId) -> None:
    """Store what became of a held message, and who decided."""
    await tx.execute(
        update(messages)
        .where(messages.c.id == decided.message_id, messages.c.state == MessageState.HELD.value)
        .values(state=decided.state.value, decided_by=by, decided_at=tx.now)
    )


async def all_messages(reading: Reading, session_id: SessionId) -> tuple[Message, ...]:
    """Return every message of the session, whatever became of it, oldest first."""
    found = await reading.execute(
        select(messages)
        .where(messages.c.session_id == session_id)
        .order_by(messages.c.sent_at, messages.c.id)
    )
    return tuple(_message(row) for row in found)


async def newest_published(reading: Reading, session_id: SessionId) -> tuple[Message, ...]:
    """Return the published messages that a room shows, oldest first."""
    found = await reading.execute(
        select(messages)
        .where(messages.c.session_id == session_id, messages.c.state == MessageState.PUBLISHED.value)
        .order_by(messages.c.sent_at.desc(), messages.c.id.desc())
        .limit(HISTORY_MESSAGES)
    )
    return tuple(reversed([_message(row) for row in found]))


async def held_messages(reading: Reading, session_id: SessionId) -> tuple[Message, ...]:
    """Return every message that waits for a decision, oldest first."""
    found = await reading.execute(
        select(messages)
        .where(messages.c.session_id == session_id, messages.c.state == MessageState.HELD.value)
        .order_by(messages.c.sent_at, messages.c.id)
    )
    return tuple(_message(row) for row in found)


def _message(row: Row[Any]) -> Message:
    return Message(
        MessageId(row.id),
        PersonId(row.author_id),
        row.author_name,
        row.by_team,
        row.text,
        MessageState(row.state),
        row.sent_at,
        ChatMode(row.mode),
    )


# ---- plans


async def save_plan(tx: Transaction, session_id: SessionId, plan: Plan) -> None:
    """Save the whole.  Raise `Refused` plan_changed unless the stored version is the one before."""
    if plan.version == 1:
        await tx.execute(
            insert(plans).values(session_id=session_id, version=1, document=plan_to(plan), saved_at=tx.now)
        )
        return
    saved = await tx.change(
        update(plans)
        .where(plans.c.session_id == session_id, plans.c.version == plan.version - 1)
        .values(version=plan.version, document=plan_to(plan), saved_at=tx.now)
    )
    if saved != 1:
        raise Refused("plan_changed")


async def plan(reading: Reading, session_id: SessionId) -> Plan | None:
    row = (await reading.execute(select(plans).where(plans.c.session_id == session_id))).one_or_none()
    return None if row is None else plan_from(row.version, row.document)


# ---- runs and transports


async def claim_run(tx: Transaction, session_id: SessionId, node: Node) -> int:
    """Make this node the owner of the run, new or inherited, and return its fence."""
    row = (await tx.execute(select(runs.c.fence).where(runs.c.session_id == session_id))).one_or_none()
    fence = 1 if row is None else int(row.fence) + 1
    owner = {"node_id": node.node_id, "node_epoch": node.epoch, "fence": fence}
    if row is None:
        await tx.execute(insert(runs).values(session_id=session_id, claimed_at=tx.now, **owner))
    else:
        await tx.execute(update(runs).where(runs.c.session_id == session_id).values(**owner))
    return fence


async def require_run(tx: Transaction, session_id: SessionId, fence: int) -> None:
    """Raise `Refused` run_lost unless the run still has this fence."""
    held = await tx.execute(
        select(runs.c.fence).where(runs.c.session_id == session_id, runs.c.fence == fence)
    )
    if held.one_or_none() is None:
        raise Refused("run_lost")


async def add_transport(tx: Transaction, session_id: SessionId, fence: int, row: TransportRow) -> None:
    await tx.execute(
        insert(transports).values(
            session_id=session_id,
            seq=row.seq,
            fence=fence,
            at=row.at,
            position_s=row.position_s,
            motion=row.motion.value,
            cause=row.cause.value,
            by_name=row.by_name,
        )
    )


async def last_transport(reading: Reading, session_id: SessionId) -> TransportRow | None:
    found = await reading.execute(
        select(transports)
        .where(transports.c.session_id == session_id)
        .order_by(transports.c.seq.desc())
        .limit(1)
    )
    row = found.one_or_none()
    if row is None:
        return None
    return TransportRow(row.seq, row.at, row.position_s, Motion(row.motion), Cause(row.cause), row.by_name)


# ---- the stage and CTAs


async def set_invited(tx: Transaction, session_id: SessionId, person_id: PersonId, invited: bool) -> None:
    await _set_right(tx, session_id, person_id, {"invited": invited, "muted": False}, {"invited": invited})


async def set_muted(tx: Transaction, session_id: SessionId, person_id: PersonId, muted: bool) -> None:
    await _set_right(tx, session_id, person_id, {"invited": False, "muted": muted}, {"muted": muted})


async def set_place(tx: Transaction, session_id: SessionId, person_id: PersonId, place: int) -> None:
    """Put `person_id` on the stage, in a place that whoever had it loses."""
    await tx.execute(
        update(stage_rights)
        .where(stage_rights.c.session_id == session_id, stage_rights.c.place == place)
        .values(place=None)
    )
    new = {"invited": False, "muted": False, "place": place}
    await _set_right(tx, session_id, person_id, new, {"place": place})


async def step_off(tx: Transaction, session_id: SessionId, person_id: PersonId) -> None:
    """Take `person_id` off the stage and end their invitation; a mute stays."""
    await tx.execute(
        update(stage_rights)
        .where(stage_rights.c.session_id == session_id, stage_rights.c.person_id == person_id)
        .values(invited=False, place=None)
    )


async def _set_right(
    tx: Transaction,
    session_id: SessionId,
    person_id: PersonId,
    new: Mapping[str, bool | int],
    known: Mapping[str, bool | int],
) -> None:
    await tx.execute(
        upsert(stage_rights)
        .values(session_id=session_id, person_id=person_id, **new)
        .on_conflict_do_update(index_elements=["session_id", "person_id"], set_=known)
    )


async def stage_people(
    reading: Reading, session_id: SessionId
) -> tuple[frozenset[PersonId], frozenset[PersonId], tuple[tuple[PersonId, int], ...]]:
    """Return who is invited to the stage, who is muted, and who stands in which place of it."""
    rows = list(
        await reading.execute(
            select(stage_rights).where(stage_rights.c.session_id == session_id).order_by(stage_rights.c.place)
        )
    )
    invited = frozenset(PersonId(row.person_id) for row in rows if row.invited)
    muted = frozenset(PersonId(row.person_id) for row in rows if row.muted)
    return invited, muted, tuple((PersonId(row.person_id), row.place) for row in rows if row.place)


async def add_launch(tx: Transaction, session_id: SessionId, launch: Launch) -> None:
    await tx.execute(
        insert(launches).values(session_id=session_id, cta_id=launch.cta_id, at=launch.at, until=launch.until)
    )


async def end_launches(tx: Transaction, session_id: SessionId, cta_id: CtaId, now: datetime) -> None:
    """Let every launch of a CTA that would last longer end now."""
    await tx.execute(
        update(launches)
        .where(launches.c.session_id == session_id, launches.c.cta_id == cta_id, launches.c.until > now)
        .values(until=now)
    )


async def launches_after(reading: Reading, session_id: SessionId, now: datetime) -> Sequence[Launch]:
    """Return the launches not over at `now`, the last of each CTA, in the order they were made."""
    found = await reading.execute(
        select(launches)
        .where(launches.c.session_id == session_id, launches.c.until > now)
        .order_by(launches.c.id)
    )
    last = {row.cta_id: Launch(CtaId(row.cta_id), row.at, row.until) for row in found}
    return sorted(last.values(), key=lambda launch: launch.at)
