"""An outbox on a real database whose clock is the test's."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from room_server.jobs.service import Jobs
from room_server.mail.outbox import Outbox
from room_server.storage import Database
from tests.kit.clock import FakeClock
from tests.kit.database import migrated


@pytest.fixture
async def database(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    shutil.copy(await migrated(), tmp_path / "room.sqlite3")
    opened = await Database.open(tmp_path / "room.sqlite3", clock.wall)
    yield opened
    await opened.close()


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


@pytest.fixture
def outbox(database: Database, jobs: Jobs) -> Outbox:
    return Outbox(database, jobs, "rooms.example.org")
