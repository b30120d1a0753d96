"""What surrounds every request: an id, one translation of errors into answers, one line of log, one count.

Invariant: a log line names the route, never the address that was asked for, since that may be a link.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from room_server import ids
from room_server.errors import Refused
from room_server.http import problem
from room_server.http.metrics import HttpMetrics

REQUEST_ID = "X-Request-Id"
_QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/static/{path}"})

_log = structlog.get_logger(__name__)


def surround(metrics: HttpMetrics) -> Middleware:
    """Return the middleware; `metrics` counts what it answers."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = ids.new()
        begun = time.perf_counter()
        route = _route(request)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = await _answered(request, handler, request_id)
            if not response.prepared:
                response.headers[REQUEST_ID] = request_id
            took_s = time.perf_counter() - begun
            metrics.count(request.method, route, response.status, took_s)
            if route not in _QUIET or response.status >= 500:
                _log.info(
                    "request",
                    method=request.method,
                    route=route,
                    status=response.status,
                    took_ms=round(took_s * 1e3, 1),
                )
        return response

    return answer


async def _answered(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return problem.response(request, refused)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answered = problem.response(request, problem.of_http(error))
        if "Allow" in error.headers:
            answered.headers["Allow"] = error.headers["Allow"]
        return answered
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception:
        _log.exception("request failed")
        return problem.response(request, Refused("internal", 500, {"id": request_id}))


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(none)"
