"""What is stopped puts everything away."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.load.progress import until_done


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_work_with_everything_put_away(number: signal.Signals) -> None:
    away = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            away.append(number)

    assert until_done(work()) is None
    assert away == [number]


def test_what_ends_by_itself_returns_its_result() -> None:
    async def work() -> int:
        return 7

    assert until_done(work()) == 7
