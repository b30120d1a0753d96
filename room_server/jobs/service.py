"""Adding jobs, in the transaction of what they follow from, and looking after them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from room_server import ids
from room_server.errors import Refused
from room_server.ids import JobId, WorkspaceId
from room_server.jobs import store
from room_server.jobs.rules import Job, JobState
from room_server.jobs.store import Counts
from room_server.storage import Database, Transaction

MOST_LISTED = 1_000


class Jobs:
    """What is to be done; the `Runner` does it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.on_hint: Callable[[], None] | None = None

    def hint(self) -> None:
        """Have the runner here look at once: after the commit of what cannot wait for a second."""
        if self.on_hint is not None:
            self.on_hint()

    async def add(
        self,
        tx: Transaction,
        kind: str,
        payload: Mapping[str, Any],
        *,
        due: datetime | None = None,
        key: str | None = None,
        workspace_id: WorkspaceId | None = None,
    ) -> JobId:
        """Add a job that begins at `due`, or as soon as `tx` is committed; nothing of it is there otherwise.

        `payload` is JSON and holds no secret.  A `key` makes one job however often it is added: the one that
        is there is returned, whatever its state, and stays as it is.  Keys of done jobs are forgotten with
        them (`runner.DONE_KEPT`).
        """
        json.dumps(payload)  # a payload that is no JSON fails here, in the caller's hands
        job = Job(
            job_id=JobId(ids.new()),
            kind=kind,
            payload=payload,
            due_at=due or tx.now,
            state=JobState.WAITING,
            attempts=0,
            error=None,
            key=key,
            workspace_id=workspace_id,
            created_at=tx.now,
        )
        if await store.add(tx, job):
            return job.job_id
        assert key is not None, "identifiers do not repeat"
        there = await store.of_key(tx, key)
        assert there is not None, "its key is taken"
        return there.job_id

    async def open(self) -> Sequence[Job]:
        """Return what waits or is in work, and what is dead, the first `MOST_LISTED`."""
        async with self._database.reading() as reading:
            states = (JobState.WAITING, JobState.CLAIMED, JobState.DEAD)
            return await store.listed(reading, states, MOST_LISTED)

    async def dead(self) -> Sequence[Job]:
        async with self._database.reading() as reading:
            return await store.listed(reading, (JobState.DEAD,), MOST_LISTED)

    async def retry(self, job_id: JobId) -> None:
        """Begin a dead job anew.  Raises `Refused`: `unknown_job`, `job_not_dead`."""
        async with self._database.transaction() as tx:
            if await store.revive(tx, job_id):
                return
            job = await store.one(tx, job_id)
        if job is None:
            raise Refused("unknown_job", 404, {"job": job_id})
        raise Refused("job_not_dead", 409, {"job": job_id})

    async def counts(self) -> tuple[Counts, datetime]:
        """Return the counts, and the database's clock as they were made."""
        async with self._database.reading() as reading:
            return await store.counts(reading, reading.now), reading.now
