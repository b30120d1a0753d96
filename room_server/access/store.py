"""The access link, seat and device change tables.

Invariant: a seat is written by `put_seat` and freed by `free_seat` alone, and the fence it holds never falls.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from room_server.access.rules import Link, Role, Seat
from room_server.cluster.node import Node
from room_server.ids import ConnectionId, LinkId, NodeId, PersonId, SessionId
from room_server.storage import Instant, Reading, Transaction, metadata

links = Table(
    "access_link",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session_id", String(32), ForeignKey("session.id"), nullable=False, index=True),
    Column("person_id", String(32), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("language", String(8), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("revoked_at", Instant),
    Column("frozen_at", Instant),
    Column("removed_at", Instant),
    Column("removed_by", String(32)),
    Column("created_at", Instant, nullable=False),
)

_ended = or_(links.c.revoked_at.is_not(None), links.c.frozen_at.is_not(None), links.c.removed_at.is_not(None))
"""SQLite uses the index only where a question says the same in the same words."""
Index("ix_access_link_ended", links.c.session_id, sqlite_where=_ended)

seats = Table(
    "seat",
    metadata,
    Column("link_id", String(32), ForeignKey("access_link.id"), primary_key=True),
    Column("session_id", String(32), ForeignKey("session.id"), nullable=False, index=True),
    Column("fence", Integer, nullable=False),
    Column("node_id", String(32), nullable=False),
    Column("node_epoch", Integer, nullable=False),
    Column("connection_id", String(32), unique=True),
    Column("device_key_hash", String(64), nullable=False),
    Column("device", String(100), nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("ticket_hash", String(64), unique=True),
    Column("ticket_expires_at", Instant),
)

device_changes = Table(
    "device_change",
    metadata,
    Column("link_id", String(32), ForeignKey("access_link.id"), primary_key=True),
    Column("fence", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
)


# ---- links


async def add_link(tx: Transaction, link: Link, token_hash: str) -> None:
    await tx.execute(
        insert(links).values(
            id=link.link_id,
            session_id=link.session_id,
            person_id=link.person_id,
            name=link.name,
            role=link.role.value,
            language=link.language,
            token_hash=token_hash,
            version=link.version,
            created_at=tx.now,
        )
    )


_link_of_token = select(links).where(links.c.token_hash == bindparam("token_hash"))
_link_by_id = select(links).where(links.c.id == bindparam("link_id"))


async def link_of_token(reading: Reading, token_hash: str) -> Link | None:
    row = (await reading.execute(_link_of_token, {"token_hash": token_hash})).one_or_none()
    return None if row is None else _link(row)


async def link(reading: Reading, link_id: LinkId) -> Link | None:
    row = (await reading.execute(_link_by_id, {"link_id": link_id})).one_or_none()
    return None if row is None else _link(row)


async def link_of_person(reading: Reading, session_id: SessionId, person_id: PersonId) -> Link | None:
    row = (
        await reading.execute(
            select(links).where(links.c.person_id == person_id, links.c.session_id == session_id)
        )
    ).one_or_none()
    return None if row is None else _link(row)


async def links_of_session(reading: Reading, session_id: SessionId) -> Sequence[Link]:
    """Return the session's links in the order in which they were made."""
    found = await reading.execute(
        select(links).where(links.c.session_id == session_id).order_by(literal_column("access_link.rowid"))
    )
    return [_link(row) for row in found]


async def ended_links(reading: Reading, session_ids: Collection[SessionId]) -> Sequence[Link]:
    """Return the links of these sessions that admit nobody any more; costs nothing for those that do."""
    found = await reading.execute(ended_of(session_ids))
    return [_link(row) for row in found]


def ended_of(session_ids: Collection[SessionId]) -> Select[Any]:
    """Put the question of `ended_links`."""
    return select(links).where(links.c.session_id.in_(session_ids), _ended)


async def freeze_link(tx: Transaction, link_id: LinkId) -> None:
    await tx.execute(update(links).where(links.c.id == link_id).values(frozen_at=tx.now))


async def revoke_link(tx: Transaction, link_id: LinkId) -> None:
    await tx.execute(update(links).where(links.c.id == link_id).values(revoked_at=tx.now))


async def remove_person(tx: Transaction, link_id: LinkId, by: PersonId) -> None:
    await tx.execute(update(links).where(links.c.id == link_id).values(removed_at=tx.now, removed_by=by))


async def reissue_link(tx: Transaction, link_id: LinkId, version: int, token_hash: str) -> None:
    """Give the link another token and let it be used again; a removal stays."""
    await tx.execute(
        update(links)
        .where(links.c.id == link_id)
        .values(version=version, token_hash=token_hash, frozen_at=None, revoked_at=None)
    )
    await tx.execute(delete(device_changes).where(device_changes.c.link_id == link_id))


# ---- seats; what each joining asks is put together once

_seat_of_link = select(seats).where(seats.c.link_id == bindparam("link_id"))
_seat_of_ticket = select(seats).where(seats.c.ticket_hash == bindparam("ticket_hash"))
_held_beside = (
    select(func.count())
    .select_from(seats.join(links, links.c.id == seats.c.link_id))
    .where(
        seats.c.session_id == bindparam("session_id"),
        seats.c.link_id != bindparam("link_id"),
        links.c.role.in_(bindparam("roles", expanding=True)),
        seats.c.connection_id.is_not(None),
        seats.c.node_id == bindparam("node_id"),
        seats.c.node_epoch == bindparam("node_epoch"),
        or_(seats.c.ticket_hash.is_(None), seats.c.ticket_expires_at > bindparam("now")),
    )
)
_new_seat = upsert(seats)
_put_seat = _new_seat.on_conflict_do_update(
    index_elements=["link_id"],
    set_={column.name: _new_seat.excluded[column.name] for column in seats.c if column.name != "link_id"},
    where=seats.c.fence < _new_seat.excluded.fence,
)
_use_ticket = (
    update(seats)
    .where(seats.c.link_id == bindparam("of_link"), seats.c.fence == bindparam("of_fence"))
    .values(ticket_hash=None, ticket_expires_at=None)
)
_fence_holds = select(seats.c.link_id).where(
    seats.c.connection_id == bindparam("connection_id"),
    seats.c.fence == bindparam("fence"),
    seats.c.node_id == bindparam("node_id"),
    seats.c.node_epoch == bindparam("node_epoch"),
)


