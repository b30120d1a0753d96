"""The workspace table, and who belongs to which."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, Row, String, Table, delete, func, insert, select, update

from room_server.accounts.rules import Membership, Role, Workspace
from room_server.accounts.store.people import accounts
from room_server.ids import AccountId, WorkspaceId
from room_server.storage import Instant, Reading, Transaction, metadata

workspaces = Table(
    "workspace",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("hosts_since", Instant),
    Column("team_changes", Integer, nullable=False, server_default="0"),
)

memberships = Table(
    "membership",
    metadata,
    Column("workspace_id", String(32), ForeignKey("workspace.id"), primary_key=True),
    Column("account_id", String(32), ForeignKey("account.id"), primary_key=True, index=True),
    Column("role", String(16), nullable=False),
    Column("joined_at", Instant, nullable=False),
)


async def add(tx: Transaction, workspace_id: WorkspaceId, name: str, now: datetime) -> None:
    """Make a workspace that may host: nobody makes one otherwise than by the operator's leave."""
    await tx.execute(
        insert(workspaces).values(id=workspace_id, name=name, created_at=now, hosts_since=now, team_changes=0)
    )


async def named(reading: Reading, name: str) -> WorkspaceId | None:
    """Return the oldest workspace called `name`."""
    found = await reading.execute(
        select(workspaces.c.id).where(workspaces.c.name == name).order_by(workspaces.c.created_at).limit(1)
    )
    return found.scalar_one_or_none()


async def name_of(reading: Reading, workspace_id: WorkspaceId) -> str | None:
    found = await reading.execute(select(workspaces.c.name).where(workspaces.c.id == workspace_id))
    return found.scalar_one_or_none()


async def hosts_since(reading: Reading, workspace_id: WorkspaceId) -> datetime | None:
    """Return since when the workspace may host; None when it may not, or is not there."""
    found = await reading.execute(select(workspaces.c.hosts_since).where(workspaces.c.id == workspace_id))
    return found.scalar_one_or_none()


async def lock_team(tx: Transaction, workspace_id: WorkspaceId) -> None:
    """Let no other transaction decide about the team before this one's end.

    SQLite has one writer anyhow; elsewhere the row that is written is locked.
    """
    await tx.change(
        update(workspaces)
        .where(workspaces.c.id == workspace_id)
        .values(team_changes=workspaces.c.team_changes + 1)
    )


# ---- members


async def put_member(tx: Transaction, workspace_id: WorkspaceId, account_id: AccountId, role: Role) -> None:
    """Give the role, to one who belongs to the workspace as to one who does not yet."""
    theirs = (memberships.c.workspace_id == workspace_id) & (memberships.c.account_id == account_id)
    if await tx.change(update(memberships).where(theirs).values(role=role.value)) == 0:
        await tx.execute(
            insert(memberships).values(
                workspace_id=workspace_id, account_id=account_id, role=role.value, joined_at=tx.now
            )
        )


async def remove_member(tx: Transaction, workspace_id: WorkspaceId, account_id: AccountId) -> None:
    await tx.execute(
        delete(memberships).where(
            memberships.c.workspace_id == workspace_id, memberships.c.account_id == account_id
        )
    )


async def role_of(reading: Reading, workspace_id: WorkspaceId, account_id: AccountId) -> Role | None:
    found = await reading.execute(
        select(memberships.c.role).where(
            memberships.c.workspace_id == workspace_id, memberships.c.account_id == account_id
        )
    )
    role = found.scalar_one_or_none()
    return None if role is None else Role(role)


async def count_owners(reading: Reading, workspace_id: WorkspaceId) -> int:
    found = await reading.execute(
        select(func.count())
        .select_from(memberships)
        .where(memberships.c.workspace_id == workspace_id, memberships.c.role == Role.OWNER.value)
    )
    return int(found.scalar_one())


async def members(reading: Reading, workspace_id: WorkspaceId) -> Sequence[Membership]:
    """Return the team, in the order in which they joined."""
    found = await reading.execute(
        _members().where(memberships.c.workspace_id == workspace_id).order_by(memberships.c.joined_at)
    )
    return [_membership(row) for row in found]


async def member(reading: Reading, workspace_id: WorkspaceId, account_id: AccountId) -> Membership | None:
    found = await reading.execute(
        _members().where(memberships.c.workspace_id == workspace_id, memberships.c.account_id == account_id)
    )
    row = found.one_or_none()
    return None if row is None else _membership(row)


async def workspaces_of(reading: Reading, account_id: AccountId) -> Sequence[Workspace]:
    """Return the workspaces that a person belongs to, by name."""
    found = await reading.execute(
        select(workspaces.c.id, workspaces.c.name, memberships.c.role)
        .join(memberships, memberships.c.workspace_id == workspaces.c.id)
        .where(memberships.c.account_id == account_id)
        .order_by(func.lower(workspaces.c.name), workspaces.c.id)
    )
    return [Workspace(WorkspaceId(row.id), row.name, Role(row.role)) for row in found]


def _members() -> Any:
    return select(
        memberships.c.workspace_id,
        memberships.c.account_id,
        memberships.c.role,
        memberships.c.joined_at,
        accounts.c.name,
        accounts.c.email,
    ).join(accounts, accounts.c.id == memberships.c.account_id)


def _membership(row: Row[Any]) -> Membership:
    return Membership(
        workspace_id=WorkspaceId(row.workspace_id),
        account_id=AccountId(row.account_id),
        name=row.name,
        email=row.email,
        role=Role(row.role),
        joined_at=row.joined_at,
    )
