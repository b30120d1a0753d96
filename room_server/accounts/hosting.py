"""Host access: who may have a workspace, asked for by e-mail and answered by e-mail (GOV-5, GOV-6).

    ask ──► PENDING ─┬─ grant ──► GRANTED    an account, its workspace, a letter with a link to sign in
     │               └─ refuse ─► REFUSED    a letter that says so
     └─ policy OPEN: granted at once; CLOSED: refused on the spot

Invariant: an address has one request that waits, however often the form is sent; what is answered does not
tell whether the address is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from room_server import ids
from room_server.accounts import addresses, letters, rules, signing_in
from room_server.accounts.addresses import Address
from room_server.accounts.letters import Post
from room_server.accounts.rules import (
    GRANT_LINK_LASTS,
    AccessRequest,
    Account,
    HostAccess,
    Purpose,
    RequestState,
    Role,
)
from room_server.accounts.signing_in import SigningIn
from room_server.accounts.store import asking, people
from room_server.accounts.store import workspaces as store
from room_server.errors import Refused
from room_server.ids import AccessRequestId, WorkspaceId
from room_server.storage import Database, Transaction

MOST_WAITING = 1_000

_log = structlog.get_logger(__name__)


class Hosting:
    """Requests for host access, and what operators make of them."""

    def __init__(
        self,
        database: Database,
        signing_in: SigningIn,
        post: Post,
        policy: HostAccess,
        url: Callable[[], str],
    ) -> None:
        self._database = database
        self._signing_in = signing_in
        self._post = post
        self._url = url
        self.policy = policy

    async def ask(self, email: str, name: str, organisation: str, message: str, language: str) -> None:
        """Ask for host access.

        Who owns a workspace already is sent a link to sign in instead.  Raises `Refused`:
        `requests_closed`, `address_invalid`, `name_invalid`, `message_invalid`, `too_many_requests`.
        """
        if self.policy is HostAccess.CLOSED:
            raise Refused("requests_closed", 403)
        asked = AccessRequest(
            request_id=AccessRequestId(ids.new()),
            address=addresses.address(email),
            name=rules.name(name),
            organisation=rules.name(organisation, rules.LONGEST_WORKSPACE_NAME, field="organisation"),
            message=rules.message(message),
            language=language,
            state=RequestState.PENDING,
            created_at=self._database.wall(),
        )
        async with self._database.transaction() as tx:
            if await asking.count_requests(tx) >= MOST_WAITING:
                raise Refused("too_many_requests", 503)
            if not await asking.add_request(tx, asked):
                return
            # Only now: a request of the same moment, on another node, may just have been granted.
            owner = await self._owner(tx, asked.address)
            if owner is not None:
                await asking.drop_request(tx, asked.request_id)
                await self._send_link_once(tx, owner)
            elif self.policy is HostAccess.OPEN:
                await self._grant_in(tx, asked)
        _log.info("host_access_asked", request_id=asked.request_id, policy=self.policy.value)

    async def _send_link_once(self, tx: Transaction, owner: Account) -> None:
        since = tx.now - signing_in.AGAIN_AFTER
        if not await asking.has_link_since(tx, owner.account_id, Purpose.SIGN_IN, since):
            await self._signing_in.send_link_in(tx, owner, Purpose.SIGN_IN)

    async def requests(self) -> Sequence[AccessRequest]:
        async with self._database.reading() as reading:
            return await asking.requests(reading)

    async def grant(self, request_id: AccessRequestId) -> AccessRequest:
        """Give the workspace and the account that were asked for.

        Raises `Refused`: `unknown_request`, `already_answered`.
        """
        async with self._database.transaction() as tx:
            asked = await _known(tx, request_id)
            await self._grant_in(tx, asked)
        return asked

    async def refuse(self, request_id: AccessRequestId) -> AccessRequest:
        """Raises as `grant`."""
        async with self._database.transaction() as tx:
            asked = await _known(tx, request_id)
            if not await asking.decide_request(tx, request_id, RequestState.REFUSED, None):
                raise Refused("already_answered", 409)
            facts = asked.address.email, asked.name, asked.language, asked.organisation
            await self._post.add(tx, letters.access_refused(*facts))
        return asked

    async def create_owner(self, email: str, workspace: str, name: str, language: str) -> str:
        """Make somebody an owner of the workspace of that name, which is made if there is none.

        Returns the address of a link to sign in by, once.  Raises `Refused`: `address_invalid`,
        `name_invalid`.
        """
        async with self._database.transaction() as tx:
            return await self.create_owner_in(tx, email, workspace, name, language)

    async def create_owner_in(
        self, tx: Transaction, email: str, workspace: str, name: str, language: str
    ) -> str:
        """Like `create_owner`, within the caller's transaction."""
        address = addresses.address(email)
        called = rules.name(workspace, rules.LONGEST_WORKSPACE_NAME)
        account = await people.account_at(tx, address)
        if account is None:
            account = await signing_in.create_in(tx, address, name, language)
        workspace_id = await store.named(tx, called)
        if workspace_id is None:
            workspace_id = await _new_workspace(tx, called)
        await store.lock_team(tx, workspace_id)
        await store.put_member(tx, workspace_id, account.account_id, Role.OWNER)
        return await self.sign_in_link_in(tx, account)

    async def sign_in_link_in(self, tx: Transaction, account: Account) -> str:
        """Return the address of a link to sign in by, for who hands it over themselves."""
        return await self._signing_in.new_link_in(tx, Purpose.SIGN_IN, account.account_id, GRANT_LINK_LASTS)

    async def _grant_in(self, tx: Transaction, asked: AccessRequest) -> None:
        known = await people.account_at(tx, asked.address)
        account = known or await signing_in.create_in(tx, asked.address, asked.name, asked.language)
        workspace_id = await _new_workspace(tx, asked.organisation)
        await store.put_member(tx, workspace_id, account.account_id, Role.OWNER)
        if not await asking.decide_request(tx, asked.request_id, RequestState.GRANTED, workspace_id):
            raise Refused("already_answered", 409)
        if known is None:
            link = await self.sign_in_link_in(tx, account)
            days = GRANT_LINK_LASTS // timedelta(days=1)
            await self._post.add(tx, letters.access_granted(account, asked.organisation, link, days))
        else:  # an account that was there before is not opened by a letter that lasts for days
            await self._post.add(tx, letters.access_granted_too(known, asked.organisation, self._url()))

    async def _owner(self, tx: Transaction, address: Address) -> Account | None:
        """Return the address's account if it owns a workspace."""
        account = await people.account_at(tx, address)
        if account is None:
            return None
        theirs = await store.workspaces_of(tx, account.account_id)
        return account if any(one.role is Role.OWNER for one in theirs) else None


async def _new_workspace(tx: Transaction, name: str) -> WorkspaceId:
    workspace_id = WorkspaceId(ids.new())
    await store.add(tx, workspace_id, name, tx.now)
    return workspace_id


async def _known(tx: Transaction, request_id: AccessRequestId) -> AccessRequest:
    found = await asking.request(tx, request_id)
    if found is None:
        raise Refused("unknown_request", 404)
    if found.state is not RequestState.PENDING:
        raise Refused("already_answered", 409)
    return found
