"""Refusals as `application/problem+json` (RFC 9457): a stable `code`, a `detail` in the reader's language.

Members: `type` ("about:blank"), `title` (the status's phrase), `status`, `code`, `detail`, and the facts.
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
from room_server.http.texts import said_facts, texts

CONTENT_TYPE = "application/problem+json"


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
        headers={"Content-Language": reader, **_retry(refused)},
    )


def of_http(error: web.HTTPException) -> Refused:
    """Return the refusal for what the HTTP layer itself refuses."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
    return Refused(codes.get(error.status, "request_refused"), error.status)


def _wire(fact: object) -> object:
    return fact.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(fact, datetime) else fact


def _retry(refused: Refused) -> Mapping[str, str]:
    after_s = refused.facts.get(
        "retry_after_s", 5 if refused.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    )
    return {} if after_s is None else {"Retry-After": str(after_s)}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
