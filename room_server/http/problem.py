"""Refusals as `application/problem+json` (RFC 9457): a stable `code`, a `detail` in the reader's language.

Members: `type` ("about:blank"), `title` (the status's phrase), `status`, `code`, `detail`, and the facts.
A browser that opened an address, and so prefers HTML (RFC 9110, section 12.5.1), gets the sentence as a page.
Invariant: never a stack trace, never the text of an exception of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from room_server.errors import Refused
from room_server.http import language
from room_server.http.pages import PAGES
from room_server.http.texts import said_facts, texts

CONTENT_TYPE = "application/problem+json"
TEMPLATE = "problem.html"
_JSON = (CONTENT_TYPE, "application/json")
_LONGEST_HEADER = 1_000


class Problem(BaseModel):
    """The body of every refusal; some codes add members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str


def response(request: web.Request, refused: Refused) -> web.Response:
    """Return what `request` is answered with."""
    answer = (
        _page(request, refused) if PAGES in request.app and wants_page(request) else _json(request, refused)
    )
    answer.headers.update({"Vary": "Accept", **_retry(refused), **_challenge(refused)})
    return answer


def wants_page(request: web.Request) -> bool:
    """Return whether the request names HTML, and likes JSON less."""
    likes: dict[str, float] = {}
    for part in request.headers.get("Accept", "")[:_LONGEST_HEADER].lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        likes[kind] = language.quality(next((word for word in parameters if word.startswith("q=")), ""))
    return likes.get("text/html", 0.0) > max(likes.get(kind, 0.0) for kind in _JSON)


def _page(request: web.Request, refused: Refused) -> web.Response:
    reader = language.of(request)
    facts: dict[str, object] = {
        "kind": _kind(refused),
        "status": refused.status,
        "detail": texts().refusal(refused.code, reader, refused.facts),
    }
    return request.app[PAGES].render(request, TEMPLATE, reader, facts, refused.status)


def _kind(refused: Refused) -> str:
    """Return which title of the catalogue heads the page."""
    if refused.code == "not_found":
        return "nowhere"
    return "refused" if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR else "away"


def _json(request: web.Request, refused: Refused) -> web.Response:
    reader = language.of(request)
    facts: dict[str, Any] = {name: _wire(fact) for name, fact in refused.facts.items()}
    if "device" in refused.facts:
        facts["device"] = said_facts(refused.facts, reader)["device"]
    problem = Problem(
        title=_phrase(refused.status),
        status=refused.status,
        code=refused.code,
        detail=texts().refusal(refused.code, reader, refused.facts),
        **facts,
    )
    return web.Response(
        status=refused.status,
        text=problem.model_dump_json(),
        content_type=CONTENT_TYPE,
        headers={"Content-Language": reader},
    )


def of_http(error: web.HTTPException) -> Refused:
    """Return the refusal for what the HTTP layer itself refuses."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    return Refused(codes.get(error.status, "request_refused"), error.status)


def _wire(fact: object) -> object:
    return fact.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(fact, datetime) else fact


def _retry(refused: Refused) -> Mapping[str, str]:
    after_s = refused.facts.get(
        "retry_after_s", 5 if refused.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    )
    return {} if after_s is None else {"Retry-After": str(after_s)}


def _challenge(refused: Refused) -> Mapping[str, str]:
    """How to say who one is (RFC 6750 section 3)."""
    return {"WWW-Authenticate": "Bearer"} if refused.status == HTTPStatus.UNAUTHORIZED else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
