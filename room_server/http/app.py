"""The two HTTP applications: the public one, and the private one for who operates the server.

Invariants: metrics are on the private listener only; what an operation needs is checked before its handler
runs, and without a guard nothing is served that needs anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from room_server.errors import Refused
from room_server.http import headers, metrics
from room_server.http.address import Addresses
from room_server.http.docs import Docs
from room_server.http.home import Home, Link
from room_server.http.metrics import HttpMetrics
from room_server.http.middleware import surround
from room_server.http.needs import Needs
from room_server.http.operations import Handler, Operation
from room_server.http.pages import PAGES, Pages
from room_server.http.static import PREFIX, StaticFiles

MAX_BODY_BYTES = 65_536

Guard = Callable[[web.Request, Needs], Awaitable[None]]
"""Raises `Refused` unless who calls has what the operation needs."""

SERVED = web.AppKey("served", tuple[Operation, ...])
"""Every operation of an application."""


async def nobody(_request: web.Request, needs: Needs) -> None:
    """Refuse everything that needs anything."""
    if needs is not Needs.NOTHING:
        raise Refused("not_allowed", 403)


@dataclass(frozen=True, slots=True)
class Around:
    """What the public application stands on; `links` are shown on its start page."""

    counted: HttpMetrics
    static: StaticFiles
    pages: Pages
    addresses: Addresses
    links: Sequence[Link] = ()
    guard: Guard = nobody


def public(operations: Sequence[Operation], around: Around) -> web.Application:
    """Return the application that browsers reach; signalling attaches itself to it."""
    pages = around.pages
    app = _application(around.counted, around.addresses)
    app[PAGES] = pages
    _route(app, Docs((*Home(pages, around.links).operations, *operations), pages).operations, around.guard)
    app.router.add_get(f"{PREFIX}{{path:.+}}", around.static.serve)
    return app


def private(operations: Sequence[Operation], counted: HttpMetrics) -> web.Application:
    """Return the application of the private listener: health and metrics."""

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=await counted.scrape(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app = _application(counted, Addresses((), None))
    _route(app, operations, nobody)
    app.router.add_get("/metrics", scrape)
    return app


def _application(counted: HttpMetrics, addresses: Addresses) -> web.Application:
    app = web.Application(middlewares=[surround(counted)], client_max_size=MAX_BODY_BYTES)
    app[headers.ADDRESSES] = addresses
    app.on_response_prepare.append(headers.add)
    return app


def _route(app: web.Application, operations: Sequence[Operation], guard: Guard) -> None:
    app[SERVED] = tuple(operations)
    for operation in operations:
        handler = _guarded(operation, guard)
        if operation.method == "GET":
            app.router.add_get(operation.path, handler)  # and HEAD
        else:
            app.router.add_route(operation.method, operation.path, handler)


def _guarded(operation: Operation, guard: Guard) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        await guard(request, operation.needs)
        return await operation.handler(request)

    return handle