async def seat(reading: Reading, link_id: LinkId) -> Seat | None:
    row = (await reading.execute(_seat_of_link, {"link_id": link_id})).one_or_none()
    return None if row is None else _seat(row)


async def seat_of_ticket(reading: Reading, ticket_hash: str) -> Seat | None:
    row = (await reading.execute(_seat_of_ticket, {"ticket_hash": ticket_hash})).one_or_none()
    return None if row is None else _seat(row)


async def count_held_beside(reading: Reading, link: Link, node: Node, now: datetime) -> int:
    """Return how many seats of the link's session its role's other people hold or were promised."""
    asked = {
        "session_id": link.session_id,
        "link_id": link.link_id,
        "roles": [role.value for role in link.role.shares_places_with],
        "node_id": node.node_id,
        "node_epoch": node.epoch,
        "now": now,
    }
    found = await reading.execute(_held_beside, asked)
    return int(found.scalar_one())


async def free_session(
    tx: Transaction, session_id: SessionId, node: Node
) -> Sequence[tuple[LinkId, ConnectionId]]:
    """Free every seat of the session and return the connections that held them on `node`."""
    sitting = seats.c.session_id == session_id, seats.c.connection_id.is_not(None)
    found = await tx.execute(
        select(seats.c.link_id, seats.c.connection_id).where(
            *sitting, seats.c.node_id == node.node_id, seats.c.node_epoch == node.epoch
        )
    )
    freed = [(LinkId(row.link_id), ConnectionId(row.connection_id)) for row in found]
    await tx.execute(
        update(seats).where(*sitting).values(connection_id=None, ticket_hash=None, ticket_expires_at=None)
    )
    return freed


async def put_seat(tx: Transaction, seat: Seat) -> None:
    """Store a seat with a risen fence; the row of a lower one gives way, one of a higher stays."""
    values = {
        "link_id": seat.link_id,
        "session_id": seat.session_id,
        "fence": seat.fence,
        "node_id": seat.node.node_id,
        "node_epoch": seat.node.epoch,
        "connection_id": seat.connection_id,
        "device_key_hash": seat.device_key_hash,
        "device": seat.device,
        "taken_at": seat.taken_at,
        "ticket_hash": seat.ticket_hash,
        "ticket_expires_at": seat.ticket_expires_at,
    }
    await tx.execute(_put_seat, values)


async def use_ticket(tx: Transaction, link_id: LinkId, fence: int) -> None:
    await tx.execute(_use_ticket, {"of_link": link_id, "of_fence": fence})


async def free_seat(tx: Transaction, link_id: LinkId, fence: int) -> None:
    """Free the seat if it is still the one with this fence."""
    await tx.execute(
        update(seats)
        .where(seats.c.link_id == link_id, seats.c.fence == fence)
        .values(connection_id=None, ticket_hash=None, ticket_expires_at=None)
    )


async def fence_holds(reading: Reading, connection_id: ConnectionId, fence: int, node: Node) -> bool:
    """Return whether the seat is still this connection's.

    A durable write made for a connection asks this in its own transaction.
    """
    asked = {
        "connection_id": connection_id,
        "fence": fence,
        "node_id": node.node_id,
        "node_epoch": node.epoch,
    }
    found = await reading.execute(_fence_holds, asked)
    return found.one_or_none() is not None


# ---- device changes


_count_changes = (
    select(func.count())
    .select_from(device_changes)
    .where(device_changes.c.link_id == bindparam("link_id"), device_changes.c.at > bindparam("since"))
)
_forget_changes = delete(device_changes).where(
    device_changes.c.link_id == bindparam("of_link"), device_changes.c.at <= bindparam("before")
)
_add_change = insert(device_changes)


async def count_changes(reading: Reading, link_id: LinkId, since: datetime) -> int:
    found = await reading.execute(_count_changes, {"link_id": link_id, "since": since})
    return int(found.scalar_one())


async def add_change(tx: Transaction, link_id: LinkId, fence: int, forget_before: datetime) -> None:
    await tx.execute(_forget_changes, {"of_link": link_id, "before": forget_before})
    await tx.execute(_add_change, {"link_id": link_id, "fence": fence, "at": tx.now})


def _link(row: Row[Any]) -> Link:
    return Link(
        link_id=LinkId(row.id),
        session_id=SessionId(row.session_id),
        person_id=PersonId(row.person_id),
        name=row.name,
        role=Role(row.role),
        language=row.language,
        version=row.version,
        revoked_at=row.revoked_at,
        frozen_at=row.frozen_at,
        removed_at=row.removed_at,
    )


def _seat(row: Row[Any]) -> Seat:
    return Seat(
        link_id=LinkId(row.link_id),
        session_id=SessionId(row.session_id),
        fence=row.fence,
        node=Node(NodeId(row.node_id), row.node_epoch),
        connection_id=None if row.connection_id is None else ConnectionId(row.connection_id),
        device_key_hash=row.device_key_hash,
        device=row.device,
        taken_at=row.taken_at,
        ticket_hash=row.ticket_hash,
        ticket_expires_at=row.ticket_expires_at,
    )
