"""What a person watching reads, on stderr; standard output has the last line alone.  And how one stops it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def until_done(work: Coroutine[Any, Any, T]) -> T | None:
    """Run `work` to its end; Ctrl-C, SIGTERM and SIGHUP end it with everything put away: None."""

    async def run() -> T:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(run())
    except (asyncio.CancelledError, KeyboardInterrupt):
        say("stopped")
        return None
