"""Signing in at providers: whom an identity signs in, and how one comes to belong to an account.

    begin ─► a row and a cookie of its own ─► the provider ─► take (the row is gone) ─┬─► enter
                                                                                      └─► connect
    enter ─┬─► the pair (issuer, subject) is known: signed in
           ├─► the provider is trusted with the address's domain, and has verified it: connected, signed in
           └─► unknown: offer ─► a letter ─► the press, in the browser that began: connected, signed in

The rule of connecting: an identity is (issuer, subject), never an address.  One that is not known is
connected only if its person proves the account as well: they are signed in to it and press *Connect* on its
page, or they press the link that is mailed to the account's own address, in the browser that came from the
provider.  So neither an address that a provider merely repeats, nor a press on a stranger's letter, opens an
account.  `email_verified` counts only for the domains that the operator lists as `trusts_email`.
No account or role is ever made from what a provider says, and no account's address is changed by it.

Invariants: what is answered does not tell whether an address has an account; a visit and an offer serve once.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from room_server.accounts import addresses, letters, tokens
from room_server.accounts.addresses import Address
from room_server.accounts.letters import Post
from room_server.accounts.oidc import Dialect, Identity, Leaving, OidcClient, Provider, WebFetcher
from room_server.accounts.oidc.refusals import stray
from room_server.accounts.rules import Account, SignIn
from room_server.accounts.signing_in import Browser, Opened, SigningIn
from room_server.accounts.store import people
from room_server.accounts.store import providers as store
from room_server.accounts.store.providers import Connected, Offer, Visit, Vouched
from room_server.clock import Clock
from room_server.errors import Refused
from room_server.ids import AccountId, SignInId
from room_server.storage import Database, Reading, Transaction

VISIT_KEPT = timedelta(hours=1)
"""Longer than a sign-in may take, so that who is late is told so."""
OFFER_LASTS = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Way:
    """A provider as pages offer it."""

    name: str
    label: str
    is_proconnect: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """The browser is sent to `address` with `cookie`; `state` is what comes back."""

    address: str = field(repr=False)
    cookie: str = field(repr=False)
    state: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """An identity as the account page shows it."""

    identity_id: str
    label: str
    email: str
    since: datetime


class Providers:
    """`url` says where browsers find the server; `providers` are those that `client` knows."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        client: OidcClient,
        database: Database,
        signing_in: SigningIn,
        post: Post,
        url: Callable[[], str],
    ) -> None:
        self._providers = providers
        self._client = client
        self._database = database
        self._signing_in = signing_in
        self._post = post
        self._url = url

    @property
    def ways(self) -> tuple[Way, ...]:
        """Return what pages offer, as the operator listed it."""
        return tuple(
            Way(name, one.label, one.dialect is Dialect.PROCONNECT) for name, one in self._providers.items()
        )

    def label(self, provider: str) -> str:
        """Raises `Refused("unknown_provider")`."""
        if provider not in self._providers:
            raise Refused("unknown_provider", 404)
        return self._providers[provider].label

    # ---- there and back

    async def begin(self, provider: str, return_to: str, connects_for: SignInId | None = None) -> Begun:
        """Return where to send the browser, and the cookie by which its answer is known.

        Raises `Refused`: `unknown_provider`, `provider_away`, `provider_unusable`.
        """
        started, address = await self._client.begin(provider, self._back(provider), return_to)
        cookie = tokens.new()
        async with self._database.transaction() as tx:
            await store.forget_visits(tx, tx.now - VISIT_KEPT)
            await store.add_visit(tx, Visit(started, connects_for), tokens.hashed(cookie))
        return Begun(address, cookie, started.state)

    async def take(self, provider: str, cookie: str | None) -> Visit:
        """Return the visit of the cookie, which no one can take again.  Raises `Refused("sign_in_stray")`."""
        if cookie is None or not 0 < len(cookie) <= tokens.LONGEST:
            raise stray()
        async with self._database.transaction() as tx:
            visit = await store.take_visit(tx, tokens.hashed(cookie))
        if visit is None or visit.started.provider != provider:
            raise stray()
        return visit

    async def enter(self, visit: Visit, query: Mapping[str, str], browser: Browser) -> Opened | Identity:
        """Sign in who came back; return the identity if it is connected to nobody.

        Raises `Refused` as `OidcClient.finish`.
        """
        provider = visit.started.provider
        identity = await self._client.finish(visit.started, query, self._back(provider))
        async with self._database.transaction() as tx:
            known = await store.account_of(tx, identity.issuer, identity.subject)
            if known is None:
                known = await self._trusted(tx, provider, identity)
            if known is None:
                return identity
            return await self._open(tx, known, provider, identity, browser, visit.started.return_to)

    async def connect(self, visit: Visit, query: Mapping[str, str], who: SignIn | None) -> None:
        """Connect who came back to the account of the sign-in that began this.

        Raises `Refused`: `identity_taken`; `sign_in_stray` for any other sign-in; as `OidcClient.finish`.
        """
        if who is None or who.sign_in_id != visit.connects_for:
            raise stray()
        provider = visit.started.provider
        identity = await self._client.finish(visit.started, query, self._back(provider))
        async with self._database.transaction() as tx:
            account = await people.account(tx, who.account_id)
            assert account is not None, "it is signed in"
            if await store.account_of(tx, identity.issuer, identity.subject) != account:
                await self._connect(tx, identity, account, provider)
                await self._post.add(tx, letters.identity_linked(account, self.label(provider), self._url()))

    async def _trusted(self, tx: Transaction, provider: str, identity: Identity) -> Account | None:
        """Return whom the provider may vouch for by address, connected from now on."""
        address = _address(identity)
        if address is None or not identity.email_verified:
            return None
        if address.key.rpartition("@")[2] not in self._providers[provider].trusts_email:
            return None
        account = await people.account_at(tx, address)
        if account is not None:
            await self._connect(tx, identity, account, provider)
            await self._post.add(tx, letters.identity_linked(account, self.label(provider), self._url()))
        return account

    async def _connect(self, tx: Transaction, identity: Identity, account: Account, provider: str) -> None:
        await store.connect(tx, identity, account.account_id)
        if await store.account_of(tx, identity.issuer, identity.subject) != account:
            raise Refused("identity_taken", 409, {"provider": self.label(provider)})

    async def _open(
        self,
        tx: Transaction,
        account: Account,
        provider: str,
        identity: Identity,
        browser: Browser,
        return_to: str,
    ) -> Opened:
        opened = await self._signing_in.open_in(tx, account, browser, return_to)
        await store.add_vouched(tx, opened.sign_in.sign_in_id, provider, identity)
        return opened

    # ---- by letter

    async def offer(self, visit: Visit, identity: Identity) -> str:
        """Mail a link to the account of the identity's address; return what its browser keeps.

        The same is done and answered for an address that has no account, but for the letter.
        """
        token, mark = tokens.new(), tokens.new()
        provider = visit.started.provider
        async with self._database.transaction() as tx:
            address = _address(identity)
            account = None if address is None else await people.account_at(tx, address)
            offer = Offer(
                account_id=None if account is None else account.account_id,
                provider=provider,
                identity=identity,
                return_to=visit.started.return_to,
                expires_at=tx.now + OFFER_LASTS,
            )
            await store.add_offer(tx, offer, tokens.hashed(token), tokens.hashed(mark))
            if account is not None:
                minutes = OFFER_LASTS // timedelta(minutes=1)
                link = f"{self._url()}/connect/{token}"
                await self._post.add(
                    tx, letters.connect_identity(account, self.label(provider), link, minutes)
                )
        return mark

    async def offered(self, token: str, mark: str | None) -> tuple[str, Account]:
        """Return the provider's label and the account that a letter's link would connect; change nothing.

        Raises `Refused`: `mailed_link_unknown`, `mailed_link_expired`, `connect_elsewhere`.
        """
        async with self._database.reading() as reading:
            offer, account = await self._offered(reading, token, mark)
            return self.label(offer.provider), account

    async def accept(self, token: str, mark: str | None, browser: Browser) -> Opened:
        """Connect what was offered and sign in.  Raises as `offered`; `identity_taken`."""
        async with self._database.transaction() as tx:
            offer, account = await self._offered(tx, token, mark)
            if not await store.drop_offer(tx, tokens.hashed(token)):
                raise Refused("mailed_link_used", 410)
            await self._connect(tx, offer.identity, account, offer.provider)
            return await self._open(tx, account, offer.provider, offer.identity, browser, offer.return_to)

    async def _offered(self, reading: Reading, token: str, mark: str | None) -> tuple[Offer, Account]:
        found = None
        if 0 < len(token) <= tokens.LONGEST:
            found = await store.offer(reading, tokens.hashed(token))
        account = None
        if found is not None and found[0].account_id is not None and found[0].provider in self._providers:
            account = await people.account(reading, found[0].account_id)
        if found is None or account is None:
            raise Refused("mailed_link_unknown", 404)
        if reading.now >= found[0].expires_at:
            raise Refused("mailed_link_expired", 410)
        if mark is None or not hmac.compare_digest(tokens.hashed(mark), found[1]):
            raise Refused("connect_elsewhere", 403, {"provider": self.label(found[0].provider)})
        return found[0], account

    # ---- on the account page

    async def connected(self, account_id: AccountId) -> Sequence[Listed]:
        """Return the identities that sign a person in."""
        async with self._database.reading() as reading:
            found = await store.connected_to(reading, account_id)
        labels = {one.issuer: one.label for one in self._providers.values()}
        return [
            Listed(_id(one), labels.get(one.issuer, urlsplit(one.issuer).netloc), one.email, one.created_at)
            for one in found
        ]

    async def disconnect(self, who: SignIn, identity_id: str) -> None:
        """Let an identity of theirs sign nobody in any more; a link by mail still does.

        The sign-ins that it made end, but for this one.  Raises `Refused("unknown_identity")`.
        """
        async with self._database.transaction() as tx:
            theirs = await store.connected_to(tx, who.account_id)
            found = next((one for one in theirs if _id(one) == identity_id), None)
            if found is None:
                raise Refused("unknown_identity", 404)
            await store.disconnect(tx, who.account_id, found, who.sign_in_id)

    # ---- signing out

    async def vouched(self, sign_in_id: SignInId) -> Vouched | None:
        """Return what vouched for a sign-in, if it is a provider that is still set."""
        async with self._database.reading() as reading:
            found = await store.vouched(reading, sign_in_id)
        provider = None if found is None else self._providers.get(found.provider)
        return None if found is None or provider is None or provider.issuer != found.issuer else found

    async def leave(self, vouched: Vouched) -> Leaving | None:
        """Return how to sign out there as well, None where that is not offered.

        Raises `Refused`: `provider_away`, `provider_unusable`.
        """
        back = f"{self._url()}/sign-out/{vouched.provider}/back"
        return await self._client.logout_url(vouched.provider, vouched.id_token, back)

    def _back(self, provider: str) -> str:
        return f"{self._url()}/sign-in/{provider}/back"


@asynccontextmanager
async def open_providers(
    providers: Mapping[str, Provider],
    clock: Clock,
    database: Database,
    signing_in: SigningIn,
    post: Post,
    url: Callable[[], str],
) -> AsyncIterator[Providers]:
    """Return the service with connections of its own, until the end of the block."""
    async with WebFetcher.open() as web:
        yield Providers(providers, OidcClient(providers, web, clock), database, signing_in, post, url)


def _address(identity: Identity) -> Address | None:
    try:
        return None if identity.email is None else addresses.address(identity.email)
    except Refused:
        return None  # its provider takes for an address what we do not


def _id(identity: Connected) -> str:
    """Return what a form calls an identity, whose subject is the provider's affair."""
    return tokens.hashed(f"{identity.issuer}\0{identity.subject}")[:32]
