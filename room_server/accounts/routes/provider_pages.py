"""Pages of signing in at a provider: there, back, by the letter that connects, and on the account page.

    GET /sign-in/{provider} ─► the provider ─► GET /sign-in/{provider}/back ─┬─► where one wanted to go
                                                                             └─► /connect: look into your mail
Each visit has a cookie of its own, named after its state, so two tabs do not disturb each other, and an
answer that was made for another browser finds no cookie here.
Invariant: what a provider or a browser sends ends as a page with a way on; nobody is sent to another site but
the provider.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from pydantic import Field

from room_server.accounts import rules, tokens
from room_server.accounts.oidc import Identity
from room_server.accounts.providers import OFFER_LASTS, VISIT_KEPT, Begun, Providers
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
from room_server.accounts.routes.guard import WHO, cookie_name, drop_cookie, set_cookie, visitor
from room_server.accounts.routes.people_api import AWAY, HOME, LINK
from room_server.accounts.store.providers import Visit
from room_server.errors import Refused
from room_server.http.limits import SignInRate
from room_server.http.needs import Needs
from room_server.http.operations import HTML, Operation, Reply
from room_server.http.problem import wants_page

UNUSABLE: Mapping[int, tuple[str, ...]] = {
    404: ("unknown_provider",),
    429: ("rate_limited",),
    502: ("provider_unusable",),
    503: ("provider_away",),
}
NAME = {"provider": "The provider's name in the settings"}

_ACCOUNT = "/account"
_VISIT = "at-provider-"
_MARK = "connecting"
_TOKEN = {"token": "The secret of a letter's link"}
_ANSWERS = {
    400: ("sign_in_stray", "sign_in_over"),
    403: ("sign_in_declined",),
    409: ("identity_taken",),
    429: ("too_many_tries",),
    502: ("identity_refused",),
}
_LETTER = merged(LINK, {403: ("connect_elsewhere",), 409: ("identity_taken",)})


class WaysForm(Form):
    """One of the two: the provider to connect, or the identity to disconnect."""

    connect: str = Field(default="", max_length=64)
    disconnect: str = Field(default="", max_length=64)


class ProviderPages:
    """Server-rendered, without script."""

    def __init__(self, providers: Providers, rate: SignInRate, forms: Forms) -> None:
        self._providers = providers
        self._rate = rate
        self._forms = forms

    def operations(self) -> tuple[Operation, ...]:
        visitor, connected = Needs.VISITOR, merged(UNUSABLE, {404: ("unknown_identity",)})
        link = "/connect/{token}"
        return (
            Operation(
                name="begin_at_provider",
                method="GET",
                path="/sign-in/{provider}",
                needs=visitor,
                summary="Go to a provider to sign in",
                handler=self.begin,
                parameters=NAME,
                query={"to": "Where to go afterwards: a path of this server"},
                replies={303: Reply("To the provider", None)},
                refusals=merged(AWAY, UNUSABLE),
            ),
            Operation(
                name="back_from_provider",
                method="GET",
                path="/sign-in/{provider}/back",
                needs=visitor,
                summary="Come back from a provider: the redirect URI that is registered there",
                description="The browser brings the cookie that it was sent there with, which serves once.",
                handler=self.back,
                parameters=NAME,
                query=dict.fromkeys(("state", "code", "iss", "error"), "Of the provider"),
                replies={303: Reply("Signed in; where one wanted to go", None)},
                refusals=merged(AWAY, UNUSABLE, _ANSWERS),
            ),
            Operation(
                name="connect_asked",
                method="GET",
                path="/connect",
                needs=visitor,
                summary="A letter is on its way, by which to connect an identity",
                handler=self.asked,
                query={"with": "The provider", "told": "Whether it told an address"},
                replies={200: Reply("A page", HTML)},
                refusals=merged(AWAY, {404: ("unknown_provider",)}),
            ),
            page("connect_page", link, visitor, "What a letter connects", self.link, _TOKEN, _LETTER),
            posting("connect", link, visitor, "Connect and sign in", self.send_link, Form, _LETTER, _TOKEN),
            posting(
                "send_ways",
                f"{_ACCOUNT}/ways",
                Needs.SIGNED_IN,
                "Connect or disconnect an identity",
                self.send_ways,
                WaysForm,
                connected,
            ),
        )

    # ---- there

    async def begin(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        following = rules.local_path(request.query.get("to"), HOME)
        name = request.match_info["provider"]
        try:
            begun = await self._providers.begin(name, following)
        except Refused as refused:
            return self._refused(request, refused, name, following)
        response = seen_other(begun.address)
        _set_visit(request, response, begun)
        return response

    # ---- back

    async def back(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        name = request.match_info["provider"]
        kept = _visit_cookie(request)
        following = HOME
        try:
            visit = await self._providers.take(name, request.cookies.get(cookie_name(request, kept)))
            following = _ACCOUNT if visit.connects_for else visit.started.return_to
            response = await self._arrived(request, visit)
        except Refused as refused:
            response = self._refused(request, refused, name, following)
        drop_cookie(request, response, kept)
        return response

    async def _arrived(self, request: web.Request, visit: Visit) -> web.Response:
        if visit.connects_for is not None:
            who = visitor(request)
            await self._providers.connect(visit, request.query, who.sign_in if who else None)
            return seen_other(visit.started.return_to)
        found = await self._providers.enter(visit, request.query, browser(request))
        if isinstance(found, Identity):
            return await self._unknown(request, visit, found)
        return signed_in(request, found, rules.local_path(found.next, HOME))

    async def _unknown(self, request: web.Request, visit: Visit, identity: Identity) -> web.Response:
        """Send a letter to whom it may belong, and say the same to everybody."""
        told = identity.email is not None
        if identity.email is not None:
            await self._rate.check_letter(identity.email)
        mark = await self._providers.offer(visit, identity)
        response = seen_other(f"/connect?with={visit.started.provider}&told={'yes' if told else 'no'}")
        set_cookie(request, response, _MARK, mark, int(OFFER_LASTS.total_seconds()))
        return response

    def _refused(self, request: web.Request, refused: Refused, name: str, following: str) -> web.Response:
        """Show the refusal with ways on; a program gets it as any other."""
        if not wants_page(request):
            raise refused
        names = [way.name for way in self._providers.ways]
        facts = {
            **why(request, refused),
            "again": name if name in names else None,
            "following": following,
            "connecting": following.startswith(_ACCOUNT) and visitor(request) is not None,
        }
        return self._forms.render(request, "provider_refused.html", facts, refused.status)

    # ---- by letter

    async def asked(self, request: web.Request) -> web.Response:
        label = self._providers.label(request.query.get("with", ""))
        facts = {"provider": label, "told": request.query.get("told") != "no"}
        return self._forms.render(request, "connect_asked.html", facts)

    async def link(self, request: web.Request) -> web.Response:
        mark = request.cookies.get(cookie_name(request, _MARK))
        try:
            label, owner = await self._providers.offered(request.match_info["token"], mark)
        except Refused as refused:
            return self._ended(request, refused)
        return self._forms.render(request, "connect.html", {"provider": label, "owner": owner})

    async def send_link(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        await self._forms.read(request, Form)
        mark = request.cookies.get(cookie_name(request, _MARK))
        try:
            opened = await self._providers.accept(request.match_info["token"], mark, browser(request))
        except Refused as refused:
            return self._ended(request, refused)
        response = signed_in(request, opened, rules.local_path(opened.next, HOME))
        drop_cookie(request, response, _MARK)
        return response

    def _ended(self, request: web.Request, refused: Refused) -> web.Response:
        return self._forms.render(request, "connect_ended.html", why(request, refused), refused.status)

    # ---- on the account page

    async def send_ways(self, request: web.Request) -> web.Response:
        await self._rate.check(request)
        form = await self._forms.read(request, WaysForm)
        who = request[WHO]
        if form.disconnect:
            await self._providers.disconnect(who.sign_in, form.disconnect)
            return seen_other(f"{_ACCOUNT}?done=disconnected")
        following = f"{_ACCOUNT}?done=connected"
        try:
            begun = await self._providers.begin(form.connect, following, who.sign_in.sign_in_id)
        except Refused as refused:
            return self._refused(request, refused, form.connect, following)
        facts = {"address": begun.address, "provider": self._providers.label(form.connect), "why": "connect"}
        response = self._forms.render(request, "going.html", facts)
        response.headers["Referrer-Policy"] = "no-referrer"
        _set_visit(request, response, begun)
        return response


def _set_visit(request: web.Request, response: web.Response, begun: Begun) -> None:
    set_cookie(request, response, _cookie_of(begun.state), begun.cookie, int(VISIT_KEPT.total_seconds()))


def _visit_cookie(request: web.Request) -> str:
    return _cookie_of(request.query.get("state", ""))


def _cookie_of(state: str) -> str:
    return _VISIT + tokens.hashed(state)[:16]
