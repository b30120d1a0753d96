"""The scheduler: starts automated sessions when they are due by the database's clock.

    look at the next start ──► far: sleep   near: prepare, sleep to the instant   due: start, each on its own
          ▲                                                                             │
          └───────────────── woken by a hint, or after POLL_S at the latest ◄───────────┘

Invariant: nothing starts early; that two look at once starts nothing twice (the claim is one transaction).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from room_server.errors import Refused
from room_server.events.rules import RoomType
from room_server.ids import SessionId
from room_server.room.errands import Errands
from room_server.room.ports import Ports
from room_server.room.running import Running

_log = structlog.get_logger(__name__)

POLL_S = 1.0
"""How long a start that nobody hinted at may stay unseen; looking is most of what an idle server costs."""
AFTER_TROUBLE_S = 1.0
PREPARE_S = 5.0
"""How long before its start a session's files are opened."""


class Scheduler:
    """One task; `hint` wakes it."""

    def __init__(self, running: Running, ports: Ports, errands: Errands) -> None:
        self._running = running
        self._ports = ports
        self._errands = errands
        self._hint = asyncio.Event()
        self._busy: set[SessionId] = set()

    def hint(self) -> None:
        """A session was planned or moved."""
        self._hint.set()

    async def run(self) -> None:
        """Resume what was on air, then start what becomes due, until cancelled."""
        await self._resume()
        while True:
            self._hint.clear()
            try:
                wait_s = await self.look()
            except Exception:
                _log.exception("scheduler_waits")
                wait_s = AFTER_TROUBLE_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def _resume(self) -> None:
        for session in await self._ports.events.on_air():
            if session.room_type is not RoomType.AUTOMATED:
                continue
            try:
                await self._running.resume(session)
            except Exception:
                _log.exception("session_cannot_resume", session=session.session_id)

    async def look(self) -> float:
        """Start what is due and prepare what is near; return in how many seconds to look again."""
        next_start = await self._ports.events.next_start()
        now = self._ports.clock.now()
        if next_start is None or next_start - now > timedelta(seconds=PREPARE_S):
            return POLL_S
        wait_s = POLL_S
        for session in await self._ports.events.due_sessions(now + timedelta(seconds=PREPARE_S)):
            left_s = (session.starts_at - now).total_seconds()
            if left_s > 0:
                wait_s = min(wait_s, left_s)
            if session.session_id not in self._busy:
                self._busy.add(session.session_id)
                self._errands.send(self._see_to(session.session_id, left_s <= 0), "start a session")
        return wait_s

    async def _see_to(self, session_id: SessionId, due: bool) -> None:
        try:
            if due:
                await self._running.start(session_id)
            else:
                await self._running.prepare(session_id)
        except Refused as refused:
            _log.error("session_cannot_start", session=session_id, code=refused.code)
        finally:
            self._busy.discard(session_id)
