"""Many people joining: at a bounded rate, a bounded number at once, in bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.load.progress import say

_TELL_EVERY_S = 5.0
_REASONS_TOLD = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `per_s` begin in a second and `at_once` are on their way; after `within_s` all is given up.

    `at_once` keeps a server that cannot follow from being buried: the joins then take longer instead.
    """

    per_s: float = 25
    at_once: int = 50
    within_s: float = 120


async def arrive(
    joins: Sequence[Callable[[], Awaitable[T]]], pace: Pace
) -> tuple[list[T], list[BaseException]]:
    """Begin the joins in order; return what the successful ones returned, and why the others failed."""
    places = asyncio.Semaphore(pace.at_once)
    began = time.monotonic()
    tasks: list[asyncio.Task[T]] = []

    async def one(join: Callable[[], Awaitable[T]]) -> T:
        try:
            return await join()
        finally:
            places.release()

    telling = asyncio.create_task(_tell(tasks, len(joins)))
    try:
        async with asyncio.timeout(pace.within_s):
            for number, join in enumerate(joins):
                await asyncio.sleep(max(0, began + number / pace.per_s - time.monotonic()))
                await places.acquire()
                tasks.append(asyncio.create_task(one(join)))
            await asyncio.gather(*tasks, return_exceptions=True)
    except TimeoutError:
        say(f"  {len(joins) - sum(task.done() for task in tasks)} had not joined after {pace.within_s:g} s")
    finally:
        telling.cancel()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures[:_REASONS_TOLD]:
        say(f"  a join failed: {type(failure).__name__}: {failure}")
    return [result for result in results if not isinstance(result, BaseException)], failures


async def _tell(tasks: Sequence[asyncio.Task[T]], wanted: int) -> None:
    while True:
        await asyncio.sleep(_TELL_EVERY_S)
        say(f"  {sum(task.done() for task in tasks)} of {wanted} joined")
