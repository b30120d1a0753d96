"""Pages of a workspace's team: members and roles, invitations, leaving, handing over.

What cannot be undone is asked back with its consequence before it is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from aiohttp import web
from pydantic import Field

from room_server.accounts.routes.forms import Form, Forms, merged, page, posting, seen_other, why
from room_server.accounts.routes.guard import WHO
from room_server.accounts.routes.people_api import HOME
from room_server.accounts.routes.team_api import INVITES, workspace_of
from room_server.accounts.rules import Role
from room_server.accounts.team import Team
from room_server.errors import Refused
from room_server.http.limits import SignInRate
from room_server.http.needs import Needs
from room_server.http.operations import WORKSPACE, Operation
from room_server.ids import AccountId, InvitationId

_TEAM = f"/workspaces/{{{WORKSPACE}}}/team"
_LEAVE = f"/workspaces/{{{WORKSPACE}}}/leave"
_OWNERSHIP = f"/workspaces/{{{WORKSPACE}}}/ownership"
_OF = {WORKSPACE: "A workspace that one belongs to"}
_CHANGES: Mapping[int, tuple[str, ...]] = {
    404: ("unknown_member", "unknown_invitation"),
    409: ("last_owner",),
}
_DONE = ("invite", "resend", "withdraw", "role", "remove", "hand_over")


class TeamForm(Form):
    """`do` says which of the page's forms was sent; `confirmed` that its consequence was read."""

    do: Literal["invite", "resend", "withdraw", "role", "remove"]
    email: str = Field(default="", max_length=1_000)
    role: Role = Role.MEMBER
    account_id: str = Field(default="", max_length=64)
    invitation_id: str = Field(default="", max_length=64)
    confirmed: bool = False


class HandOverForm(Form):
    account_id: str = Field(default="", max_length=64)


