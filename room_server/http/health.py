"""Alive, and ready: what load balancers and people ask first.

STARTING ─► READY ─► DRAINING      a server that drains finishes what runs and takes nothing new
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from room_server.errors import Refused
from room_server.http.needs import Needs
from room_server.http.operations import Operation, Reply


class Phase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness:
    """Whether new rooms and people are welcome.  `check` raises `Refused` while the node may not act."""

    def __init__(self, check: Callable[[], object]) -> None:
        self._check = check
        self.phase = Phase.STARTING

    def require(self) -> None:
        """Raise `Refused("shutting_down")` or what the node says."""
        if self.phase is not Phase.READY:
            raise Refused("shutting_down", 503)
        self._check()

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="healthz",
                method="GET",
                path="/healthz",
                needs=Needs.NOTHING,
                summary="Whether the process is alive",
                handler=self._healthz,
                replies={200: Reply("Alive", model=Health)},
            ),
            Operation(
                name="readyz",
                method="GET",
                path="/readyz",
                needs=Needs.NOTHING,
                summary="Whether the server takes new rooms and people",
                handler=self._readyz,
                replies={200: Reply("Ready", model=Health)},
                refusals={503: ("shutting_down", "node_away")},
            ),
        )

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response(Health().model_dump())

    async def _readyz(self, _request: web.Request) -> web.Response:
        self.require()
        return web.json_response(Health().model_dump())
