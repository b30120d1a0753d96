"""How long this process itself stood still, so that a busy machine is not taken for a frozen stream."""

from __future__ import annotations

import asyncio
import time
from typing import Final

EVERY_S: Final = 0.02


class Pulse:
    """Beats every 20 ms while `run` runs; what a beat is late counts as standing still."""

    def __init__(self) -> None:
        self._stalled_s = 0.0
        self._beat_s: float | None = None

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._stalled_s = self.stalled_s()
            self._beat_s = time.monotonic()
            await asyncio.sleep(EVERY_S)

    def stalled_s(self) -> float:
        """Seconds of standing still so far, the beat that is due now included."""
        if self._beat_s is None:
            return self._stalled_s
        return self._stalled_s + max(0.0, time.monotonic() - self._beat_s - EVERY_S)
