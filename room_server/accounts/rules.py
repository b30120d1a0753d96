"""Rules of accounts: who may do what in a workspace, how long things last, what a name may be.

    MEMBER ⊂ ADMIN ⊂ OWNER        a role includes those before it

    invitation   PENDING ─┬─► ACCEPTED
                          └─► WITHDRAWN
    request      PENDING ─┬─► GRANTED        a workspace, its owner, a login e-mail
                          └─► REFUSED        an e-mail that says so

Invariant: a workspace that has an owner keeps one.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from room_server.accounts.addresses import Address
from room_server.errors import Refused
from room_server.ids import AccessRequestId, AccountId, InvitationId, SignInId, WorkspaceId

SIGN_IN_LINK_LASTS = timedelta(minutes=15)
PASSWORD_LINK_LASTS = timedelta(hours=1)
INVITATION_LASTS = timedelta(days=7)
GRANT_LINK_LASTS = timedelta(days=7)
IDLE_LASTS = timedelta(days=14)
SIGN_IN_LASTS = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=5)
"""How exactly `last_seen_at` is kept: a write a request would be many for little."""

LONGEST_NAME = 100
LONGEST_WORKSPACE_NAME = 100
LONGEST_MESSAGE = 2_000
_LONGEST_NEXT = 500
_MOST_PENDING = 200


class Role(StrEnum):
    """What a member may do in a workspace."""

    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        return _RANK[self] >= _RANK[other]


_RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


class HostAccess(StrEnum):
    """What becomes of a request for host access (GOV-5)."""

    ASK = "ask"
    OPEN = "open"
    CLOSED = "closed"


class Purpose(StrEnum):
    """What a mailed link is for."""

    SIGN_IN = "sign_in"
    PASSWORD = "password"  # noqa: S105
    INVITATION = "invitation"


class RequestState(StrEnum):
    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"


class InvitationState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Account:
    """A person who signs in."""

    account_id: AccountId
    email: str
    name: str
    language: str
    time_zone: str
    password_hash: str | None = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser that is signed in, until `expires_at` at the latest."""

    sign_in_id: SignInId
    account_id: AccountId
    device: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """One person's role in one workspace."""

    workspace_id: WorkspaceId
    account_id: AccountId
    name: str
    email: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as one of its members sees it."""

    workspace_id: WorkspaceId
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Invitation:
    invitation_id: InvitationId
    workspace_id: WorkspaceId
    workspace_name: str
    email: str
    role: Role
    language: str
    state: InvitationState
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Somebody asks to host (GOV-6)."""

    request_id: AccessRequestId
    address: Address
    name: str
    organisation: str
    message: str
    language: str
    state: RequestState
    created_at: datetime


# ---- sign-ins


def holds(sign_in: SignIn, now: datetime) -> bool:
    """Return whether the sign-in still admits.

    A clock that was set back makes nothing older, so it ends nothing; one set forward ends what it passes.
    """
    return now < sign_in.expires_at and now - sign_in.last_seen_at < IDLE_LASTS


def to_be_seen(sign_in: SignIn, now: datetime) -> bool:
    """Return whether the time it was last seen is to be written: a step back counts, too."""
    return abs(now - sign_in.last_seen_at) >= SEEN_EVERY


# ---- roles


def check_invite(actor: Role, role: Role, pending: int) -> None:
    """Raise `Refused`: `role_needed`, `too_many_invitations`."""
    _check_rank(actor, role)
    if pending >= _MOST_PENDING:
        raise Refused("too_many_invitations", 409, {"most": _MOST_PENDING})


def check_change(actor: Role, of: Role, to: Role, owners: int) -> None:
    """Raise `Refused` unless `actor` may make an `of` a `to`: `role_needed`, `last_owner`."""
    _check_rank(actor, of)
    _check_rank(actor, to)
    _check_owner_stays(of, to, owners)


def check_remove(actor: Role, of: Role, owners: int) -> None:
    """Raise `Refused` unless `actor` may remove an `of`: `role_needed`, `last_owner`."""
    _check_rank(actor, of)
    _check_owner_stays(of, None, owners)


def check_leave(role: Role, owners: int) -> None:
    """Raise `Refused("last_owner")` for one who may not go: everybody else may."""
    _check_owner_stays(role, None, owners)


def _check_rank(actor: Role, role: Role) -> None:
    if not actor.includes(Role.ADMIN) or not actor.includes(role):
        raise Refused("role_needed", 403, {"role": Role.OWNER if role is Role.OWNER else Role.ADMIN})


def _check_owner_stays(of: Role, to: Role | None, owners: int) -> None:
    if of is Role.OWNER and to is not Role.OWNER and owners <= 1:
        raise Refused("last_owner", 409)


# ---- what people write


def name(text: str, longest: int = LONGEST_NAME, *, field: str = "name") -> str:
    """Return a name as it is kept: one line, white space made single.

    Raises `Refused("name_invalid")` for one that is empty, too long, or has control characters.
    """
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    if not 0 < len(kept) <= longest or _has_controls(text) or not any(map(_is_visible, kept)):
        raise Refused("name_invalid", 422, {"most": longest, "field": field})
    return kept


def message(text: str) -> str:
    """Return a text of several lines.  Raises `Refused("message_invalid")`."""
    kept = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    if len(kept) > LONGEST_MESSAGE or _has_controls(kept.replace("\n", "").replace("\t", "")):
        raise Refused("message_invalid", 422, {"most": LONGEST_MESSAGE})
    return kept


def time_zone(text: str) -> str:
    """Return the zone if there is one of that name.  Raises `Refused("unknown_time_zone")`."""
    if text not in available_timezones():
        raise Refused("unknown_time_zone", 422)
    return text


def local_path(text: str | None, otherwise: str) -> str:
    """Return `text` if it is a path of this server, to go on to after signing in, else `otherwise`.

    Browsers take "//host", "/\\host" and "/<tab>/host" for another site: none of them passes.
    """
    if text is None or not 0 < len(text) <= _LONGEST_NEXT or not text.startswith("/"):
        return otherwise
    if text.startswith("//") or "\\" in text or _has_controls(text) or not text.isascii() or " " in text:
        return otherwise
    parts = urlsplit(text)
    return otherwise if parts.scheme or parts.netloc else text


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNPS"
