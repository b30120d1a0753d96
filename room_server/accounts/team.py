"""The team of a workspace: who belongs to it, in which role, and who is invited.

Invariants: a workspace that has an owner keeps one, whoever acts at the same time: each decision about a
team is made alone and reads the roles anew; nobody gives a role above their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from room_server import ids
from room_server.accounts import addresses, letters, rules, signing_in
from room_server.accounts.letters import Post
from room_server.accounts.rules import (
    INVITATION_LASTS,
    Account,
    Invitation,
    InvitationState,
    Membership,
    Purpose,
    Role,
    Workspace,
)
from room_server.accounts.signing_in import AGAIN_AFTER, Browser, Opened, SigningIn
from room_server.accounts.store import asking, people
from room_server.accounts.store import workspaces as store
from room_server.errors import Refused
from room_server.ids import AccountId, InvitationId, WorkspaceId
from room_server.storage import Database, Reading, Transaction


@dataclass(frozen=True, slots=True)
class Invited:
    """What the page of an invitation shows; `account` is who they already are here."""

    invitation: Invitation
    account: Account | None


class Team:
    """Every method that changes something names who acts, and asks the database what they may."""

    def __init__(self, database: Database, signing_in: SigningIn, post: Post) -> None:
        self._database = database
        self._signing_in = signing_in
        self._post = post

    # ---- reading

    async def role(self, workspace_id: WorkspaceId, account_id: AccountId) -> Role | None:
        async with self._database.reading() as reading:
            return await store.role_of(reading, workspace_id, account_id)

    async def name(self, workspace_id: WorkspaceId) -> str:
        async with self._database.reading() as reading:
            found = await store.name_of(reading, workspace_id)
        if found is None:
            raise Refused("unknown_workspace", 404)
        return found

    async def workspaces_of(self, account_id: AccountId) -> Sequence[Workspace]:
        """Return the workspaces that a person belongs to, with their role in each."""
        async with self._database.reading() as reading:
            return await store.workspaces_of(reading, account_id)

    async def members(self, workspace_id: WorkspaceId) -> Sequence[Membership]:
        async with self._database.reading() as reading:
            return await store.members(reading, workspace_id)

    async def member(self, workspace_id: WorkspaceId, account_id: AccountId) -> Membership:
        """Raises `Refused("unknown_member")`."""
        async with self._database.reading() as reading:
            return await _member(reading, workspace_id, account_id)

    async def invitations(self, workspace_id: WorkspaceId) -> Sequence[Invitation]:
        """Return who was invited and did not answer yet."""
        async with self._database.reading() as reading:
            return await asking.pending(reading, workspace_id)

    async def invitation(self, workspace_id: WorkspaceId, invitation_id: InvitationId) -> Invitation:
        """Raises `Refused("unknown_invitation")`."""
        async with self._database.reading() as reading:
            return await _pending(reading, workspace_id, invitation_id)

    # ---- members

    async def add_owner_in(self, tx: Transaction, workspace_id: WorkspaceId, account_id: AccountId) -> None:
        """Make somebody an owner by the operator's leave."""
        await store.lock_team(tx, workspace_id)
        await store.put_member(tx, workspace_id, account_id, Role.OWNER)

    async def change_role(
        self, actor: AccountId, workspace_id: WorkspaceId, account_id: AccountId, role: Role
    ) -> Membership:
        """Give a member another role.

        Raises `Refused`: `unknown_workspace`, `unknown_member`, `role_needed`, `last_owner`.
        """
        async with self._database.transaction() as tx:
            acting = await self._acting(tx, workspace_id, actor)
            member = await _member(tx, workspace_id, account_id)
            owners = await store.count_owners(tx, workspace_id)
            rules.check_change(acting, member.role, role, owners)
            await store.put_member(tx, workspace_id, account_id, role)
            return await _member(tx, workspace_id, account_id)

    async def remove(self, actor: AccountId, workspace_id: WorkspaceId, account_id: AccountId) -> None:
        """Remove a member, or leave.  Raises as `change_role`."""
        async with self._database.transaction() as tx:
            acting = await self._acting(tx, workspace_id, actor)
            member = await _member(tx, workspace_id, account_id)
            owners = await store.count_owners(tx, workspace_id)
            if actor == account_id:
                rules.check_leave(acting, owners)
            else:
                rules.check_remove(acting, member.role, owners)
            await store.remove_member(tx, workspace_id, account_id)

    async def hand_over(self, actor: AccountId, workspace_id: WorkspaceId, account_id: AccountId) -> None:
        """Make a member an owner and oneself an admin, both or neither.

        Raises `Refused`: `unknown_workspace`, `unknown_member`, `role_needed`, `not_to_yourself`.
        """
        async with self._database.transaction() as tx:
            acting = await self._acting(tx, workspace_id, actor)
            if acting is not Role.OWNER:
                raise Refused("role_needed", 403, {"role": Role.OWNER})
            await _member(tx, workspace_id, account_id)
            if actor == account_id:
                raise Refused("not_to_yourself", 409)
            await store.put_member(tx, workspace_id, account_id, Role.OWNER)
            await store.put_member(tx, workspace_id, actor, Role.ADMIN)

    # ---- invitations

    async def invite(self, actor: Account, workspace_id: WorkspaceId, email: str, role: Role) -> Invitation:
        """Invite somebody by a letter in the actor's language; who is invited already is not twice.

        Raises `Refused`: `unknown_workspace`, `address_invalid`, `role_needed`, `already_member`,
        `too_many_invitations`.
        """
        address = addresses.address(email)
        async with self._database.transaction() as tx:
            acting = await self._acting(tx, workspace_id, actor.account_id)
            rules.check_invite(acting, role, await asking.count_pending(tx, workspace_id))
            there = await people.account_at(tx, address)
            if there and await store.role_of(tx, workspace_id, there.account_id):
                raise Refused("already_member", 409)
            waiting = await asking.pending_for(tx, workspace_id, address)
            if waiting is not None:
                rules.check_invite(acting, waiting.role, 0)
                await asking.change_invited_role(tx, waiting.invitation_id, role)
                return await self._send_again(tx, actor, waiting)
            name = await store.name_of(tx, workspace_id)
            assert name is not None, "the actor belongs to it"
            invited = Invitation(
                invitation_id=InvitationId(ids.new()),
                workspace_id=workspace_id,
                workspace_name=name,
                email=address.email,
                role=role,
                language=actor.language,
                state=InvitationState.PENDING,
                sent_at=tx.now,
                expires_at=tx.now + INVITATION_LASTS,
            )
            await asking.add_invitation(tx, invited, address, actor.account_id)
            await self._send(tx, actor, invited)
            return invited

    async def resend(
        self, actor: Account, workspace_id: WorkspaceId, invitation_id: InvitationId
    ) -> Invitation:
        """Send a fresh link; earlier ones serve no more.  Raises as `invite`, and `unknown_invitation`."""
        async with self._database.transaction() as tx:
            acting = await self._acting(tx, workspace_id, actor.account_id)
            invited = await _pending(tx, workspace_id, invitation_id)
            rules.check_invite(acting, invited.role, 0)
            return await self._send_again(tx, actor, invited)

    async def withdraw(
        self, actor: AccountId, workspace_id: WorkspaceId, invitation_id: InvitationId
    ) -> None:
        """Raises as `resend`."""
        async with self._database.transaction() as tx:
            acting = await self._acting(tx, workspace_id, actor)
            invited = await _pending(tx, workspace_id, invitation_id)
            rules.check_invite(acting, invited.role, 0)
            await asking.end_invitation(tx, invitation_id, InvitationState.WITHDRAWN)
            await asking.drop_links_of_invitation(tx, invitation_id)

    async def invited(self, token: str) -> Invited:
        """Return what an invitation's link shows, and change nothing.

        Raises `Refused`: `mailed_link_unknown`, `mailed_link_used`, `mailed_link_expired`.
        """
        async with self._database.reading() as reading:
            link = await signing_in.open_link(reading, token, Purpose.INVITATION)
            return await self._invited(reading, link.invitation_id)

    async def accept(
        self, token: str, name: str | None, browser: Browser, who: AccountId | None = None
    ) -> Opened:
        """Join the team and sign in; who has no account yet gets one, called `name`.

        Invitations are passed on by mail, so one does not open an account that was there before: its owner
        has to be signed in, as `who`.  A member who is invited again never loses a role by it.
        Raises as `invited`, and `name_invalid`, `sign_in_needed`.
        """
        async with self._database.transaction() as tx:
            link = await signing_in.open_link(tx, token, Purpose.INVITATION)
            found = await self._invited(tx, link.invitation_id)
            invited, account = found.invitation, found.account
            if account is not None and account.account_id != who:
                raise Refused("sign_in_needed", 401)
            if account is None:
                address = addresses.address(invited.email)
                called = rules.name(name or "")
                account = await signing_in.create_in(tx, address, called, browser.language)
            await signing_in.use(tx, link)
            await asking.drop_links_of_invitation(tx, invited.invitation_id)
            await asking.end_invitation(tx, invited.invitation_id, InvitationState.ACCEPTED)
            await store.lock_team(tx, invited.workspace_id)
            role = await store.role_of(tx, invited.workspace_id, account.account_id)
            if role is None or not role.includes(invited.role):
                await store.put_member(tx, invited.workspace_id, account.account_id, invited.role)
            return await self._signing_in.open_in(tx, account, browser)

    async def _invited(self, reading: Reading, invitation_id: InvitationId | None) -> Invited:
        invited = None if invitation_id is None else await asking.invitation(reading, invitation_id)
        if invited is None or invited.state is not InvitationState.PENDING:
            raise Refused("mailed_link_used", 410)
        return Invited(invited, await people.account_at(reading, addresses.address(invited.email)))

    async def _send_again(self, tx: Transaction, actor: Account, invited: Invitation) -> Invitation:
        if tx.now - AGAIN_AFTER < invited.sent_at <= tx.now:  # the letter is on its way
            renewed = await asking.invitation(tx, invited.invitation_id)
            assert renewed is not None, "it was read"
            return renewed
        await asking.renew_invitation(tx, invited.invitation_id, tx.now + INVITATION_LASTS)
        await asking.drop_links_of_invitation(tx, invited.invitation_id)
        renewed = await _pending(tx, invited.workspace_id, invited.invitation_id)
        await self._send(tx, actor, renewed)
        return renewed

    async def _send(self, tx: Transaction, actor: Account, invited: Invitation) -> None:
        link = await self._signing_in.new_link_in(
            tx, Purpose.INVITATION, None, INVITATION_LASTS, invitation_id=invited.invitation_id
        )
        days = INVITATION_LASTS // timedelta(days=1)
        await self._post.add(tx, letters.invitation(invited, actor.name, link, days))

    async def _acting(self, tx: Transaction, workspace_id: WorkspaceId, actor: AccountId) -> Role:
        """Return the actor's present role; nobody else decides about the team before `tx` ends."""
        await store.lock_team(tx, workspace_id)
        role = await store.role_of(tx, workspace_id, actor)
        if role is None:
            raise Refused("unknown_workspace", 404)
        return role


async def _member(reading: Reading, workspace_id: WorkspaceId, account_id: AccountId) -> Membership:
    found = await store.member(reading, workspace_id, account_id)
    if found is None:
        raise Refused("unknown_member", 404)
    return found


async def _pending(reading: Reading, workspace_id: WorkspaceId, invitation_id: InvitationId) -> Invitation:
    found = await asking.invitation(reading, invitation_id)
    if found is None or found.workspace_id != workspace_id or found.state is not InvitationState.PENDING:
        raise Refused("unknown_invitation", 404)
    return found
