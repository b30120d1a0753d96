"""Pages for who is not signed in yet: a link or a password, a new password, host access, an invitation.

Invariant: opening a page changes nothing, so mail scanners may open the links of letters; the press does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aiohttp import web
from pydantic import Field

from room_server.accounts import passwords, rules
from room_server.accounts.hosting import Hosting
from room_server.accounts.routes.forms import (
    Form,
    Forms,
    browser,
    merged,
    page,
    posting,
    seen_other,
    signed_in,
    why,
)
from room_server.accounts.routes.guard import visitor
from room_server.accounts.routes.people_api import ADDRESS, HOME, LINK, PASSWORD, RATED
from room_server.accounts.rules import HostAccess, Purpose
from room_server.accounts.signing_in import SigningIn
from room_server.accounts.team import Team
from room_server.errors import Refused
from room_server.http import language
from room_server.http.limits import SignInRate
from room_server.http.needs import Needs
from room_server.http.operations import Operation

_TOKEN = {"token": "The secret of a letter's link"}
_VISITOR = Needs.VISITOR


class SignInForm(Form):
    """`way`: a link by mail, or the password."""

    way: Literal["link", "password"] = "link"
    email: str = Field(default="", max_length=1_000)
    password: str = Field(default="", max_length=1_024)
    next: str = Field(default="", max_length=1_000)


class EmailForm(Form):
    email: str = Field(default="", max_length=1_000)


class PasswordForm(Form):
    password: str = Field(default="", max_length=1_024)


class HostAccessForm(Form):
    email: str = Field(default="", max_length=1_000)
    name: str = Field(default="", max_length=1_000)
    organisation: str = Field(default="", max_length=1_000)
    message: str = Field(default="", max_length=20_000)


class NameForm(Form):
    """`name` is asked of who has no account yet."""

    name: str = Field(default="", max_length=1_000)


class SignInPages:
    """Server-rendered, without script."""

    def __init__(
        self, signing_in: SigningIn, team: Team, hosting: Hosting, rate: SignInRate, forms: Forms
    ) -> None:
        self._signing_in = signing_in
        self._team = team
        self._hosting = hosting
        self._rate = rate
        self._forms = forms

    def operations(self) -> tuple[Operation, ...]:
        wrong = merged(RATED, {403: ("wrong_credentials",), 422: ("address_invalid",), 503: ("too_busy",)})
        asked = merged(RATED, {403: ("requests_closed",), 422: ("address_invalid", "name_invalid")})
        link, named = (
            "/sign-in/link/{token}",
            merged(LINK, {401: ("sign_in_needed",), 422: ("name_invalid",)}),
        )
        return (
            page("sign_in_page", "/sign-in", _VISITOR, "Sign in", self.sign_in),
            posting("sign_in", "/sign-in", _VISITOR, "Sign in", self.send_sign_in, SignInForm, wrong),
            page("sent_page", "/sign-in/sent", _VISITOR, "A letter is on its way", self.sent),
            page("link_page", link, _VISITOR, "Whom a link is for", self.link, _TOKEN, LINK),
            posting("use_link", link, _VISITOR, "Sign in by a link", self.send_link, Form, LINK, _TOKEN),
            page("forgotten_page", "/password", _VISITOR, "Ask for a new password", self.forgotten),
            posting(
                "forgotten",
                "/password",
                _VISITOR,
                "Ask for a new password",
                self.send_forgotten,
                EmailForm,
                merged(RATED, ADDRESS),
            ),
            page(
                "password_page",
                "/password/{token}",
                _VISITOR,
                "Choose a password",
                self.password,
                _TOKEN,
                LINK,
            ),
            posting(
                "choose_password",
                "/password/{token}",
                _VISITOR,
                "Choose a password",
                self.send_password,
                PasswordForm,
                merged(LINK, PASSWORD),
                _TOKEN,
            ),
            page("host_access_page", "/host-access", _VISITOR, "Ask for host access", self.host_access),
            posting(
                "send_host_access",
                "/host-access",
                _VISITOR,
                "Ask for host access",
                self.send_host_access,
                HostAccessForm,
                merged(asked, {422: ("message_invalid",), 503: ("too_many_requests",)}),
            ),
            page("asked_page", "/host-access/sent", _VISITOR, "The request was taken", self.asked),
            page(
                "invitation_page",
                "/invitation/{token}",
                _VISITOR,
                "What one is invited to",
                self.invitation,
                _TOKEN,
                LINK,
            ),
            posting(
                "join_team",
                "/invitation/{token}",
                _VISITOR,
                "Join the team",
                self.send_invitation,
                NameForm,
                named,
                _TOKEN,
            ),
        )

    # ---- a link or a password

    async def sign_in(self, request: web.Request) -> web.Response:
        following = rules.local_path(request.query.get("next"), HOME)
        if visitor(request):
            return seen_other(following)
        return self._sign_in(request, {"email": "", "next": following, "way": "link"})

    def _sign_in(self, request: web.Request, facts: Mapping[str, object], status: int = 200) -> web.Response:
        known = {"may_ask": self._hosting.policy is not HostAccess.CLOSED}
        return self._forms.render(request, "sign_in.html", {**known, **facts}, status)

    async def send_sign_in(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        form = await self._forms.read(request, SignInForm)
        following = rules.local_path(form.next, HOME)
        try:
            if form.way == "link":
                await self._rate.check_letter(form.email)
                await self._signing_in.ask_link(form.email, Purpose.SIGN_IN, following)
                return seen_other("/sign-in/sent")
            await self._rate.check_password(form.email)
            opened = await self._signing_in.by_password(form.email, form.password, browser(request))
        except Refused as refused:
            facts = {"email": form.email, "next": following, "way": form.way, **why(request, refused)}
            return self._sign_in(request, facts, refused.status)
        return signed_in(request, opened, following)

    async def sent(self, request: web.Request) -> web.Response:
        return self._forms.render(request, "sent.html", {})

    async def link(self, request: web.Request) -> web.Response:
        try:
            owner = await self._signing_in.link_owner(request.match_info["token"], Purpose.SIGN_IN)
        except Refused as refused:
            return self._ended(request, refused)
        return self._forms.render(request, "link.html", {"owner": owner})

    async def send_link(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        await self._forms.read(request, Form)
        try:
            opened = await self._signing_in.by_link(request.match_info["token"], browser(request))
        except Refused as refused:
            return self._ended(request, refused)
        return signed_in(request, opened, rules.local_path(opened.next, HOME))

    def _ended(self, request: web.Request, refused: Refused) -> web.Response:
        """Show why a link does not serve; who is in already, by a press before this one, goes on."""
        if refused.code == "mailed_link_used" and visitor(request):
            return seen_other(HOME)
        return self._forms.render(request, "link_ended.html", why(request, refused), refused.status)

    # ---- a new password

    async def forgotten(self, request: web.Request) -> web.Response:
        who = visitor(request)
        return self._forms.render(request, "forgotten.html", {"email": who.account.email if who else ""})

    async def send_forgotten(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        form = await self._forms.read(request, EmailForm)
        try:
            await self._rate.check_letter(form.email)
            await self._signing_in.ask_link(form.email, Purpose.PASSWORD)
        except Refused as refused:
            facts = {"email": form.email, **why(request, refused)}
            return self._forms.render(request, "forgotten.html", facts, refused.status)
        return seen_other("/sign-in/sent")

    async def password(self, request: web.Request) -> web.Response:
        return await self._password(request, {}, 200)

    async def _password(self, request: web.Request, facts: Mapping[str, object], status: int) -> web.Response:
        try:
            owner = await self._signing_in.link_owner(request.match_info["token"], Purpose.PASSWORD)
        except Refused as refused:
            return self._ended(request, refused)
        known = {"owner": owner, "least": passwords.SHORTEST}
        return self._forms.render(request, "password.html", {**known, **facts}, status)

    async def send_password(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        form = await self._forms.read(request, PasswordForm)
        token = request.match_info["token"]
        try:
            opened = await self._signing_in.set_password_by_link(token, form.password, browser(request))
        except Refused as refused:
            return await self._password(request, why(request, refused), refused.status)
        return signed_in(request, opened, HOME)

    # ---- host access

    async def host_access(self, request: web.Request) -> web.Response:
        who = visitor(request)
        typed = HostAccessForm()
        if who is not None:
            typed = HostAccessForm(email=who.account.email, name=who.account.name)
        return self._host_access(request, {"typed": typed}, 200)

    def _host_access(self, request: web.Request, facts: Mapping[str, object], status: int) -> web.Response:
        known = {"is_open": self._hosting.policy is not HostAccess.CLOSED}
        return self._forms.render(request, "host_access.html", {**known, **facts}, status)

    async def send_host_access(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        form = await self._forms.read(request, HostAccessForm)
        try:
            await self._rate.check_letter(form.email)
            said = form.email, form.name, form.organisation, form.message
            await self._hosting.ask(*said, language.of(request))
        except Refused as refused:
            return self._host_access(request, {"typed": form, **why(request, refused)}, refused.status)
        return seen_other("/host-access/sent")

    async def asked(self, request: web.Request) -> web.Response:
        return self._forms.render(request, "asked.html", {})

    # ---- an invitation

    async def invitation(self, request: web.Request) -> web.Response:
        return await self._invitation(request, {"name": ""}, 200)

    async def _invitation(
        self, request: web.Request, facts: Mapping[str, object], status: int
    ) -> web.Response:
        try:
            found = await self._team.invited(request.match_info["token"])
        except Refused as refused:
            return self._ended(request, refused)
        who = visitor(request)
        known = {
            "invited": found.invitation,
            "known": found.account,
            "is_theirs": found.account is None
            or (who and who.account.account_id == found.account.account_id),
            "here": request.path,
        }
        return self._forms.render(request, "invitation.html", {**known, **facts}, status)

    async def send_invitation(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        form = await self._forms.read(request, NameForm)
        try:
            who = visitor(request)
            account_id = who.account.account_id if who else None
            token = request.match_info["token"]
            opened = await self._team.accept(token, form.name, browser(request), account_id)
        except Refused as refused:
            return await self._invitation(
                request, {"name": form.name, **why(request, refused)}, refused.status
            )
        return signed_in(request, opened, HOME)
