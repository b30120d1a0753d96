"""What providers call people, and what is under way at one.

    provider_visit      somebody was sent to a provider; taken by who comes back with its cookie, once
    identity_offer      a letter asks whether an identity is to be connected; taken by the press, once
    provider_sign_in    a sign-in that a provider vouched for, as long as that sign-in

Invariant: `account_identity` is unique by issuer and subject, and an address is no part of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Row, String, Table, Text, delete, insert, select

from room_server.accounts.oidc import Identity, Started
from room_server.accounts.rules import Account
from room_server.accounts.store import people
from room_server.ids import AccountId, SignInId
from room_server.storage import Instant, Reading, Transaction, insert_new, metadata

identities = Table(
    "account_identity",
    metadata,
    Column("issuer", String(500), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False, index=True),
    Column("email", String(254), nullable=False),
    Column("created_at", Instant, nullable=False),
)

visits = Table(
    "provider_visit",
    metadata,
    Column("cookie_hash", String(64), primary_key=True),
    Column("provider", String(32), nullable=False),
    Column("return_to", String(500), nullable=False),
    Column("state", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(64), nullable=False),
    Column("connects_for", String(32)),
    Column("begun_at", Instant, nullable=False, index=True),
)

offers = Table(
    "identity_offer",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("account_id", String(32), ForeignKey("account.id"), index=True),
    Column("provider", String(32), nullable=False),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("email", String(254), nullable=False),
    Column("id_token", Text, nullable=False),
    Column("return_to", String(500), nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

provider_sign_ins = Table(
    "provider_sign_in",
    metadata,
    Column("sign_in_id", String(32), ForeignKey("sign_in.id", ondelete="CASCADE"), primary_key=True),
    Column("provider", String(32), nullable=False),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("id_token", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody is at a provider; `connects_for` is the sign-in that wants to connect an identity."""

    started: Started
    connects_for: SignInId | None


@dataclass(frozen=True, slots=True)
class Offer:
    """An identity that waits for a press.  `account_id` is None for an address that nobody has here."""

    account_id: AccountId | None
    provider: str
    identity: Identity
    return_to: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Connected:
    """An identity that signs a person in."""

    issuer: str
    subject: str
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Vouched:
    """By which identity of which provider a sign-in was made."""

    provider: str
    issuer: str
    subject: str
    id_token: str = field(repr=False)


# ---- identities


async def account_of(reading: Reading, issuer: str, subject: str) -> Account | None:
    """Return whom an identity signs in."""
    found = await reading.execute(
        select(identities.c.account_id).where(identities.c.issuer == issuer, identities.c.subject == subject)
    )
    account_id = found.scalar_one_or_none()
    return None if account_id is None else await people.account(reading, AccountId(account_id))


async def connect(tx: Transaction, identity: Identity, account_id: AccountId) -> None:
    """Connect an identity to an account, unless it is connected to one already."""
    await tx.execute(
        insert_new(identities).values(
            issuer=identity.issuer,
            subject=identity.subject,
            account_id=account_id,
            email=identity.email or "",
            created_at=tx.now,
        )
    )


async def connected_to(reading: Reading, account_id: AccountId) -> Sequence[Connected]:
    """Return a person's identities, the oldest first."""
    found = await reading.execute(
        select(identities)
        .where(identities.c.account_id == account_id)
        .order_by(identities.c.created_at, identities.c.issuer, identities.c.subject)
    )
    return [Connected(row.issuer, row.subject, row.email, row.created_at) for row in found]


async def disconnect(tx: Transaction, account_id: AccountId, gone: Connected, here: SignInId) -> None:
    """Remove an identity of a person, and end the sign-ins that it made, but for this one."""
    made = select(provider_sign_ins.c.sign_in_id).where(
        provider_sign_ins.c.issuer == gone.issuer, provider_sign_ins.c.subject == gone.subject
    )
    ours = people.sign_ins.c
    await tx.execute(
        delete(people.sign_ins).where(ours.account_id == account_id, ours.id != here, ours.id.in_(made))
    )
    await tx.execute(
        delete(identities).where(
            identities.c.account_id == account_id,
            identities.c.issuer == gone.issuer,
            identities.c.subject == gone.subject,
        )
    )


