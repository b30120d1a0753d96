"""Whose turn it is to write: one at a time, first come first served, but for what cannot wait.

    FRONT      a node's lease, a session's start: ahead of all who wait, behind the one who writes
    ORDINARY   everything else

Invariant: at most one holds the turn, and it passes from holder to holder with nobody in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum, auto


class Place(Enum):
    """Where to queue."""

    FRONT = auto()
    ORDINARY = auto()


class Turns:
    """A lock with a front row."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: dict[Place, deque[asyncio.Future[None]]] = {place: deque() for place in Place}

    async def take(self, place: Place) -> None:
        """Return when it is the caller's turn."""
        if not self._held:
            self._held = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[place].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the turn came in the same step as the cancellation: pass it on
            raise

    def release(self) -> None:
        """Give the turn to the next in the queue."""
        for place in Place:
            queue = self._waiting[place]
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._held = False
