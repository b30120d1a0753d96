"""Signing in: by a link that was mailed, by password; `providers` has what an OpenID provider says.

    ask_link ─► letter ─► GET shows who it is for ─► POST: by_link ──┐
    by_password ─────────────────────────────────────────────────────┼─► a fresh cookie, kept as a hash
    Providers.enter(identity) ───────────────────────────────────────┘   the browser's former one ends

Invariants: an account exists only for an address whose owner proved it; what is answered does not tell
whether an address is known; a link serves once; a cookie that was ended admits nobody from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from room_server import ids
from room_server.accounts import addresses, letters, passwords, rules, tokens
from room_server.accounts.addresses import Address
from room_server.accounts.letters import Post
from room_server.accounts.passwords import Passwords
from room_server.accounts.rules import Account, Purpose, SignIn
from room_server.accounts.store import asking, people
from room_server.accounts.store.asking import MailedLink
from room_server.errors import Refused
from room_server.ids import AccountId, InvitationId, MailedLinkId, SignInId
from room_server.storage import Database, Reading, Transaction

DEFAULT_TIME_ZONE = "UTC"
AGAIN_AFTER = timedelta(seconds=30)
"""A form that is sent twice makes one letter."""

_LINKS_KEPT = timedelta(days=1)
_LASTS = {Purpose.SIGN_IN: rules.SIGN_IN_LINK_LASTS, Purpose.PASSWORD: rules.PASSWORD_LINK_LASTS}
_PATHS = {Purpose.SIGN_IN: "/sign-in/link", Purpose.PASSWORD: "/password", Purpose.INVITATION: "/invitation"}


@dataclass(frozen=True, slots=True)
class Browser:
    """Where somebody signs in: what its browser calls itself, and the cookie it had before."""

    device: str
    former: str | None = field(default=None, repr=False)
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Opened:
    """A sign-in that was just made.  `cookie` is told once; `next` is where the person wanted to go."""

    cookie: str = field(repr=False)
    sign_in: SignIn
    account: Account
    next: str | None = None


class SigningIn:
    """`url` says where browsers find the server, for the links of letters."""

    def __init__(self, database: Database, passwords: Passwords, post: Post, url: Callable[[], str]) -> None:
        self._database = database
        self._passwords = passwords
        self._post = post
        self._url = url

    # ---- links

    async def ask_link(self, email: str, purpose: Purpose, next_path: str | None = None) -> None:
        """Mail a link to the address if it has an account; raise `Refused("address_invalid")`.

        The same is done and answered for an address that has none, but for the letter.
        """
        address = addresses.address(email)
        async with self._database.transaction() as tx:
            await asking.forget_links(tx, tx.now - _LINKS_KEPT)
            account = await people.account_at(tx, address)
            if account is None:
                await self.new_link_in(tx, purpose, None, _LASTS[purpose], next_path=next_path)
                return
            if await asking.has_link_since(tx, account.account_id, purpose, tx.now - AGAIN_AFTER):
                return
            await self.send_link_in(tx, account, purpose, next_path)

    async def send_link_in(
        self, tx: Transaction, account: Account, purpose: Purpose, next_path: str | None = None
    ) -> None:
        lasts = _LASTS[purpose]
        link = await self.new_link_in(tx, purpose, account.account_id, lasts, next_path=next_path)
        minutes = lasts // timedelta(minutes=1)
        await self._post.add(tx, letters.link(account, purpose, link, minutes))

    async def new_link_in(
        self,
        tx: Transaction,
        purpose: Purpose,
        account_id: AccountId | None,
        lasts: timedelta,
        *,
        next_path: str | None = None,
        invitation_id: InvitationId | None = None,
    ) -> str:
        """Return the address of a fresh link; nothing but the letter ever holds it."""
        token = tokens.new()
        link = MailedLink(
            link_id=MailedLinkId(ids.new()),
            purpose=purpose,
            account_id=account_id,
            invitation_id=invitation_id,
            next=next_path,
            expires_at=tx.now + lasts,
            used_at=None,
        )
        await asking.add_link(tx, link, tokens.hashed(token))
        return f"{self._url()}{_PATHS[purpose]}/{token}"

    async def link_owner(self, token: str, purpose: Purpose) -> Account:
        """Return whom a link is for, and change nothing.

        Raises `Refused`: `mailed_link_unknown`, `mailed_link_used`, `mailed_link_expired`.
        """
        async with self._database.reading() as reading:
            return await self._owner(reading, await open_link(reading, token, purpose))

    async def by_link(self, token: str, browser: Browser) -> Opened:
        """Sign in by a link.  Raises as `link_owner`."""
        async with self._database.transaction() as tx:
            link = await open_link(tx, token, Purpose.SIGN_IN)
            account = await self._owner(tx, link)
            await use(tx, link)
            return await self.open_in(tx, account, browser, link.next)

    # ---- passwords

    async def by_password(self, email: str, password: str, browser: Browser) -> Opened:
        """Sign in by password.  Raises `Refused`: `wrong_credentials` whatever is wrong, `too_busy`."""
        async with self._database.reading() as reading:
            account = await people.account_at(reading, _any_address(email))
        kept = None if account is None else account.password_hash
        if not await self._passwords.matches(password, kept) or account is None or kept is None:
            raise Refused("wrong_credentials", 403)
        renewed = await self._passwords.hashed(password) if self._passwords.outdated(kept) else None
        async with self._database.transaction() as tx:
            present = await people.account(tx, account.account_id)
            if present is None or present.password_hash != kept:  # changed while it was compared
                raise Refused("wrong_credentials", 403)
            if renewed is not None:
                await people.renew_hash(tx, account.account_id, kept, renewed)
            return await self.open_in(tx, account, browser)

    async def set_password_by_link(self, token: str, password: str, browser: Browser) -> Opened:
        """Set the password of a link's owner, end all their sign-ins, and sign in here.

        Raises as `link_owner` and as `passwords.check`.
        """
        owner = await self.link_owner(token, Purpose.PASSWORD)
        passwords.check(password, owner.email)
        made = await self._passwords.hashed(password)
        async with self._database.transaction() as tx:
            link = await open_link(tx, token, Purpose.PASSWORD)
            account = await self._owner(tx, link)
            await use(tx, link)
            await self._set_password_in(tx, account, made, keep=None)
            return await self.open_in(tx, account, browser)

    async def give_password(self, email: str, password: str) -> None:
        """Set an account's password by the operator's leave, without a letter.

        Raises `Refused("address_invalid")`; does nothing for an address that has no account.
        """
        made = await self._passwords.hashed(password)
        async with self._database.transaction() as tx:
            account = await people.account_at(tx, addresses.address(email))
            if account is not None:
                await people.set_password(tx, account.account_id, made)

    async def change_password(self, who: SignIn, current: str, password: str) -> None:
        """Replace the password and end all sign-ins but this one.

        Raises `Refused`: `password_by_link` for one who has none, `wrong_password`; as `passwords.check`.
        """
        async with self._database.reading() as reading:
            account = await people.account(reading, who.account_id)
        if account is None or account.password_hash is None:
            raise Refused("password_by_link", 409)
        if not await self._passwords.matches(current, account.password_hash):
            raise Refused("wrong_password", 403)
        passwords.check(password, account.email)
        made = await self._passwords.hashed(password)
        async with self._database.transaction() as tx:
            await self._set_password_in(tx, account, made, keep=who.sign_in_id)

    async def _set_password_in(
        self, tx: Transaction, account: Account, made: str, *, keep: SignInId | None
    ) -> None:
        await people.set_password(tx, account.account_id, made)
        await people.end_others(tx, account.account_id, keep)
        for purpose in (Purpose.PASSWORD, Purpose.SIGN_IN):
            await asking.drop_links(tx, account.account_id, purpose)
        await self._post.add(tx, letters.password_changed(account, self._url()))

    # ---- sign-ins

    async def open_in(
        self, tx: Transaction, account: Account, browser: Browser, next_path: str | None = None
    ) -> Opened:
        """Make a sign-in with a cookie of its own; the one that the browser had before ends."""
        await people.forget_ended(tx, rules.IDLE_LASTS)
        if browser.former is not None:
            former = await people.signed_in(tx, tokens.hashed(browser.former))
            if former is not None:
                await people.end(tx, former[0].account_id, former[0].sign_in_id)
        cookie = tokens.new()
        sign_in = SignIn(
            sign_in_id=SignInId(ids.new()),
            account_id=account.account_id,
            device=browser.device,
            created_at=tx.now,
            last_seen_at=tx.now,
            expires_at=tx.now + rules.SIGN_IN_LASTS,
        )
        await people.add_sign_in(tx, sign_in, tokens.hashed(cookie))
        return Opened(cookie, sign_in, account, next_path)

    async def who(self, cookie: str) -> tuple[SignIn, Account] | None:
        """Return who holds the cookie, if it still admits; note that they were seen."""
        if not 0 < len(cookie) <= tokens.LONGEST:
            return None
        async with self._database.reading() as reading:
            found = await people.signed_in(reading, tokens.hashed(cookie))
            now = reading.now
        if found is None or not rules.holds(found[0], now):
            return None
        if rules.to_be_seen(found[0], now):
            with suppress(Refused):  # a full disk keeps nobody from reading
                async with self._database.transaction() as tx:
                    await people.see(tx, found[0].sign_in_id)
        return found

    async def sign_ins(self, account_id: AccountId) -> Sequence[SignIn]:
        """Return where a person is signed in, the last seen first."""
        async with self._database.reading() as reading:
            found = await people.sign_ins_of(reading, account_id)
            return [sign_in for sign_in in found if rules.holds(sign_in, reading.now)]

    async def end(self, account_id: AccountId, sign_in_id: SignInId) -> None:
        """End one of a person's sign-ins.  Raises `Refused("unknown_sign_in")` for anybody else's."""
        async with self._database.transaction() as tx:
            if not await people.end(tx, account_id, sign_in_id):
                raise Refused("unknown_sign_in", 404)

    async def end_others(self, who: SignIn) -> int:
        """End all of a person's sign-ins but this one; return how many."""
        async with self._database.transaction() as tx:
            return await people.end_others(tx, who.account_id, who.sign_in_id)

    async def change_profile(
        self, account_id: AccountId, name: str, language: str, time_zone: str
    ) -> Account:
        """Raises `Refused`: `name_invalid`, `unknown_time_zone`."""
        kept = rules.name(name), language, rules.time_zone(time_zone)
        async with self._database.transaction() as tx:
            await people.change_profile(tx, account_id, *kept)
            account = await people.account(tx, account_id)
        assert account is not None, "it is signed in"
        return account

    async def _owner(self, reading: Reading, link: MailedLink) -> Account:
        account = None if link.account_id is None else await people.account(reading, link.account_id)
        if account is None:
            raise Refused("mailed_link_unknown", 404)
        return account


