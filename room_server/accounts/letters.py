"""What accounts write to people, as plain text in the reader's language.

Invariant: a letter is added in the transaction of what it tells, so it is sent if and only if that happened.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from room_server.accounts.rules import Account, Invitation, Purpose
from room_server.http.texts import texts
from room_server.ids import MailId
from room_server.mail.message import Address, Message
from room_server.storage import Transaction


class Post(Protocol):
    """Where letters are left; the outbox of `room_server.mail` is one."""

    async def add(
        self,
        tx: Transaction,
        message: Message,
        *,
        due: datetime | None = None,
        key: str | None = None,
        group: str | None = None,
    ) -> MailId: ...


def link(account: Account, purpose: Purpose, address: str, minutes: int) -> Message:
    """Return the letter with a link to sign in, or to choose a password."""
    return _letter(account, purpose.value, link=address, minutes=minutes)


def password_changed(account: Account, url: str) -> Message:
    return _letter(account, "password_changed", link=f"{url}/password")


def identity_linked(account: Account, provider: str, url: str) -> Message:
    return _letter(account, "identity_linked", provider=provider, link=f"{url}/account")


def connect_identity(account: Account, provider: str, address: str, minutes: int) -> Message:
    """Return the letter that asks whether an identity of that provider is to be connected."""
    return _letter(account, "connect_identity", provider=provider, link=address, minutes=minutes)


def access_granted(account: Account, workspace: str, address: str, days: int) -> Message:
    return _letter(account, "access_granted", workspace=workspace, link=address, days=days)


def access_granted_too(account: Account, workspace: str, url: str) -> Message:
    """Return the letter to one who signs in here already."""
    return _letter(account, "access_granted_too", workspace=workspace, link=f"{url}/sign-in")


def access_refused(email: str, name: str, language: str, organisation: str) -> Message:
    return _message("access_refused", Address(email, name), language, name=name, organisation=organisation)


def invitation(invited: Invitation, inviter: str, address: str, days: int) -> Message:
    """Return the letter to whom a member invites; it speaks the inviter's language."""
    facts = {"workspace": invited.workspace_name, "inviter": inviter, "link": address, "days": days}
    return _message("invitation", Address(invited.email), invited.language, **facts)


def _letter(account: Account, kind: str, **facts: object) -> Message:
    return _message(kind, Address(account.email, account.name), account.language, name=account.name, **facts)


def _message(kind: str, to: Address, language: str, **facts: object) -> Message:
    return Message(
        to=to,
        language=language,
        subject=texts().page(f"mail.{kind}.subject", language, **facts),
        text=texts().page(f"mail.{kind}.text", language, **facts),
        kind=kind,
    )
