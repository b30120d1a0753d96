"""Signing out: here first, then at the provider that vouched for the sign-in, where it offers that.

    POST /sign-out ─► ended here ─┬─► /sign-in
                                  └─► a page that goes on to the provider ─► back ─► /signed-out

The page between is there because browsers do not let a form lead to another site.
Invariant: whatever a provider does, the sign-in here has ended.
"""

from __future__ import annotations

from aiohttp import web

from room_server.accounts.oidc.client import is_return
from room_server.accounts.providers import Providers
from room_server.accounts.routes.forms import Form, Forms, merged, page, posting, seen_other
from room_server.accounts.routes.guard import (
    WHO,
    cookie_name,
    drop_cookie,
    drop_sign_in_cookie,
    set_cookie,
    visitor,
)
from room_server.accounts.routes.people_api import AWAY, HOME
from room_server.accounts.routes.provider_pages import NAME
from room_server.accounts.signing_in import SigningIn
from room_server.accounts.store.providers import Vouched
from room_server.errors import Refused
from room_server.http.limits import SignInRate
from room_server.http.needs import Needs
from room_server.http.operations import Operation, Reply

_LEAVING = "leaving"
_LASTS_S = 1_800


class SigningOutPages:
    """Server-rendered, without script."""

    def __init__(self, signing_in: SigningIn, providers: Providers, rate: SignInRate, forms: Forms) -> None:
        self._signing_in = signing_in
        self._providers = providers
        self._rate = rate
        self._forms = forms

    def operations(self) -> tuple[Operation, ...]:
        return (
            posting("send_sign_out", "/sign-out", Needs.SIGNED_IN, "Sign out", self.sign_out, Form, {}),
            Operation(
                name="back_from_leaving",
                method="GET",
                path="/sign-out/{provider}/back",
                needs=Needs.VISITOR,
                summary="Come back from signing out at a provider",
                handler=self.back,
                parameters=NAME,
                query={"state": "Of the provider"},
                replies={303: Reply("Signed out, there as well", None)},
                refusals=merged(
                    AWAY, {400: ("sign_out_stray",), 404: ("unknown_provider",), 429: ("rate_limited",)}
                ),
            ),
            page("signed_out_page", "/signed-out", Needs.VISITOR, "One is signed out", self.signed_out),
        )

    async def sign_out(self, request: web.Request) -> web.Response:
        await self._forms.read(request, Form)
        who = request[WHO]
        vouched = await self._providers.vouched(who.sign_in.sign_in_id)
        await self._signing_in.end(who.account.account_id, who.sign_in.sign_in_id)
        del request[WHO]
        response = seen_other("/sign-in") if vouched is None else await self._go_on(request, vouched)
        drop_sign_in_cookie(request, response)
        return response

    async def _go_on(self, request: web.Request, vouched: Vouched) -> web.Response:
        try:
            leaving = await self._providers.leave(vouched)
        except Refused:
            return seen_other(f"/signed-out?not={vouched.provider}")
        if leaving is None:
            return seen_other("/sign-in")
        facts = {
            "address": leaving.url,
            "provider": self._providers.label(vouched.provider),
            "why": "leave",
        }
        response = self._forms.render(request, "going.html", facts)
        response.headers["Referrer-Policy"] = "no-referrer"
        set_cookie(request, response, _LEAVING, leaving.state, _LASTS_S)
        return response

    async def back(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        provider = request.match_info["provider"]
        self._providers.label(provider)
        state = request.cookies.get(cookie_name(request, _LEAVING))
        if not state or not is_return(state, request.query):
            raise Refused("sign_out_stray", 400)
        response = seen_other(f"/signed-out?at={provider}")
        drop_cookie(request, response, _LEAVING)
        return response

    async def signed_out(self, request: web.Request) -> web.Response:
        """Say where one is signed out; `at` and `not` are names of providers, and no others are said."""
        if visitor(request):
            return seen_other(HOME)
        labels = {way.name: way.label for way in self._providers.ways}
        facts = {
            "left": labels.get(request.query.get("at", "")),
            "stayed": labels.get(request.query.get("not", "")),
        }
        return self._forms.render(request, "signed_out.html", facts)
