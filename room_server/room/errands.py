"""What a room does after it has answered: tasks that somebody owns, whose failures are logged.

    send     once
    insist   again and again, until it was done: what the database refuses now it takes later

Invariant: after `close` none of them runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from room_server.errors import Refused

_log = structlog.get_logger(__name__)

AFTER_TROUBLE_S = 1.0


class Errands:
    """Tasks in the background."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, errand: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `errand` on its own; what it raises is logged under `name`."""
        task = asyncio.get_running_loop().create_task(_logged(errand, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One cancelled before its first step would leave the errand begun by nobody.
        task.add_done_callback(lambda _task: errand.close())
        return task

    def insist(self, errand: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
        """Run an errand of `errand` after the other, with a pause between, until one raises nothing."""
        return self.send(_until_done(errand, name), name)

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(errand: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await errand
    except Exception:
        _log.exception("errand_failed", errand=name)


async def _until_done(errand: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    while True:
        try:
            return await errand()
        except Refused as refused:
            _log.warning("errand_waits", errand=name, code=refused.code)
        except Exception:
            _log.exception("errand_waits", errand=name)
        await asyncio.sleep(AFTER_TROUBLE_S)
