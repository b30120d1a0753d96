"""This process as a node: its epoch, and the deadline until which it may act.

    start: folder held ─► epoch raised at once ─► every seat of earlier epochs is free
    every 2 s: renewed ─► the deadline moves to (instant before the renewal) + 6 s − 0.5 s
    renewal fails ─► the deadline stays; past it no media is sent and nobody joins, peers stay
    renewed late, epoch unchanged ─► goes on as before;  epoch raised by another ─► lost, all is dropped

On SQLite the held data folder is what keeps others away, so a disk that is full (a write fails, the file is
ours) still prolongs the deadline; a database that cannot be used does not.

Invariant: the deadline is counted on CLOCK_MONOTONIC from before the renewal, so it never outlives the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

import structlog

from room_server.clock import Clock
from room_server.cluster import store
from room_server.cluster.node import Node
from room_server.errors import Refused
from room_server.ids import NodeId
from room_server.storage import Database, Place

RENEW_EVERY_S = 2.0
LASTS_S = 6.0
MARGIN_S = 0.5

_log = structlog.get_logger(__name__)


class Deadline(Protocol):
    """What must fall silent in time: the media engine."""

    def set_deadline(self, monotonic_ns: int | None) -> None: ...


class Lease:
    """The right of this process to act as `node_id`, renewed by `run`."""

    def __init__(self, database: Database, clock: Clock, node: Node, deadline_ns: int) -> None:
        self._database = database
        self._clock = clock
        self._node = node
        self._deadline_ns = deadline_ns
        self._lost = False
        self._silenced: Deadline | None = None
        self.on_lost: Callable[[], Awaitable[None]] | None = None

    @classmethod
    async def begin(cls, database: Database, clock: Clock, node_id: NodeId) -> Lease:
        """Begin the node's next epoch.  The caller holds the data folder."""
        before_ns = clock.monotonic_ns()
        async with database.transaction(Place.FRONT) as tx:
            epoch = await store.raise_epoch(tx, node_id, tx.now + timedelta(seconds=LASTS_S))
        return cls(database, clock, Node(node_id, epoch), _deadline(before_ns))

    def silence(self, deadline: Deadline) -> None:
        """Give the deadline to `deadline` now and at each renewal."""
        self._silenced = deadline
        deadline.set_deadline(self._deadline_ns)

    def current(self) -> Node:
        """Return the node this process is; raises `Refused("node_away")` past the deadline or when lost."""
        if self._lost or self._clock.monotonic_ns() >= self._deadline_ns:
            raise Refused("node_away", 503)
        return self._node

    async def run(self) -> None:
        """Renew until cancelled or lost."""
        while not self._lost:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                await self.renew()
            except Exception:  # the next one may succeed; without it the node would fall silent for good
                _log.exception("lease not renewed")

    async def renew(self) -> None:
        """Renew once; a failure is logged and leaves the deadline where it is."""
        before_ns = self._clock.monotonic_ns()
        try:
            async with self._database.transaction(Place.FRONT) as tx:
                expires_at = tx.now + timedelta(seconds=LASTS_S)
                ours = await store.renew(tx, self._node.node_id, self._node.epoch, expires_at)
        except Refused as refused:
            _log.warning("lease not renewed", code=refused.code)
            if refused.code == "storage_full":
                self._prolong(before_ns)
            return
        if ours:
            self._prolong(before_ns)
            return
        self._lost = True
        _log.error("lease lost", node=self._node.node_id, epoch=self._node.epoch)
        if self._silenced is not None:
            self._silenced.set_deadline(before_ns)
        if self.on_lost is not None:
            await self.on_lost()

    def _prolong(self, before_ns: int) -> None:
        self._deadline_ns = _deadline(before_ns)
        if self._silenced is not None:
            self._silenced.set_deadline(self._deadline_ns)


def _deadline(before_ns: int) -> int:
    return before_ns + int((LASTS_S - MARGIN_S) * 1e9)
