"""What is sent and answered over `/api/` about accounts and teams."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from room_server.accounts.rules import Account, Invitation, Membership, Role, SignIn, Workspace

EMAIL = Field(min_length=1, max_length=320)
TOKEN = Field(min_length=1, max_length=64)
PASSWORD = Field(min_length=1, max_length=1_024)
NAME = Field(max_length=400)


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskLink(Sent):
    """`next`: the path of this server to go on to."""

    email: str = EMAIL
    next: str | None = Field(default=None, max_length=500)


class AskPassword(Sent):
    email: str = EMAIL


class UseToken(Sent):
    """`token`: the last part of the address in the letter."""

    token: str = TOKEN


class UsePassword(Sent):
    email: str = EMAIL
    password: str = PASSWORD


class NewPassword(Sent):
    token: str = TOKEN
    password: str = PASSWORD


class ChangePassword(Sent):
    current: str = PASSWORD
    password: str = PASSWORD


class AcceptInvitation(Sent):
    """`name` is needed of who has no account yet."""

    token: str = TOKEN
    name: str | None = Field(default=None, max_length=400)


class AskHostAccess(Sent):
    email: str = EMAIL
    name: str = NAME
    organisation: str = NAME
    message: str = Field(default="", max_length=8_000)


class ChangeProfile(Sent):
    """What is left out stays as it is."""

    name: str | None = Field(default=None, max_length=400)
    language: Literal["en", "fr"] | None = None
    time_zone: str | None = Field(default=None, max_length=64)


class ChangeRole(Sent):
    role: Role


class HandOver(Sent):
    """The member who becomes an owner; who hands over becomes an admin."""

    account_id: str = Field(min_length=1, max_length=64)


class Invite(Sent):
    email: str = EMAIL
    role: Role = Role.MEMBER


class PersonShape(BaseModel):
    account_id: str
    email: str
    name: str
    language: str
    time_zone: str
    has_password: bool


class SignedIn(BaseModel):
    """The answer sets the cookie; `next` is where the person wanted to go."""

    account: PersonShape
    next: str


class SignInShape(BaseModel):
    sign_in_id: str
    device: str
    signed_in_at: datetime
    last_seen_at: datetime
    this_device: bool


class SignIns(BaseModel):
    sign_ins: list[SignInShape]


class Ended(BaseModel):
    """How many sign-ins were ended."""

    ended: int


class WorkspaceShape(BaseModel):
    workspace_id: str
    name: str
    role: Role


class Workspaces(BaseModel):
    workspaces: list[WorkspaceShape]


class MemberShape(BaseModel):
    account_id: str
    name: str
    email: str
    role: Role
    joined_at: datetime


class Members(BaseModel):
    members: list[MemberShape]


class InvitationShape(BaseModel):
    invitation_id: str
    email: str
    role: Role
    sent_at: datetime
    expires_at: datetime


class Invitations(BaseModel):
    """Those that nobody answered yet."""

    invitations: list[InvitationShape]


def person(account: Account) -> PersonShape:
    return PersonShape(
        account_id=account.account_id,
        email=account.email,
        name=account.name,
        language=account.language,
        time_zone=account.time_zone,
        has_password=account.password_hash is not None,
    )


def sign_in(one: SignIn, here: SignIn) -> SignInShape:
    return SignInShape(
        sign_in_id=one.sign_in_id,
        device=one.device,
        signed_in_at=one.created_at.astimezone(UTC),
        last_seen_at=one.last_seen_at.astimezone(UTC),
        this_device=one.sign_in_id == here.sign_in_id,
    )


def workspace(one: Workspace) -> WorkspaceShape:
    return WorkspaceShape(workspace_id=one.workspace_id, name=one.name, role=one.role)


def member(one: Membership) -> MemberShape:
    return MemberShape(
        account_id=one.account_id,
        name=one.name,
        email=one.email,
        role=one.role,
        joined_at=one.joined_at.astimezone(UTC),
    )


def invitation(one: Invitation) -> InvitationShape:
    return InvitationShape(
        invitation_id=one.invitation_id,
        email=one.email,
        role=one.role,
        sent_at=one.sent_at.astimezone(UTC),
        expires_at=one.expires_at.astimezone(UTC),
    )


def answer(shape: BaseModel, status: int = 200) -> web.Response:
    return web.Response(status=status, text=shape.model_dump_json(), content_type="application/json")
