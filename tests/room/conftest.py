from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.room.world import World, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as built:
        yield built
