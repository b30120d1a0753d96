"""The workspace table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, String, Table, insert, select

from room_server.ids import WorkspaceId
from room_server.storage import Instant, Reading, Transaction, metadata

workspaces = Table(
    "workspace",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
)


async def add(tx: Transaction, workspace_id: WorkspaceId, name: str, now: datetime) -> None:
    await tx.execute(insert(workspaces).values(id=workspace_id, name=name, created_at=now))


async def named(reading: Reading, name: str) -> WorkspaceId | None:
    """Return the oldest workspace called `name`."""
    found = await reading.execute(
        select(workspaces.c.id).where(workspaces.c.name == name).order_by(workspaces.c.created_at).limit(1)
    )
    return found.scalar_one_or_none()
