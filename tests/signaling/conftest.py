from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.room.world import World, world
from tests.signaling.served import Served, served


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as built:
        yield built


@pytest.fixture
async def here_world(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as built:
        yield built