async def create_in(tx: Transaction, address: Address, name: str, language: str) -> Account:
    """Make the account of an address that its owner has proved, or proves by the letter that follows."""
    try:
        called = rules.name(name[: rules.LONGEST_NAME])
    except Refused:
        called = address.email.rpartition("@")[0][: rules.LONGEST_NAME]
    account = Account(
        account_id=AccountId(ids.new()),
        email=address.email,
        name=called,
        language=language,
        time_zone=DEFAULT_TIME_ZONE,
        password_hash=None,
        created_at=tx.now,
    )
    if await people.add(tx, account, address.key):
        return account
    there = await people.account_at(tx, address)
    assert there is not None, "another transaction made it just now"
    return there


async def open_link(reading: Reading, token: str, purpose: Purpose) -> MailedLink:
    """Return the link while it serves.

    Raises `Refused`: `mailed_link_unknown`, `mailed_link_used`, `mailed_link_expired`.
    """
    link = None
    if 0 < len(token) <= tokens.LONGEST:
        link = await asking.link(reading, tokens.hashed(token))
    if link is None or link.purpose is not purpose:
        raise Refused("mailed_link_unknown", 404)
    if link.used_at is not None:
        raise Refused("mailed_link_used", 410)
    if reading.now >= link.expires_at:
        raise Refused("mailed_link_expired", 410)
    return link


async def use(tx: Transaction, link: MailedLink) -> None:
    """Mark the link as used.  Raises `Refused("mailed_link_used")` for who comes second."""
    if not await asking.use_link(tx, link.link_id):
        raise Refused("mailed_link_used", 410)


def _any_address(email: str) -> Address:
    """Return the address, or one that nobody has: a wrong form is a wrong credential like any other."""
    try:
        return addresses.address(email)
    except Refused:
        return Address("", "")