class TeamPages:
    """Server-rendered, without script."""

    def __init__(self, team: Team, rate: SignInRate, forms: Forms) -> None:
        self._team = team
        self._rate = rate
        self._forms = forms

    def operations(self) -> tuple[Operation, ...]:
        gone = {404: ("unknown_member",), 409: ("last_owner",)}
        handed = {404: ("unknown_member",), 409: ("not_to_yourself",)}
        return (
            page("team_page", _TEAM, Needs.MEMBER, "The team", self.team, _OF),
            posting(
                "send_team",
                _TEAM,
                Needs.ADMIN,
                "Invite, change a role, remove",
                self.send_team,
                TeamForm,
                merged(INVITES, _CHANGES),
                _OF,
            ),
            page("leave_page", _LEAVE, Needs.MEMBER, "What leaving means", self.leave, _OF),
            posting("send_leave", _LEAVE, Needs.MEMBER, "Leave the team", self.send_leave, Form, gone, _OF),
            page("ownership_page", _OWNERSHIP, Needs.OWNER, "What handing over means", self.hand_over, _OF),
            posting(
                "send_ownership",
                _OWNERSHIP,
                Needs.OWNER,
                "Hand the workspace over",
                self.send_hand_over,
                HandOverForm,
                handed,
                _OF,
            ),
        )

    # ---- the team

    async def team(self, request: web.Request) -> web.Response:
        done = request.query.get("done", "")
        return await self._show(request, {"done": done if done in _DONE else None}, 200)

    async def _show(self, request: web.Request, facts: Mapping[str, object], status: int) -> web.Response:
        workspace_id, who = workspace_of(request), request[WHO]
        assert who.role is not None, "the page is of a workspace"
        manages = who.role.includes(Role.ADMIN)
        known: dict[str, object] = {
            "workspace_id": workspace_id,
            "workspace": await self._team.name(workspace_id),
            "members": await self._team.members(workspace_id),
            "invitations": await self._team.invitations(workspace_id) if manages else (),
            "manages": manages,
            "mine": who.role,
            "roles": [role for role in Role if who.role.includes(role)],
            "email": "",
            "wanted": Role.MEMBER,
            "done": None,
            "part": None,
        }
        return self._forms.render(request, "team.html", {**known, **facts}, status)

    async def send_team(self, request: web.Request) -> web.Response:
        form = await self._forms.read(request, TeamForm)
        try:
            if form.do in ("remove", "withdraw") and not form.confirmed:
                return await self._confirm(request, form)
            await self._do(request, form)
        except Refused as refused:
            typed = {"email": form.email, "wanted": form.role} if form.do == "invite" else {}
            return await self._show(
                request, {"part": form.do, **typed, **why(request, refused)}, refused.status
            )
        return seen_other(f"/workspaces/{workspace_of(request)}/team?done={form.do}")

    async def _confirm(self, request: web.Request, form: TeamForm) -> web.Response:
        workspace_id = workspace_of(request)
        facts: dict[str, object] = {"workspace": await self._team.name(workspace_id), "do": form.do}
        if form.do == "remove":
            member = await self._team.member(workspace_id, AccountId(form.account_id))
            facts |= {"person": member.name, "fields_of": {"account_id": member.account_id}}
        else:
            invited = await self._team.invitation(workspace_id, InvitationId(form.invitation_id))
            facts |= {"person": invited.email, "fields_of": {"invitation_id": invited.invitation_id}}
        return self._confirmation(request, facts, 200)

    def _confirmation(self, request: web.Request, facts: Mapping[str, object], status: int) -> web.Response:
        back = {"back": f"/workspaces/{workspace_of(request)}/team", "people": ()}
        return self._forms.render(request, "confirm.html", {**back, **facts}, status)

    async def _do(self, request: web.Request, form: TeamForm) -> None:
        actor, workspace_id = request[WHO].account, workspace_of(request)
        if form.do in ("invite", "resend"):
            await self._rate.check(request)
        acts: Mapping[str, Callable[[], Awaitable[object]]] = {
            "invite": lambda: self._team.invite(actor, workspace_id, form.email, form.role),
            "resend": lambda: self._team.resend(actor, workspace_id, InvitationId(form.invitation_id)),
            "withdraw": lambda: self._team.withdraw(
                actor.account_id, workspace_id, InvitationId(form.invitation_id)
            ),
            "role": lambda: self._team.change_role(
                actor.account_id, workspace_id, AccountId(form.account_id), form.role
            ),
            "remove": lambda: self._team.remove(actor.account_id, workspace_id, AccountId(form.account_id)),
        }
        await acts[form.do]()

    # ---- leaving and handing over

    async def leave(self, request: web.Request) -> web.Response:
        return await self._leave(request, {}, 200)

    async def _leave(self, request: web.Request, facts: Mapping[str, object], status: int) -> web.Response:
        workspace = await self._team.name(workspace_of(request))
        known = {"workspace": workspace, "do": "leave", "person": workspace, "fields_of": {}}
        return self._confirmation(request, {**known, **facts}, status)

    async def send_leave(self, request: web.Request) -> web.Response:
        await self._forms.read(request, Form)
        actor = request[WHO].account.account_id
        try:
            await self._team.remove(actor, workspace_of(request), actor)
        except Refused as refused:
            return await self._leave(request, why(request, refused), refused.status)
        return seen_other(HOME)

    async def hand_over(self, request: web.Request) -> web.Response:
        return await self._hand_over(request, {}, 200)

    async def _hand_over(
        self, request: web.Request, facts: Mapping[str, object], status: int
    ) -> web.Response:
        workspace_id, who = workspace_of(request), request[WHO]
        others = [
            one for one in await self._team.members(workspace_id) if one.account_id != who.account.account_id
        ]
        workspace = await self._team.name(workspace_id)
        known: dict[str, object] = {"workspace": workspace, "do": "hand_over", "person": workspace}
        known |= {"fields_of": {}, "people": others}
        return self._confirmation(request, {**known, **facts}, status)

    async def send_hand_over(self, request: web.Request) -> web.Response:
        form = await self._forms.read(request, HandOverForm)
        workspace_id = workspace_of(request)
        try:
            actor = request[WHO].account.account_id
            await self._team.hand_over(actor, workspace_id, AccountId(form.account_id))
        except Refused as refused:
            return await self._hand_over(request, why(request, refused), refused.status)
        return seen_other(f"/workspaces/{workspace_id}/team?done=hand_over")
