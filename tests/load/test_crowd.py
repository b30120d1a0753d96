"""A crowd arrives no faster and no longer than told."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.load.crowd import Pace, arrive


async def test_what_joined_and_what_failed_are_told_apart() -> None:
    async def well() -> int:
        return 7

    async def badly() -> int:
        raise ConnectionError("no")

    joined, failures = await arrive([well, badly, well], Pace(per_s=1_000))
    assert joined == [7, 7]
    assert [str(failure) for failure in failures] == ["no"]


async def test_joins_begin_at_most_at_the_given_rate() -> None:
    began: list[float] = []

    async def join() -> None:
        began.append(time.monotonic())

    await arrive([join] * 11, Pace(per_s=100))
    assert began[-1] - began[0] >= 0.099


async def test_no_more_than_a_few_are_on_their_way_at_once() -> None:
    present, most = 0, 0

    async def join() -> None:
        nonlocal present, most
        present += 1
        most = max(most, present)
        for _ in range(5):
            await asyncio.sleep(0)
        present -= 1

    await arrive([join] * 40, Pace(per_s=1e9, at_once=4))
    assert most == 4


async def test_who_never_gets_in_is_given_up() -> None:
    async def join() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        joined, failures = await arrive([join] * 9, Pace(per_s=1e9, at_once=4, within_s=0.05))
    assert joined == []
    assert all(isinstance(failure, asyncio.CancelledError) for failure in failures)


@pytest.mark.parametrize("count", [0, 1])
async def test_few_or_none_may_come(count: int) -> None:
    async def join() -> None:
        return

    joined, failures = await arrive([join] * count, Pace())
    assert (len(joined), failures) == (count, [])
