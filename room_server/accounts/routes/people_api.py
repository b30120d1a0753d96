"""`/api/`: signing in, one's own account and where it is signed in, asking for host access."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from room_server.accounts import rules
from room_server.accounts.hosting import Hosting
from room_server.accounts.routes import shapes
from room_server.accounts.routes.forms import browser, merged
from room_server.accounts.routes.guard import WHO, drop_sign_in_cookie, set_sign_in_cookie, visitor
from room_server.accounts.rules import Purpose
from room_server.accounts.signing_in import Opened, SigningIn
from room_server.accounts.team import Team
from room_server.http import language
from room_server.http.limits import SignInRate
from room_server.http.needs import Needs
from room_server.http.operations import Operation, Reply, read_body
from room_server.ids import SignInId

HOME = "/workspaces"
"""Where one goes after signing in, unless one came for something else."""

BODY: Mapping[int, tuple[str, ...]] = {
    400: ("malformed",),
    408: ("too_slow",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
    503: ("storage_full", "storage_away"),
}
AWAY: Mapping[int, tuple[str, ...]] = {503: ("storage_full", "storage_away")}
RATED: Mapping[int, tuple[str, ...]] = {429: ("rate_limited", "too_many_tries")}
LINK: Mapping[int, tuple[str, ...]] = {
    404: ("mailed_link_unknown",),
    410: ("mailed_link_used", "mailed_link_expired"),
    429: ("rate_limited",),
}
ADDRESS: Mapping[int, tuple[str, ...]] = {422: ("address_invalid",)}
PASSWORD: Mapping[int, tuple[str, ...]] = {
    422: ("password_too_short", "password_too_long", "password_common", "password_is_email"),
    503: ("too_busy",),
}
_COOKIE = {"Set-Cookie": "The cookie of the sign-in"}


class PeopleApi:
    """Operations of people, for programs."""

    def __init__(self, signing_in: SigningIn, team: Team, hosting: Hosting, rate: SignInRate) -> None:
        self._signing_in = signing_in
        self._team = team
        self._hosting = hosting
        self._rate = rate

    def operations(self) -> tuple[Operation, ...]:
        return (*self._entering(), *self._own(), *self._devices())

    def _entering(self) -> tuple[Operation, ...]:
        signed_in = Reply("Signed in", model=shapes.SignedIn, headers=_COOKIE)
        return (
            Operation(
                name="ask_sign_in_link",
                method="POST",
                path="/api/sign-in/link",
                needs=Needs.VISITOR,
                summary="Ask for a link to sign in by",
                description="The answer is the same whether the address has an account or not.",
                handler=self.ask_link,
                body=shapes.AskLink,
                replies={204: Reply("If the address has an account, a letter is on its way", None)},
                refusals=merged(BODY, ADDRESS, RATED),
            ),
            Operation(
                name="sign_in_by_link",
                method="POST",
                path="/api/sign-in",
                needs=Needs.VISITOR,
                summary="Sign in by the token of a link, which serves once",
                handler=self.by_link,
                body=shapes.UseToken,
                replies={200: signed_in},
                refusals=merged(BODY, LINK),
            ),
            Operation(
                name="sign_in_by_password",
                method="POST",
                path="/api/sign-in/password",
                needs=Needs.VISITOR,
                summary="Sign in by password",
                handler=self.by_password,
                body=shapes.UsePassword,
                replies={200: signed_in},
                refusals=merged(BODY, RATED, {403: ("wrong_credentials",), 503: ("too_busy",)}),
            ),
            Operation(
                name="ask_password_link",
                method="POST",
                path="/api/password/link",
                needs=Needs.VISITOR,
                summary="Ask for a link to choose a password by",
                description="The answer is the same whether the address has an account or not.",
                handler=self.ask_password,
                body=shapes.AskPassword,
                replies={204: Reply("If the address has an account, a letter is on its way", None)},
                refusals=merged(BODY, ADDRESS, RATED),
            ),
            Operation(
                name="set_password",
                method="POST",
                path="/api/password",
                needs=Needs.VISITOR,
                summary="Choose a password by the token of a link, which serves once, and sign in",
                description="Ends every other sign-in of the account.",
                handler=self.set_password,
                body=shapes.NewPassword,
                replies={200: signed_in},
                refusals=merged(BODY, LINK, PASSWORD),
            ),
            Operation(
                name="ask_host_access",
                method="POST",
                path="/api/host-access-requests",
                needs=Needs.VISITOR,
                summary="Ask for host access with the team's contact e-mail",
                description="Answered by e-mail.",
                handler=self.ask_host_access,
                body=shapes.AskHostAccess,
                replies={204: Reply("The request was taken", None)},
                refusals=merged(
                    BODY,
                    RATED,
                    {
                        403: ("requests_closed",),
                        422: ("address_invalid", "name_invalid", "message_invalid"),
                        503: ("too_many_requests",),
                    },
                ),
            ),
            Operation(
                name="accept_invitation",
                method="POST",
                path="/api/invitations/accept",
                needs=Needs.VISITOR,
                summary="Join a team by the token of an invitation, and sign in",
                description="Whose address has an account is signed in to it before.",
                handler=self.accept,
                body=shapes.AcceptInvitation,
                replies={200: signed_in},
                refusals=merged(BODY, LINK, {401: ("sign_in_needed",), 422: ("name_invalid",)}),
            ),
        )

    def _own(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="account",
                method="GET",
                path="/api/account",
                needs=Needs.SIGNED_IN,
                summary="One's own account",
                handler=self.account,
                replies={200: Reply("The account", model=shapes.PersonShape)},
            ),
            Operation(
                name="change_account",
                method="PATCH",
                path="/api/account",
                needs=Needs.SIGNED_IN,
                summary="Change one's name, language or time zone",
                handler=self.change_account,
                body=shapes.ChangeProfile,
                replies={200: Reply("As it is now", model=shapes.PersonShape)},
                refusals=merged(BODY, {422: ("name_invalid", "unknown_time_zone")}),
            ),
            Operation(
                name="change_password",
                method="PUT",
                path="/api/account/password",
                needs=Needs.SIGNED_IN,
                summary="Change one's password",
                description="Ends every other sign-in.  Who has none yet chooses one by a link.",
                handler=self.change_password,
                body=shapes.ChangePassword,
                replies={204: Reply("Changed", None)},
                refusals=merged(
                    BODY, RATED, PASSWORD, {403: ("wrong_password",), 409: ("password_by_link",)}
                ),
            ),
            Operation(
                name="workspaces",
                method="GET",
                path="/api/workspaces",
                needs=Needs.SIGNED_IN,
                summary="The workspaces that one belongs to",
                handler=self.workspaces,
                replies={200: Reply("Workspaces, with one's role in each", model=shapes.Workspaces)},
            ),
        )

    def _devices(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="sign_out",
                method="DELETE",
                path="/api/sign-in",
                needs=Needs.SIGNED_IN,
                summary="Sign out",
                handler=self.sign_out,
                replies={204: Reply("Signed out", None, headers={"Set-Cookie": "The cookie's end"})},
                refusals=merged(AWAY, {404: ("unknown_sign_in",)}),
            ),
            Operation(
                name="sign_ins",
                method="GET",
                path="/api/account/sign-ins",
                needs=Needs.SIGNED_IN,
                summary="Where one is signed in",
                handler=self.sign_ins,
                replies={200: Reply("Devices, the last seen first", model=shapes.SignIns)},
            ),
            Operation(
                name="end_other_sign_ins",
                method="DELETE",
                path="/api/account/sign-ins",
                needs=Needs.SIGNED_IN,
                summary="Sign out everywhere else",
                handler=self.end_others,
                replies={200: Reply("How many were ended", model=shapes.Ended)},
                refusals=AWAY,
            ),
            Operation(
                name="end_sign_in",
                method="DELETE",
                path="/api/account/sign-ins/{sign_in_id}",
                needs=Needs.SIGNED_IN,
                summary="Sign out of one device",
                handler=self.end,
                parameters={"sign_in_id": "As listed"},
                replies={204: Reply("Ended", None)},
                refusals=merged(AWAY, {404: ("unknown_sign_in",)}),
            ),
        )

    # ---- entering

    async def ask_link(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.AskLink)
        await self._rate.check_letter(body.email)
        await self._signing_in.ask_link(body.email, Purpose.SIGN_IN, rules.local_path(body.next, HOME))
        return web.Response(status=204)

    async def by_link(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.UseToken)
        return _signed_in(request, await self._signing_in.by_link(body.token, browser(request)))

    async def by_password(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.UsePassword)
        await self._rate.check_password(body.email)
        opened = await self._signing_in.by_password(body.email, body.password, browser(request))
        return _signed_in(request, opened)

    async def ask_password(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.AskPassword)
        await self._rate.check_letter(body.email)
        await self._signing_in.ask_link(body.email, Purpose.PASSWORD)
        return web.Response(status=204)

    async def set_password(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.NewPassword)
        found = await self._signing_in.set_password_by_link(body.token, body.password, browser(request))
        return _signed_in(request, found)

    async def ask_host_access(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.AskHostAccess)
        await self._rate.check_letter(body.email)
        said = body.email, body.name, body.organisation, body.message
        await self._hosting.ask(*said, language.of(request))
        return web.Response(status=204)

    async def accept(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.AcceptInvitation)
        who = visitor(request)
        account_id = who.account.account_id if who else None
        opened = await self._team.accept(body.token, body.name, browser(request), account_id)
        return _signed_in(request, opened)

    # ---- one's own

    async def account(self, request: web.Request) -> web.Response:
        return shapes.answer(shapes.person(request[WHO].account))

    async def change_account(self, request: web.Request) -> web.Response:
        body = await read_body(request, shapes.ChangeProfile)
        now = request[WHO].account
        changed = await self._signing_in.change_profile(
            now.account_id,
            now.name if body.name is None else body.name,
            body.language or now.language,
            now.time_zone if body.time_zone is None else body.time_zone,
        )
        return shapes.answer(shapes.person(changed))

    async def change_password(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        body = await read_body(request, shapes.ChangePassword)
        who = request[WHO]
        await self._rate.check_password(who.account.email)
        await self._signing_in.change_password(who.sign_in, body.current, body.password)
        return web.Response(status=204)

    async def workspaces(self, request: web.Request) -> web.Response:
        found = await self._team.workspaces_of(request[WHO].account.account_id)
        return shapes.answer(shapes.Workspaces(workspaces=[shapes.workspace(one) for one in found]))

    # ---- devices

    async def sign_out(self, request: web.Request) -> web.Response:
        who = request[WHO]
        await self._signing_in.end(who.account.account_id, who.sign_in.sign_in_id)
        response = web.Response(status=204)
        drop_sign_in_cookie(request, response)
        return response

    async def sign_ins(self, request: web.Request) -> web.Response:
        who = request[WHO]
        found = await self._signing_in.sign_ins(who.account.account_id)
        return shapes.answer(shapes.SignIns(sign_ins=[shapes.sign_in(one, who.sign_in) for one in found]))

    async def end_others(self, request: web.Request) -> web.Response:
        return shapes.answer(shapes.Ended(ended=await self._signing_in.end_others(request[WHO].sign_in)))

    async def end(self, request: web.Request) -> web.Response:
        sign_in_id = SignInId(request.match_info["sign_in_id"])
        await self._signing_in.end(request[WHO].account.account_id, sign_in_id)
        return web.Response(status=204)


def _signed_in(request: web.Request, opened: Opened) -> web.Response:
    following = rules.local_path(opened.next, HOME)
    response = shapes.answer(shapes.SignedIn(account=shapes.person(opened.account), next=following))
    set_sign_in_cookie(request, response, opened.cookie)
    return response
