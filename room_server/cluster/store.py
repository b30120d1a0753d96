"""The node table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, insert, select, update

from room_server.ids import NodeId
from room_server.storage import Instant, Transaction, metadata

nodes = Table(
    "node",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
)


async def raise_epoch(tx: Transaction, node_id: NodeId, expires_at: datetime) -> int:
    """Begin the node's next epoch and return it; the first is 1."""
    row = (await tx.execute(select(nodes.c.epoch).where(nodes.c.id == node_id))).one_or_none()
    if row is None:
        await tx.execute(insert(nodes).values(id=node_id, epoch=1, expires_at=expires_at))
        return 1
    await tx.execute(
        update(nodes).where(nodes.c.id == node_id).values(epoch=row.epoch + 1, expires_at=expires_at)
    )
    return int(row.epoch) + 1


async def renew(tx: Transaction, node_id: NodeId, epoch: int, expires_at: datetime) -> bool:
    """Prolong the lease; return False when somebody raised the epoch meanwhile."""
    renewed = await tx.change(
        update(nodes).where(nodes.c.id == node_id, nodes.c.epoch == epoch).values(expires_at=expires_at)
    )
    return renewed == 1
