"""Accounts, and the browsers in which they are signed in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ForeignKey, Row, String, Table, delete, insert, or_, select, update

from room_server.accounts.addresses import Address
from room_server.accounts.rules import Account, SignIn
from room_server.ids import AccountId, SignInId
from room_server.storage import Instant, Reading, Transaction, insert_new, metadata

accounts = Table(
    "account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("email_key", String(254), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("language", String(8), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("password_hash", String(200)),
    Column("created_at", Instant, nullable=False),
)

sign_ins = Table(
    "sign_in",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("device", String(100), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)


# ---- accounts


async def add(tx: Transaction, account: Account, email_key: str) -> bool:
    """Add an account; return False, and change nothing, when the address has one."""
    row = {
        "id": account.account_id,
        "email": account.email,
        "email_key": email_key,
        "name": account.name,
        "language": account.language,
        "time_zone": account.time_zone,
        "password_hash": account.password_hash,
        "created_at": account.created_at,
    }
    return await tx.change(insert_new(accounts), row) == 1


async def account(reading: Reading, account_id: AccountId) -> Account | None:
    found = await reading.execute(select(accounts).where(accounts.c.id == account_id))
    return _account(found.one_or_none())


async def account_at(reading: Reading, address: Address) -> Account | None:
    """Return the account of an e-mail address."""
    found = await reading.execute(select(accounts).where(accounts.c.email_key == address.key))
    return _account(found.one_or_none())


async def change_profile(
    tx: Transaction, account_id: AccountId, name: str, language: str, time_zone: str
) -> None:
    await tx.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(name=name, language=language, time_zone=time_zone)
    )


async def set_password(tx: Transaction, account_id: AccountId, password_hash: str) -> None:
    await tx.execute(update(accounts).where(accounts.c.id == account_id).values(password_hash=password_hash))


async def renew_hash(tx: Transaction, account_id: AccountId, old: str, new: str) -> None:
    """Replace a hash by one of the same password, unless the password was changed meanwhile."""
    await tx.execute(
        update(accounts)
        .where(accounts.c.id == account_id, accounts.c.password_hash == old)
        .values(password_hash=new)
    )


# ---- sign-ins


async def add_sign_in(tx: Transaction, sign_in: SignIn, token_hash: str) -> None:
    await tx.execute(
        insert(sign_ins).values(
            id=sign_in.sign_in_id,
            account_id=sign_in.account_id,
            token_hash=token_hash,
            device=sign_in.device,
            created_at=sign_in.created_at,
            last_seen_at=sign_in.last_seen_at,
            expires_at=sign_in.expires_at,
        )
    )


async def signed_in(reading: Reading, token_hash: str) -> tuple[SignIn, Account] | None:
    """Return who holds the cookie of that hash."""
    found = await reading.execute(
        select(
            accounts,
            *(column.label(f"sign_in_{column.name}") for column in sign_ins.c if column.name != "token_hash"),
        )
        .join(sign_ins, sign_ins.c.account_id == accounts.c.id)
        .where(sign_ins.c.token_hash == token_hash)
    )
    row = found.one_or_none()
    person = _account(row)
    if row is None or person is None:
        return None
    return _sign_in(row, "sign_in_"), person


async def sign_ins_of(reading: Reading, account_id: AccountId) -> Sequence[SignIn]:
    """Return a person's sign-ins, the last seen first."""
    found = await reading.execute(
        select(sign_ins)
        .where(sign_ins.c.account_id == account_id)
        .order_by(sign_ins.c.last_seen_at.desc(), sign_ins.c.id)
    )
    return [_sign_in(row, "") for row in found]


async def see(tx: Transaction, sign_in_id: SignInId) -> None:
    await tx.execute(update(sign_ins).where(sign_ins.c.id == sign_in_id).values(last_seen_at=tx.now))


async def end(tx: Transaction, account_id: AccountId, sign_in_id: SignInId) -> bool:
    """End one sign-in of a person; return whether there was one."""
    return bool(
        await tx.change(
            delete(sign_ins).where(sign_ins.c.id == sign_in_id, sign_ins.c.account_id == account_id)
        )
    )


async def end_others(tx: Transaction, account_id: AccountId, but: SignInId | None) -> int:
    """End all sign-ins of a person, but one if it is named; return how many."""
    theirs = sign_ins.c.account_id == account_id
    return await tx.change(delete(sign_ins).where(theirs if but is None else theirs & (sign_ins.c.id != but)))


async def forget_ended(tx: Transaction, idle: timedelta) -> None:
    """Remove the rows of sign-ins that admit nobody any more."""
    await tx.execute(
        delete(sign_ins).where(or_(sign_ins.c.expires_at <= tx.now, sign_ins.c.last_seen_at <= tx.now - idle))
    )


def _account(row: Row[Any] | None) -> Account | None:
    if row is None:
        return None
    return Account(
        account_id=AccountId(row.id),
        email=row.email,
        name=row.name,
        language=row.language,
        time_zone=row.time_zone,
        password_hash=row.password_hash,
        created_at=row.created_at,
    )


def _sign_in(row: Row[Any], prefix: str) -> SignIn:
    facts: dict[str, Any] = dict(row._mapping)

    def instant(name: str) -> datetime:
        found = facts[prefix + name]
        assert isinstance(found, datetime)
        return found

    return SignIn(
        sign_in_id=SignInId(facts[prefix + "id"]),
        account_id=AccountId(facts[prefix + "account_id"]),
        device=facts[prefix + "device"],
        created_at=instant("created_at"),
        last_seen_at=instant("last_seen_at"),
        expires_at=instant("expires_at"),
    )
