"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.server import ServerUnderTest, start_server


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
