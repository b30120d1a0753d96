"""`/api/workspaces/{workspace_id}/…`: the team and who is invited to it."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from room_server.accounts.routes import shapes
from room_server.accounts.routes.forms import merged
from room_server.accounts.routes.guard import WHO
from room_server.accounts.routes.people_api import AWAY, BODY
from room_server.accounts.team import Team
from room_server.http.limits import SignInRate
from room_server.http.needs import Needs
from room_server.http.operations import WORKSPACE, Operation, Reply, read_body
from room_server.ids import AccountId, InvitationId, WorkspaceId

_TEAM = f"/api/workspaces/{{{WORKSPACE}}}"
_MEMBER = f"{_TEAM}/members/{{account_id}}"
_INVITATION = f"{_TEAM}/invitations/{{invitation_id}}"
_OF = {WORKSPACE: "A workspace that one belongs to"}
_OF_MEMBER = {**_OF, "account_id": "A member's account"}
_OF_INVITATION = {**_OF, "invitation_id": "As listed"}
_MEMBERS: Mapping[int, tuple[str, ...]] = {
    403: ("role_needed",),
    404: ("unknown_member",),
    409: ("last_owner",),
}
INVITES: Mapping[int, tuple[str, ...]] = {
    403: ("role_needed",),
    404: ("unknown_workspace",),
    409: ("already_member", "too_many_invitations"),
    422: ("address_invalid",),
    429: ("rate_limited",),
}
_ANSWERS: Mapping[int, tuple[str, ...]] = {403: ("role_needed",), 404: ("unknown_invitation",)}


class TeamApi:
    """Operations of teams, for programs."""

    def __init__(self, team: Team, rate: SignInRate) -> None:
        self._team = team
        self._rate = rate

    def operations(self) -> tuple[Operation, ...]:
        return (*self._of_members(), *self._of_ownership(), *self._of_invitations())

    def _of_members(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="members",
                method="GET",
                path=f"{_TEAM}/members",
                needs=Needs.MEMBER,
                summary="The team",
                handler=self.members,
                parameters=_OF,
                replies={200: Reply("Members, in the order in which they joined", model=shapes.Members)},
            ),
            Operation(
                name="change_role",
                method="PATCH",
                path=_MEMBER,
                needs=Needs.ADMIN,
                summary="Give a member another role",
                description="Only an owner makes owners and changes theirs; the last one stays.",
                handler=self.change_role,
                parameters=_OF_MEMBER,
                body=shapes.ChangeRole,
                replies={200: Reply("The member as it is now", model=shapes.MemberShape)},
                refusals=merged(BODY, _MEMBERS),
            ),
            Operation(
                name="remove_member",
                method="DELETE",
                path=_MEMBER,
                needs=Needs.ADMIN,
                summary="Remove a member",
                handler=self.remove,
                parameters=_OF_MEMBER,
                replies={204: Reply("Removed", None)},
                refusals=merged(AWAY, _MEMBERS),
            ),
        )

    def _of_ownership(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="leave_team",
                method="DELETE",
                path=f"{_TEAM}/membership",
                needs=Needs.MEMBER,
                summary="Leave the team",
                description="The last owner cannot: they hand the workspace over first.",
                handler=self.leave,
                parameters=_OF,
                replies={204: Reply("Left", None)},
                refusals=merged(AWAY, {404: ("unknown_member",), 409: ("last_owner",)}),
            ),
            Operation(
                name="hand_over",
                method="PUT",
                path=f"{_TEAM}/ownership",
                needs=Needs.OWNER,
                summary="Make a member an owner, and oneself an admin",
                handler=self.hand_over,
                parameters=_OF,
                body=shapes.HandOver,
                replies={204: Reply("Handed over", None)},
                refusals=merged(BODY, {404: ("unknown_member",), 409: ("not_to_yourself",)}),
            ),
        )

    def _of_invitations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="invitations",
                method="GET",
                path=f"{_TEAM}/invitations",
                needs=Needs.ADMIN,
                summary="Who was invited and did not answer yet",
                handler=self.invitations,
                parameters=_OF,
                replies={200: Reply("Invitations, the oldest first", model=shapes.Invitations)},
            ),
            Operation(
                name="invite",
                method="POST",
                path=f"{_TEAM}/invitations",
                needs=Needs.ADMIN,
                summary="Invite somebody by e-mail",
                description="Who is invited already is not twice: their invitation is answered.",
                handler=self.invite,
                parameters=_OF,
                body=shapes.Invite,
                replies={201: Reply("Invited", model=shapes.InvitationShape)},
                refusals=merged(BODY, INVITES),
            ),
            Operation(
                name="resend_invitation",
                method="POST",
                path=f"{_INVITATION}/resend",
                needs=Needs.ADMIN,
                summary="Send an invitation again, with a fresh link",
                handler=self.resend,
                parameters=_OF_INVITATION,
                replies={200: Reply("Sent", model=shapes.InvitationShape)},
                refusals=merged(AWAY, _ANSWERS, {429: ("rate_limited",)}),
            ),
            Operation(
                name="withdraw_invitation",
                method="DELETE",
                path=_INVITATION,
                needs=Needs.ADMIN,
                summary="Withdraw an invitation: its link serves no more",
                handler=self.withdraw,
                parameters=_OF_INVITATION,
                replies={204: Reply("Withdrawn", None)},
                refusals=merged(AWAY, _ANSWERS),
            ),
        )

    # ---- members

    async def members(self, request: web.Request) -> web.Response:
        found = await self._team.members(workspace_of(request))
        return shapes.answer(shapes.Members(members=[shapes.member(one) for one in found]))

    async def change_role(self, request: web.Request) -> web.Response:
        body = await read_body(request, shapes.ChangeRole)
        actor = request[WHO].account.account_id
        changed = await self._team.change_role(actor, workspace_of(request), _member(request), body.role)
        return shapes.answer(shapes.member(changed))

    async def remove(self, request: web.Request) -> web.Response:
        await self._team.remove(request[WHO].account.account_id, workspace_of(request), _member(request))
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        actor = request[WHO].account.account_id
        await self._team.remove(actor, workspace_of(request), actor)
        return web.Response(status=204)

    async def hand_over(self, request: web.Request) -> web.Response:
        body = await read_body(request, shapes.HandOver)
        actor = request[WHO].account.account_id
        await self._team.hand_over(actor, workspace_of(request), AccountId(body.account_id))
        return web.Response(status=204)

    # ---- invitations

    async def invitations(self, request: web.Request) -> web.Response:
        found = await self._team.invitations(workspace_of(request))
        listed = [shapes.invitation(one) for one in found]
        return shapes.answer(shapes.Invitations(invitations=listed))

    async def invite(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.Invite)
        actor = request[WHO].account
        invited = await self._team.invite(actor, workspace_of(request), body.email, body.role)
        return shapes.answer(shapes.invitation(invited), 201)

    async def resend(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        actor = request[WHO].account
        sent = await self._team.resend(actor, workspace_of(request), _invitation(request))
        return shapes.answer(shapes.invitation(sent))

    async def withdraw(self, request: web.Request) -> web.Response:
        actor = request[WHO].account.account_id
        await self._team.withdraw(actor, workspace_of(request), _invitation(request))
        return web.Response(status=204)


def workspace_of(request: web.Request) -> WorkspaceId:
    return WorkspaceId(request.match_info[WORKSPACE])


def _member(request: web.Request) -> AccountId:
    return AccountId(request.match_info["account_id"])


def _invitation(request: web.Request) -> InvitationId:
    return InvitationId(request.match_info["invitation_id"])
