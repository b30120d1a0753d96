"""Workspaces: what owns events."""

from __future__ import annotations

from room_server import ids
from room_server.accounts.store import workspaces as store
from room_server.errors import Refused
from room_server.ids import WorkspaceId
from room_server.storage import Database, Reading, Transaction


class Workspaces:
    """Making and finding workspaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str) -> WorkspaceId:
        async with self._database.transaction() as tx:
            return await self.create_in(tx, name)

    async def create_in(self, tx: Transaction, name: str) -> WorkspaceId:
        """Like `create`, within the caller's transaction."""
        workspace_id = WorkspaceId(ids.new())
        await store.add(tx, workspace_id, name, tx.now)
        return workspace_id

    async def named(self, name: str) -> WorkspaceId | None:
        async with self._database.reading() as reading:
            return await self.named_in(reading, name)

    async def named_in(self, reading: Reading, name: str) -> WorkspaceId | None:
        """Like `named`, as the caller's transaction sees it."""
        return await store.named(reading, name)


async def check_host_access(reading: Reading, workspace_id: WorkspaceId) -> None:
    """Raise `Refused("host_access_needed")` unless the workspace was granted host access (GOV-5)."""
    if await store.hosts_since(reading, workspace_id) is None:
        raise Refused("host_access_needed", 403)
