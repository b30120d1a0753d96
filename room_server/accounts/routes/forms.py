"""Pages with forms: what all of them share.

    GET ─► page with the fields and a word that only this browser can send back
    POST ─┬─► done: 303 to where it shows, so that a reload sends nothing again
          ├─► to be confirmed: the page that names the consequence
          └─► refused: the same page with what was typed, and the reason beside it

Invariant: a form without the word of its browser changes nothing, also where the browser says nothing of
where a request comes from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from room_server.access.device import describe
from room_server.accounts import tokens
from room_server.accounts.providers import Way
from room_server.accounts.routes.guard import (
    cookie_name,
    set_cookie,
    set_sign_in_cookie,
    sign_in_cookie,
    visitor,
)
from room_server.accounts.signing_in import Browser, Opened
from room_server.accounts.tokens import FormTokens
from room_server.errors import Refused
from room_server.http import language
from room_server.http.needs import Needs
from room_server.http.operations import HTML, Operation, Reply, read_form
from room_server.http.pages import Pages
from room_server.http.texts import texts

_VISIT = "visit"
_COMMON: Mapping[int, tuple[str, ...]] = {
    400: ("malformed",),
    403: ("form_expired",),
    408: ("too_slow",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
    503: ("storage_full", "storage_away"),
}

Show = Callable[..., Awaitable[web.Response]]


class Form(BaseModel):
    """`form_token`: the word that the page holds."""

    form_token: str = ""


Sent = TypeVar("Sent", bound=Form)


class Forms:
    """Renders pages with forms and reads what they send."""

    def __init__(
        self, pages: Pages, words: FormTokens, styles: tuple[str, ...], ways: tuple[Way, ...] = ()
    ) -> None:
        self._pages = pages
        self._words = words
        self._styles = styles
        self._ways = ways

    def render(
        self, request: web.Request, template: str, facts: Mapping[str, object], status: int = 200
    ) -> web.Response:
        who = visitor(request)
        visit = None
        bound = who.cookie if who else request.cookies.get(cookie_name(request, _VISIT))
        if not bound:
            bound = visit = tokens.new()
        context: dict[str, object] = {
            "error": None,
            "field": None,
            "who": who.account if who else None,
            "form_token": self._words.of(bound),
            "form_styles": self._styles,
            "ways": self._ways,
            **facts,
        }
        response = self._pages.render(request, template, language.of(request), context, status)
        # A form of a page that refers to nobody has no Origin, by which we know it again.
        response.headers["Referrer-Policy"] = "same-origin"
        if visit is not None:
            set_cookie(request, response, _VISIT, visit, None)
        return response

    async def read(self, request: web.Request, model: type[Sent]) -> Sent:
        """Return what the form says.

        Raises `Refused("form_expired")` unless this browser was given the form, and as `read_form`.
        """
        sent = await read_form(request, model)
        who = visitor(request)
        bound = who.cookie if who else request.cookies.get(cookie_name(request, _VISIT), "")
        if not self._words.matches(bound, sent.form_token):
            raise Refused("form_expired", 403)
        return sent


def why(request: web.Request, refused: Refused) -> dict[str, object]:
    """Return what a page says of a refusal."""
    return {
        "error": texts().refusal(refused.code, language.of(request), refused.facts),
        "field": refused.facts.get("field", _FIELDS.get(refused.code)),
    }


_FIELDS = {
    "address_invalid": "email",
    "already_member": "email",
    "name_invalid": "name",
    "message_invalid": "message",
    "unknown_time_zone": "time_zone",
    "wrong_credentials": "password",
    "wrong_password": "current",
    "password_too_short": "password",
    "password_too_long": "password",
    "password_common": "password",
    "password_is_email": "password",
}
"""The field that a refusal is about, for `aria-describedby`."""


def browser(request: web.Request) -> Browser:
    device = describe(request.headers.get("User-Agent", ""))
    return Browser(device, sign_in_cookie(request), language.of(request))


def seen_other(path: str) -> web.Response:
    """Return the way to the page that shows what was done."""
    return web.Response(status=303, headers={"Location": path})


def signed_in(request: web.Request, opened: Opened, path: str) -> web.Response:
    response = seen_other(path)
    set_sign_in_cookie(request, response, opened.cookie)
    return response


def page(
    name: str,
    path: str,
    needs: Needs,
    summary: str,
    show: Callable[[web.Request], Awaitable[web.Response]],
    parameters: Mapping[str, str] | None = None,
    refusals: Mapping[int, tuple[str, ...]] | None = None,
) -> Operation:
    """Return the operation that shows a page."""
    refused = {503: ("storage_away",), **(refusals or {})}
    return Operation(
        name=name,
        method="GET",
        path=path,
        needs=needs,
        summary=summary,
        handler=show,
        parameters=parameters or {},
        query=_QUERIES.get(path, {}),
        replies={200: Reply("A page", HTML), 303: Reply("To another page", None)},
        refusals=refused,
    )


_QUERIES = {"/sign-in": {"next": "Where to go afterwards: a path of this server"}}


def posting(
    name: str,
    path: str,
    needs: Needs,
    summary: str,
    send: Callable[[web.Request], Awaitable[web.Response]],
    form: type[Form],
    refusals: Mapping[int, tuple[str, ...]],
    parameters: Mapping[str, str] | None = None,
) -> Operation:
    """Return the operation that takes a page's form.  Its refusals are pages: the form, with the reason."""
    return Operation(
        name=name,
        method="POST",
        path=path,
        needs=needs,
        summary=summary,
        description="For the page of that address; programs use /api/.",
        handler=send,
        form=form,
        parameters=parameters or {},
        replies={200: Reply("A page that asks to confirm", HTML), 303: Reply("Done; where it shows", None)},
        refusals=merged(_COMMON, refusals),
    )


def merged(*refusals: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """Return all of these codes by status."""
    found: dict[int, tuple[str, ...]] = {}
    for some in refusals:
        for status, codes in some.items():
            found[status] = tuple(dict.fromkeys((*found.get(status, ()), *codes)))
    return found
