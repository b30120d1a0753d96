"""Waiting for a condition, with a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.kit.patience import PATIENCE_S


async def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Return as soon as `condition` holds; fail when it does not within `within_s` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not condition():
        assert loop.time() < end, "the condition never held"
        await asyncio.sleep(0.005)


async def until_found(condition: Callable[[], Awaitable[bool]], within_s: float = PATIENCE_S) -> None:
    """Like `until`, for what has to be asked for."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not await condition():
        assert loop.time() < end, "the condition never held"
        await asyncio.sleep(0.02)