# ---- visits


async def add_visit(tx: Transaction, visit: Visit, cookie_hash: str) -> None:
    started = visit.started
    await tx.execute(
        insert(visits).values(
            cookie_hash=cookie_hash,
            provider=started.provider,
            return_to=started.return_to,
            state=started.state,
            nonce=started.nonce,
            verifier=started.verifier,
            connects_for=visit.connects_for,
            begun_at=started.begun_at,
        )
    )


async def take_visit(tx: Transaction, cookie_hash: str) -> Visit | None:
    """Return the visit of that cookie and forget it."""
    found = await tx.execute(select(visits).where(visits.c.cookie_hash == cookie_hash))
    row = found.one_or_none()
    if row is None or not await tx.change(delete(visits).where(visits.c.cookie_hash == cookie_hash)):
        return None
    started = Started(
        provider=row.provider,
        return_to=row.return_to,
        begun_at=row.begun_at,
        state=row.state,
        nonce=row.nonce,
        verifier=row.verifier,
    )
    return Visit(started, None if row.connects_for is None else SignInId(row.connects_for))


async def forget_visits(tx: Transaction, before: datetime) -> None:
    """Remove the rows of who went before `before` and never came back."""
    await tx.execute(delete(visits).where(visits.c.begun_at <= before))


# ---- offers


async def add_offer(tx: Transaction, offer: Offer, token_hash: str, browser_hash: str) -> None:
    """Keep an offer in the place of earlier ones of the same, and remove those that ended."""
    identity = offer.identity
    await tx.execute(
        delete(offers).where(
            (offers.c.expires_at <= tx.now)
            | (
                (offers.c.issuer == identity.issuer)
                & (offers.c.subject == identity.subject)
                & (offers.c.account_id == offer.account_id)
            )
        )
    )
    await tx.execute(
        insert(offers).values(
            token_hash=token_hash,
            browser_hash=browser_hash,
            account_id=offer.account_id,
            provider=offer.provider,
            issuer=identity.issuer,
            subject=identity.subject,
            email=identity.email or "",
            id_token=identity.id_token,
            return_to=offer.return_to,
            expires_at=offer.expires_at,
        )
    )


async def offer(reading: Reading, token_hash: str) -> tuple[Offer, str] | None:
    """Return an offer and the hash of what its browser holds."""
    found = await reading.execute(select(offers).where(offers.c.token_hash == token_hash))
    row = found.one_or_none()
    return None if row is None else (_offer(row), row.browser_hash)


async def drop_offer(tx: Transaction, token_hash: str) -> bool:
    """Forget an offer; return False when it was gone already."""
    return bool(await tx.change(delete(offers).where(offers.c.token_hash == token_hash)))


def _offer(row: Row[Any]) -> Offer:
    return Offer(
        account_id=None if row.account_id is None else AccountId(row.account_id),
        provider=row.provider,
        identity=Identity(row.issuer, row.subject, row.email or None, False, None, row.id_token),
        return_to=row.return_to,
        expires_at=row.expires_at,
    )


# ---- sign-ins


async def add_vouched(tx: Transaction, sign_in_id: SignInId, provider: str, identity: Identity) -> None:
    await tx.execute(
        insert(provider_sign_ins).values(
            sign_in_id=sign_in_id,
            provider=provider,
            issuer=identity.issuer,
            subject=identity.subject,
            id_token=identity.id_token,
        )
    )


async def vouched(reading: Reading, sign_in_id: SignInId) -> Vouched | None:
    """Return what vouched for a sign-in, if a provider did."""
    found = await reading.execute(
        select(provider_sign_ins).where(provider_sign_ins.c.sign_in_id == sign_in_id)
    )
    row = found.one_or_none()
    return None if row is None else Vouched(row.provider, row.issuer, row.subject, row.id_token)
