"""Work as tests ask for it: a handler that keeps count, waits when told to, and fails as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from room_server.ids import JobId, NodeId
from room_server.jobs import store
from room_server.jobs.rules import Job, Policy
from room_server.jobs.runner import Runner
from room_server.jobs.service import Jobs
from room_server.storage import Database
from tests.kit.clock import FakeClock
from tests.room.waiting import until

KIND = "errand"


class Work:
    """A handler.  `fails` is raised at each call while it is set; `held` keeps calls inside."""

    def __init__(self) -> None:
        self.begun: list[Job] = []
        self.done: list[Mapping[str, Any]] = []
        self.inside = 0
        self.most_inside = 0
        self.fails: Exception | None = None
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    async def __call__(self, job: Job) -> None:
        self.begun.append(job)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await self._open.wait()
            if self.fails is not None:
                raise self.fails
            self.done.append(job.payload)
        finally:
            self.inside -= 1


class Node:
    """A runner that looks when told to."""

    def __init__(self, database: Database, clock: FakeClock, name: str = "one") -> None:
        self.database = database
        self.runner = Runner(database, clock, NodeId(name), chance=lambda: 0.0)

    async def look(self) -> float:
        """Look, and wait until what it began has ended."""
        wait_s = await self.runner.look()
        await self.rest()
        return wait_s

    async def rest(self) -> None:
        await until(lambda: not self.runner._held())


async def add(jobs: Jobs, database: Database, kind: str = KIND, **how: Any) -> JobId:
    async with database.transaction() as tx:
        return await jobs.add(tx, kind, how.pop("payload", {"n": 1}), **how)


async def job(database: Database, job_id: JobId) -> Job:
    async with database.reading() as reading:
        found = await store.one(reading, job_id)
    assert found is not None
    return found


def few(tries: int) -> Policy:
    return Policy(tries=tries, first_pause_s=10, longest_pause_s=100)
