"""One HTTP operation: what routes, the OpenAPI document and the documentation page are made of.

Invariants: what is served is what is documented, since both come from the same `Operation`; and there is no
operation that does not say what it needs of who calls it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ValidationError

from room_server.errors import ProtocolError, Refused
from room_server.http.needs import Needs

Body = TypeVar("Body", bound=BaseModel)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON = "application/json"
HTML = "text/html"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain"
BODY_TIMEOUT_S = 10.0
WORKSPACE = "workspace_id"
"""The word of a path that names the workspace whose role is needed."""

_MOST_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no refusal.  `model` is None for a page or an empty body; `headers` are explained."""

    description: str
    content_type: str | None = JSON
    model: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`needs`: what is asked of who calls; it is checked before the handler runs, in one place.

    `refusals` are stable codes by status; `parameters` the words of the path, with what they are.
    `query` and `headers` may be left out of a request.  A body is JSON of the model `body`, text of the
    content type `text_body`, or the fields of `form`, which a page of ours sends.
    """

    name: str
    method: str
    path: str
    needs: Needs
    summary: str
    handler: Handler
    replies: Mapping[int, Reply]
    description: str = ""
    body: type[BaseModel] | None = None
    text_body: str | None = None
    form: type[BaseModel] | None = None
    refusals: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ValueError` when a role is needed and no workspace named, or the other way round."""
        if self.needs.of_workspace != (f"{{{WORKSPACE}}}" in self.path):
            raise ValueError(f"{self.name}: roles are roles of the workspace that the path names")

    @property
    def all_refusals(self) -> Mapping[int, tuple[str, ...]]:
        """Return the refusals with those of the check before it."""
        found = dict(self.refusals)
        for status, codes in self.needs.refusals(self.method).items():
            found[status] = tuple(dict.fromkeys((*codes, *found.get(status, ()))))
        return dict(sorted(found.items()))


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """Return the request's JSON body.

    Raises `Refused`: `unsupported_media_type` (415), `too_slow` (408), and through aiohttp `too_large` (413);
    `ProtocolError` `malformed` (400) with `field`, where the first fault is, and `reason`, never the value.
    """
    body = await _read(request, JSON)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _malformed(error) from None


async def read_form(request: web.Request, model: type[Body]) -> Body:
    """Return the fields of the form that was sent; of one sent twice, the last.  Raises as `read_body`."""
    body = await _read(request, FORM)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise _malformed(error) from None
    except ValueError:
        raise ProtocolError("malformed", 400, {"field": "body", "reason": "body: not a form"}) from None


async def read_text(request: web.Request, content_type: str) -> str:
    """Return the request's body, text of that type.

    Raises as `read_body`; `malformed` when it is no UTF-8.
    """
    body = await _read(request, content_type)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ProtocolError("malformed", 400, {"field": "body", "reason": "body: not UTF-8"}) from None


def _malformed(error: ValidationError) -> ProtocolError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "body"
    return ProtocolError("malformed", 400, {"field": place, "reason": f"{place}: {first['msg']}"})


async def _read(request: web.Request, content_type: str) -> bytes:
    if request.content_type != content_type:
        raise Refused("unsupported_media_type", 415, {"wanted": content_type})
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError:
        raise Refused("too_slow", 408) from None
