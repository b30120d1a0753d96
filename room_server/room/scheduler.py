"""The scheduler: starts automated sessions when they are due by the database's clock.

    look ──► near: prepare, sleep to the instant   due: start, each on its own   on air, not playing: resume
      ▲                                                                             │
      └──────────── woken by a hint, or after POLL_S at the latest ◄────────────────┘

What was refused is seen to again a little later, for as long as it is due.

Invariant: nothing starts early; that two look at once starts nothing twice (the claim is one transaction).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from room_server.errors import Refused
from room_server.events.rules import SessionState, ToPlay
from room_server.ids import SessionId
from room_server.room.errands import Errands
from room_server.room.ports import Ports
from room_server.room.running import Running

_log = structlog.get_logger(__name__)

POLL_S = 1.0
"""How long a start that nobody hinted at, or a step of the wall clock, may stay unseen.

To a start that is known it sleeps exactly.  Five looks a second cost more than a percent of a core.
"""
AFTER_TROUBLE_S = 1.0
PREPARE = timedelta(seconds=5)
"""How long before its start a session's files are opened."""


class Scheduler:
    """One task; `hint` wakes it."""

    def __init__(self, running: Running, ports: Ports, errands: Errands, poll_s: float = POLL_S) -> None:
        self._running = running
        self._poll_s = poll_s
        self._ports = ports
        self._errands = errands
        self._hint = asyncio.Event()
        self._busy: set[SessionId] = set()

    def hint(self) -> None:
        """A session was planned or moved."""
        self._hint.set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
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

    async def look(self) -> float:
        """See to what is on air, due or near; return in how many seconds to look again."""
        now, sessions = await self._ports.events.to_play(PREPARE)
        wait_s = self._poll_s
        for session in sessions:
            left_s = (session.starts_at - now).total_seconds()
            due = left_s <= 0 or session.state is SessionState.ON_AIR
            if not due:
                wait_s = min(wait_s, left_s)
            if self._is_left(session, due):
                self._busy.add(session.session_id)
                self._errands.send(self._see_to(session.session_id, due), "start a session")
        return wait_s

    def _is_left(self, session: ToPlay, due: bool) -> bool:
        """Whether there is something to do for it that nobody does."""
        session_id = session.session_id
        if session_id in self._busy or self._running.plays(session_id):
            return False
        return due or not self._running.is_prepared(session_id)

    async def _see_to(self, session_id: SessionId, due: bool) -> None:
        try:
            if due:
                await self._running.start(session_id)
            else:
                await self._running.prepare(session_id)
        except Refused as refused:
            _log.error("session_cannot_start", session=session_id, code=refused.code)
            await asyncio.sleep(AFTER_TROUBLE_S)
        except Exception:
            _log.exception("session_cannot_start", session=session_id)
            await asyncio.sleep(AFTER_TROUBLE_S)
        finally:
            self._busy.discard(session_id)
            self.hint()  # what was being prepared may be due by now
