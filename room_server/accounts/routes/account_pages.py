"""Pages of one's own: the workspaces one belongs to, the account, the devices that are signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from zoneinfo import available_timezones

from aiohttp import web
from pydantic import Field

from room_server.accounts import passwords
from room_server.accounts.hosting import Hosting
from room_server.accounts.providers import Providers
from room_server.accounts.routes.forms import Form, Forms, merged, page, posting, seen_other, why
from room_server.accounts.routes.guard import WHO
from room_server.accounts.routes.people_api import HOME, PASSWORD, RATED
from room_server.accounts.rules import HostAccess, Purpose, Role
from room_server.accounts.signing_in import SigningIn
from room_server.accounts.team import Team
from room_server.errors import Refused
from room_server.http import headers, language
from room_server.http.limits import SignInRate
from room_server.http.needs import Needs
from room_server.http.operations import Operation
from room_server.ids import SignInId

_ACCOUNT = "/account"
_LANGUAGE_LASTS_S = 365 * 24 * 3600


class AccountForm(Form):
    """`do` says which of the page's forms was sent."""

    do: Literal["profile", "password", "password_link", "end", "end_others"]
    name: str = Field(default="", max_length=1_000)
    language: Literal["en", "fr"] = "en"
    time_zone: str = Field(default="", max_length=64)
    current: str = Field(default="", max_length=1_024)
    password: str = Field(default="", max_length=1_024)
    sign_in_id: str = Field(default="", max_length=64)


class AccountPages:
    """Server-rendered, without script."""

    def __init__(
        self,
        signing_in: SigningIn,
        team: Team,
        hosting: Hosting,
        rate: SignInRate,
        forms: Forms,
        providers: Providers,
    ) -> None:
        self._signing_in = signing_in
        self._providers = providers
        self._team = team
        self._hosting = hosting
        self._rate = rate
        self._forms = forms

    def operations(self) -> tuple[Operation, ...]:
        refused = merged(
            RATED,
            PASSWORD,
            {
                403: ("wrong_password",),
                404: ("unknown_sign_in",),
                409: ("password_by_link",),
                422: ("name_invalid", "unknown_time_zone"),
            },
        )
        return (
            page("home_page", HOME, Needs.SIGNED_IN, "The workspaces that one belongs to", self.home),
            page("account_page", _ACCOUNT, Needs.SIGNED_IN, "One's own account", self.account),
            posting(
                "send_account",
                _ACCOUNT,
                Needs.SIGNED_IN,
                "Change one's account, password or devices",
                self.send_account,
                AccountForm,
                refused,
            ),
        )

    async def home(self, request: web.Request) -> web.Response:
        workspaces = await self._team.workspaces_of(request[WHO].account.account_id)
        facts: dict[str, object] = {
            "workspaces": workspaces,
            "may_ask": self._hosting.policy is not HostAccess.CLOSED
            and not any(one.role is Role.OWNER for one in workspaces),
        }
        return self._forms.render(request, "workspaces.html", facts)

    async def account(self, request: web.Request) -> web.Response:
        done = request.query.get("done", "")
        return await self._account(request, {"done": done if done in _DONE else None}, 200)

    async def _account(self, request: web.Request, facts: Mapping[str, object], status: int) -> web.Response:
        who = request[WHO]
        known: dict[str, object] = {
            "typed": who.account,
            "here": who.sign_in.sign_in_id,
            "sign_ins": await self._signing_in.sign_ins(who.account.account_id),
            "identities": await self._providers.connected(who.account.account_id),
            "zones": sorted(available_timezones()),
            "least": passwords.SHORTEST,
            "done": None,
            "part": None,
        }
        return self._forms.render(request, "account.html", {**known, **facts}, status)

    async def send_account(self, request: web.Request) -> web.Response:
        form = await self._forms.read(request, AccountForm)
        try:
            await self._do(request, form)
        except Refused as refused:
            typed = form if form.do == "profile" else request[WHO].account
            facts = {"part": form.do, "typed": typed, **why(request, refused)}
            return await self._account(request, facts, refused.status)
        if form.do == "password_link":
            return seen_other("/sign-in/sent")
        response = seen_other(f"{_ACCOUNT}?done={form.do}")
        if form.do == "profile":  # the language chosen here outranks one that was chosen on a page before
            secure = headers.is_secure(request)
            lasts_s = _LANGUAGE_LASTS_S
            response.set_cookie(
                language.COOKIE, form.language, max_age=lasts_s, samesite="Lax", secure=secure
            )
        return response

    async def _do(self, request: web.Request, form: AccountForm) -> None:
        who = request[WHO]
        match form.do:
            case "profile":
                account_id = who.account.account_id
                await self._signing_in.change_profile(account_id, form.name, form.language, form.time_zone)
            case "password":
                await self._rate.check_password(who.account.email)
                await self._signing_in.change_password(who.sign_in, form.current, form.password)
            case "password_link":
                await self._rate.check_letter(who.account.email)
                await self._signing_in.ask_link(who.account.email, Purpose.PASSWORD)
            case "end":
                await self._signing_in.end(who.account.account_id, SignInId(form.sign_in_id))
            case "end_others":
                await self._signing_in.end_others(who.sign_in)


_DONE = ("profile", "password", "connected", "disconnected", "end", "end_others")
