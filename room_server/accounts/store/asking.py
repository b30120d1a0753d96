"""What waits for somebody's press: mailed links, invitations to a team, requests for host access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from room_server.accounts.addresses import Address
from room_server.accounts.rules import (
    AccessRequest,
    Invitation,
    InvitationState,
    Purpose,
    RequestState,
    Role,
)
from room_server.accounts.store.workspaces import workspaces
from room_server.ids import AccessRequestId, AccountId, InvitationId, MailedLinkId, WorkspaceId
from room_server.storage import Instant, Reading, Transaction, insert_new, metadata

_PENDING = "state = 'pending'"

invitations = Table(
    "invitation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("workspace_id", String(32), ForeignKey("workspace.id"), nullable=False, index=True),
    Column("email", String(254), nullable=False),
    Column("email_key", String(254), nullable=False),
    Column("role", String(16), nullable=False),
    Column("language", String(8), nullable=False),
    Column("invited_by", String(32), ForeignKey("account.id")),
    Column("state", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index(
        "uq_invitation_pending",
        "workspace_id",
        "email_key",
        unique=True,
        sqlite_where=text(_PENDING),
        postgresql_where=text(_PENDING),
    ),
)

mailed_links = Table(
    "mailed_link",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("account_id", String(32), ForeignKey("account.id"), index=True),
    Column("invitation_id", String(32), ForeignKey("invitation.id"), index=True),
    Column("next", String(500)),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
)

access_requests = Table(
    "access_request",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("email_key", String(254), nullable=False),
    Column("name", String(200), nullable=False),
    Column("organisation", String(200), nullable=False),
    Column("message", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("workspace_id", String(32), ForeignKey("workspace.id")),
    Column("created_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Index(
        "uq_access_request_pending",
        "email_key",
        unique=True,
        sqlite_where=text(_PENDING),
        postgresql_where=text(_PENDING),
    ),
)


@dataclass(frozen=True, slots=True)
class MailedLink:
    """What a mailed link leads to.  `account_id` is None for an address that nobody has here."""

    link_id: MailedLinkId
    purpose: Purpose
    account_id: AccountId | None
    invitation_id: InvitationId | None
    next: str | None
    expires_at: datetime
    used_at: datetime | None


# ---- mailed links


async def add_link(tx: Transaction, link: MailedLink, token_hash: str) -> None:
    await tx.execute(
        insert(mailed_links).values(
            id=link.link_id,
            purpose=link.purpose.value,
            account_id=link.account_id,
            invitation_id=link.invitation_id,
            next=link.next,
            token_hash=token_hash,
            created_at=tx.now,
            expires_at=link.expires_at,
        )
    )


async def link(reading: Reading, token_hash: str) -> MailedLink | None:
    found = await reading.execute(select(mailed_links).where(mailed_links.c.token_hash == token_hash))
    row = found.one_or_none()
    if row is None:
        return None
    return MailedLink(
        link_id=MailedLinkId(row.id),
        purpose=Purpose(row.purpose),
        account_id=None if row.account_id is None else AccountId(row.account_id),
        invitation_id=None if row.invitation_id is None else InvitationId(row.invitation_id),
        next=row.next,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


async def has_link_since(reading: Reading, account_id: AccountId, purpose: Purpose, since: datetime) -> bool:
    """Return whether a person was sent a link of that purpose since then, and it still serves."""
    found = await reading.execute(
        select(mailed_links.c.id)
        .where(
            mailed_links.c.account_id == account_id,
            mailed_links.c.purpose == purpose.value,
            mailed_links.c.created_at > since,
            mailed_links.c.created_at <= reading.now,
            mailed_links.c.used_at.is_(None),
        )
        .limit(1)
    )
    return found.one_or_none() is not None


async def use_link(tx: Transaction, link_id: MailedLinkId) -> bool:
    """Mark a link as used; return False when it was already."""
    return bool(
        await tx.change(
            update(mailed_links)
            .where(mailed_links.c.id == link_id, mailed_links.c.used_at.is_(None))
            .values(used_at=tx.now)
        )
    )


async def drop_links(tx: Transaction, account_id: AccountId, purpose: Purpose) -> None:
    """Let no link of that purpose that a person was sent serve any more."""
    await tx.execute(
        update(mailed_links)
        .where(
            mailed_links.c.account_id == account_id,
            mailed_links.c.purpose == purpose.value,
            mailed_links.c.used_at.is_(None),
        )
        .values(used_at=tx.now)
    )


async def drop_links_of_invitation(tx: Transaction, invitation_id: InvitationId) -> None:
    await tx.execute(
        update(mailed_links)
        .where(mailed_links.c.invitation_id == invitation_id, mailed_links.c.used_at.is_(None))
        .values(used_at=tx.now)
    )


async def forget_links(tx: Transaction, before: datetime) -> None:
    """Remove the rows of links that ended before `before`."""
    await tx.execute(delete(mailed_links).where(mailed_links.c.expires_at <= before))


# ---- invitations


async def add_invitation(
    tx: Transaction, invitation: Invitation, address: Address, invited_by: AccountId
) -> None:
    await tx.execute(
        insert(invitations).values(
            id=invitation.invitation_id,
            workspace_id=invitation.workspace_id,
            email=address.email,
            email_key=address.key,
            role=invitation.role.value,
            language=invitation.language,
            invited_by=invited_by,
            state=invitation.state.value,
            created_at=tx.now,
            sent_at=invitation.sent_at,
            expires_at=invitation.expires_at,
        )
    )


async def invitation(reading: Reading, invitation_id: InvitationId) -> Invitation | None:
    found = await reading.execute(_invitations().where(invitations.c.id == invitation_id))
    row = found.one_or_none()
    return None if row is None else _invitation(row)


async def pending_for(reading: Reading, workspace_id: WorkspaceId, address: Address) -> Invitation | None:
    """Return the invitation that waits for an address to answer."""
    found = await reading.execute(
        _invitations().where(
            invitations.c.workspace_id == workspace_id,
            invitations.c.email_key == address.key,
            invitations.c.state == InvitationState.PENDING.value,
        )
    )
    row = found.one_or_none()
    return None if row is None else _invitation(row)


async def pending(reading: Reading, workspace_id: WorkspaceId) -> Sequence[Invitation]:
    """Return the invitations that nobody answered yet, the oldest first."""
    found = await reading.execute(
        _invitations()
        .where(
            invitations.c.workspace_id == workspace_id,
            invitations.c.state == InvitationState.PENDING.value,
        )
        .order_by(invitations.c.created_at, invitations.c.id)
    )
    return [_invitation(row) for row in found]


async def count_pending(reading: Reading, workspace_id: WorkspaceId) -> int:
    found = await reading.execute(
        select(func.count())
        .select_from(invitations)
        .where(
            invitations.c.workspace_id == workspace_id,
            invitations.c.state == InvitationState.PENDING.value,
        )
    )
    return int(found.scalar_one())


async def renew_invitation(tx: Transaction, invitation_id: InvitationId, expires_at: datetime) -> None:
    await tx.execute(
        update(invitations)
        .where(invitations.c.id == invitation_id)
        .values(sent_at=tx.now, expires_at=expires_at)
    )


async def change_invited_role(tx: Transaction, invitation_id: InvitationId, role: Role) -> None:
    await tx.execute(update(invitations).where(invitations.c.id == invitation_id).values(role=role.value))


async def end_invitation(tx: Transaction, invitation_id: InvitationId, state: InvitationState) -> bool:
    """Move a pending invitation on; return False when it was pending no more."""
    return bool(
        await tx.change(
            update(invitations)
            .where(invitations.c.id == invitation_id, invitations.c.state == InvitationState.PENDING.value)
            .values(state=state.value)
        )
    )


def _invitations() -> Any:
    return select(invitations, workspaces.c.name.label("workspace_name")).join(
        workspaces, workspaces.c.id == invitations.c.workspace_id
    )


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        invitation_id=InvitationId(row.id),
        workspace_id=WorkspaceId(row.workspace_id),
        workspace_name=row.workspace_name,
        email=row.email,
        role=Role(row.role),
        language=row.language,
        state=InvitationState(row.state),
        sent_at=row.sent_at,
        expires_at=row.expires_at,
    )


# ---- requests for host access


async def add_request(tx: Transaction, request: AccessRequest) -> bool:
    """Add a request; return False, and change nothing, when one of its address waits."""
    row = {
        "id": request.request_id,
        "email": request.address.email,
        "email_key": request.address.key,
        "name": request.name,
        "organisation": request.organisation,
        "message": request.message,
        "language": request.language,
        "state": request.state.value,
        "created_at": request.created_at,
    }
    return await tx.change(insert_new(access_requests), row) == 1


async def drop_request(tx: Transaction, request_id: AccessRequestId) -> None:
    await tx.execute(delete(access_requests).where(access_requests.c.id == request_id))


async def request(reading: Reading, request_id: AccessRequestId) -> AccessRequest | None:
    found = await reading.execute(select(access_requests).where(access_requests.c.id == request_id))
    row = found.one_or_none()
    return None if row is None else _request(row)


async def count_requests(reading: Reading) -> int:
    """Return how many requests wait for an answer."""
    found = await reading.execute(
        select(func.count())
        .select_from(access_requests)
        .where(access_requests.c.state == RequestState.PENDING.value)
    )
    return int(found.scalar_one())


async def requests(reading: Reading) -> Sequence[AccessRequest]:
    """Return every request, the oldest first."""
    found = await reading.execute(
        select(access_requests).order_by(access_requests.c.created_at, access_requests.c.id)
    )
    return [_request(row) for row in found]


async def decide_request(
    tx: Transaction, request_id: AccessRequestId, state: RequestState, workspace_id: WorkspaceId | None
) -> bool:
    """Answer a pending request; return False when it was pending no more."""
    return bool(
        await tx.change(
            update(access_requests)
            .where(
                access_requests.c.id == request_id,
                access_requests.c.state == RequestState.PENDING.value,
            )
            .values(state=state.value, decided_at=tx.now, workspace_id=workspace_id)
        )
    )


def _request(row: Row[Any]) -> AccessRequest:
    return AccessRequest(
        request_id=AccessRequestId(row.id),
        address=Address(row.email, row.email_key),
        name=row.name,
        organisation=row.organisation,
        message=row.message,
        language=row.language,
        state=RequestState(row.state),
        created_at=row.created_at,
    )
