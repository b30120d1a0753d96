"""The two HTTP applications: the public one, and the private one for who operates the server.

Invariant: metrics are on the private listener only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from room_server.http import headers, metrics
from room_server.http.address import Addresses
from room_server.http.docs import Docs
from room_server.http.home import Home, Link
from room_server.http.metrics import HttpMetrics
from room_server.http.middleware import surround
from room_server.http.operations import Operation
from room_server.http.pages import PAGES, Pages
from room_server.http.static import PREFIX, StaticFiles

MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Around:
    """What the public application stands on; `links` are shown on its start page."""

    counted: HttpMetrics
    static: StaticFiles
    pages: Pages
    addresses: Addresses
    links: Sequence[Link] = ()


def public(operations: Sequence[Operation], around: Around) -> web.Application:
    """Return the application that browsers reach; signalling attaches itself to it."""
    pages = around.pages
    app = _application(around.counted, around.addresses)
    app[PAGES] = pages
    _route(app, Docs((*Home(pages, around.links).operations, *operations), pages).operations)
    app.router.add_get(f"{PREFIX}{{path:.+}}", around.static.serve)
    return app


def private(operations: Sequence[Operation], counted: HttpMetrics) -> web.Application:
    """Return the application of the private listener: health and metrics."""

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=await counted.scrape(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app = _application(counted, Addresses((), None))
    _route(app, operations)
    app.router.add_get("/metrics", scrape)
    return app


def _application(counted: HttpMetrics, addresses: Addresses) -> web.Application:
    app = web.Application(middlewares=[surround(counted)], client_max_size=MAX_BODY_BYTES)
    app[headers.ADDRESSES] = addresses
    app.on_response_prepare.append(headers.add)
    return app


def _route(app: web.Application, operations: Sequence[Operation]) -> None:
    for operation in operations:
        if operation.method == "GET":
            app.router.add_get(operation.path, operation.handler)  # and HEAD
        else:
            app.router.add_route(operation.method, operation.path, operation.handler)
