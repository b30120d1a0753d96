"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.server import ServerUnderTest, start_server

# What a driver says of a browser whose own process ended under it, as Firefox's does now and then (its log is
# kept).  Such a flow is tried once more; whatever fails in a living browser is not.
BROWSER_IS_GONE = ["Failed to decode response from marionette", "tab crashed"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=BROWSER_IS_GONE))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerUnderTest]:
    """A whole server, on the machine's clock."""
    async with start_server(tmp_path) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def timed_server(tmp_path: Path, clock: FakeClock) -> AsyncIterator[ServerUnderTest]:
    """A whole server whose database's clock is `clock`."""
    async with start_server(tmp_path, wall=clock.wall) as running:
        yield running
