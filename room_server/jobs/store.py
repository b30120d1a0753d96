"""The job table.

Claiming works alike on both databases: `BEGIN IMMEDIATE` lets one claim after the other on SQLite; PostgreSQL
locks the rows it finds and skips those that another transaction has locked (`SKIP LOCKED`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    func,
    select,
    update,
)

from room_server.ids import JobId, NodeId, WorkspaceId
from room_server.jobs.rules import Job, JobState
from room_server.storage import Instant, Reading, Transaction, insert_new, metadata

jobs = Table(
    "job",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("key", String(200), unique=True),
    Column("workspace_id", String(32)),
    Column("due_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", String(300)),
    Column("claimed_by", String(32)),
    Column("claim", String(32)),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_job_state_kind_due_at", "state", "kind", "due_at"),
    Index("ix_job_state_ended_at", "state", "ended_at"),
)

_OPEN = (JobState.WAITING.value, JobState.CLAIMED.value)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who holds jobs: a node, by a word of its own for each time it takes some."""

    node_id: NodeId
    word: str


@dataclass(frozen=True, slots=True)
class Counts:
    """`oldest_due_at`: the job that has been due for longest and is in nobody's hands."""

    waiting: int
    dead: int
    oldest_due_at: datetime | None


# ---- adding and looking


async def add(tx: Transaction, job: Job) -> bool:
    """Add `job`; return False, and change nothing, when one of its key is there."""
    row = {
        "id": job.job_id,
        "kind": job.kind,
        "payload": dict(job.payload),
        "key": job.key,
        "workspace_id": job.workspace_id,
        "due_at": job.due_at,
        "state": job.state.value,
        "attempts": job.attempts,
        "created_at": job.created_at,
    }
    return await tx.change(insert_new(jobs), row) == 1


async def of_key(reading: Reading, key: str) -> Job | None:
    row = (await reading.execute(select(jobs).where(jobs.c.key == key))).one_or_none()
    return None if row is None else _job(row)


async def one(reading: Reading, job_id: JobId) -> Job | None:
    row = (await reading.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()
    return None if row is None else _job(row)


async def listed(reading: Reading, states: Collection[JobState], most: int) -> Sequence[Job]:
    """Return jobs in these states, those that are due first at the head."""
    wanted = [state.value for state in states]
    found = await reading.execute(
        select(jobs).where(jobs.c.state.in_(wanted)).order_by(jobs.c.due_at, jobs.c.id).limit(most)
    )
    return [_job(row) for row in found]


async def next_due(reading: Reading, kinds: Collection[str], but: Collection[JobId]) -> datetime | None:
    """Return when the next job of these kinds may be taken, not counting those of `but`."""
    found = await reading.execute(
        select(func.min(jobs.c.due_at)).where(
            jobs.c.state.in_(_OPEN), jobs.c.kind.in_(kinds), jobs.c.id.not_in(but)
        )
    )
    at: datetime | None = found.scalar_one()
    return at


async def counts(reading: Reading, now: datetime) -> Counts:
    waiting, dead = (
        select(func.count()).where(jobs.c.state == state.value).scalar_subquery()
        for state in (JobState.WAITING, JobState.DEAD)
    )
    oldest = (
        select(func.min(jobs.c.due_at))
        .where(jobs.c.state == JobState.WAITING.value, jobs.c.due_at <= now)
        .scalar_subquery()
    )
    row: Row[Any] = (await reading.execute(select(waiting, dead, oldest))).one()
    waiting_now, dead_now, oldest_due_at = tuple(row)
    return Counts(waiting_now, dead_now, oldest_due_at)


# ---- claims


async def claim(
    tx: Transaction, kind: str, holder: Claim, until: datetime, most: int, but: Collection[JobId] = ()
) -> Sequence[Job]:
    """Take up to `most` jobs of `kind` that are due, until that instant; spends a try of each."""
    found = await tx.execute(
        select(jobs)
        .where(
            jobs.c.state.in_(_OPEN),
            jobs.c.kind == kind,
            jobs.c.due_at <= tx.now,
            jobs.c.id.not_in(but),
        )
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = found.all()
    if rows:
        await tx.change(
            update(jobs)
            .where(jobs.c.id.in_([row.id for row in rows]))
            .values(
                state=JobState.CLAIMED.value,
                attempts=jobs.c.attempts + 1,
                claimed_by=holder.node_id,
                claim=holder.word,
                due_at=until,
            )
        )
    return [_job(row, state=JobState.CLAIMED, attempts=row.attempts + 1, due_at=until) for row in rows]


async def prolong(tx: Transaction, held: Mapping[JobId, str], until: datetime) -> set[JobId]:
    """Hold on to these jobs, each by its claim's word; return those that are held no more."""
    lost = set()
    for job_id, word in held.items():
        if not await tx.change(update(jobs).where(*_held(job_id, word)).values(due_at=until)):
            lost.add(job_id)
    return lost


async def free_claims_of(tx: Transaction, node_id: NodeId) -> int:
    """Free what a former process of this node held; the caller is the node, and holds nothing yet."""
    return await tx.change(
        update(jobs)
        .where(jobs.c.state == JobState.CLAIMED.value, jobs.c.claimed_by == node_id)
        .values(state=JobState.WAITING.value, due_at=tx.now, claim=None, claimed_by=None)
    )


async def done(tx: Transaction, job_id: JobId, word: str) -> bool:
    """Each of these four returns False, and changes nothing, when the claim is no longer the caller's."""
    return await _leave(tx, job_id, word, state=JobState.DONE.value, ended_at=tx.now, error=None)


async def dead(tx: Transaction, job_id: JobId, word: str, error: str) -> bool:
    return await _leave(tx, job_id, word, state=JobState.DEAD.value, ended_at=tx.now, error=error)


async def again(tx: Transaction, job_id: JobId, word: str, due_at: datetime, error: str) -> bool:
    """Let it wait for its next try."""
    return await _leave(tx, job_id, word, state=JobState.WAITING.value, due_at=due_at, error=error)


async def give_back(tx: Transaction, job_id: JobId, word: str, error: str | None) -> bool:
    """Let it wait as if it had not been taken; `error` says why, if anything was wrong."""
    said = {} if error is None else {"error": error}
    return await _leave(
        tx, job_id, word, state=JobState.WAITING.value, due_at=tx.now, attempts=jobs.c.attempts - 1, **said
    )


# ---- what operators and time do


async def revive(tx: Transaction, job_id: JobId) -> bool:
    """Let a dead job begin anew; return whether it was one."""
    changed = await tx.change(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == JobState.DEAD.value)
        .values(state=JobState.WAITING.value, due_at=tx.now, attempts=0, ended_at=None)
    )
    return changed == 1


async def forget(tx: Transaction, state: JobState, ended_before: datetime) -> int:
    return await tx.change(delete(jobs).where(jobs.c.state == state.value, jobs.c.ended_at < ended_before))


def _held(job_id: JobId, word: str) -> Iterable[Any]:
    return jobs.c.id == job_id, jobs.c.claim == word, jobs.c.state == JobState.CLAIMED.value


async def _leave(tx: Transaction, job_id: JobId, word: str, **values: Any) -> bool:
    statement = update(jobs).where(*_held(job_id, word)).values(claim=None, claimed_by=None, **values)
    return await tx.change(statement) == 1


def _job(row: Row[Any], **instead: Any) -> Job:
    said = {
        "job_id": JobId(row.id),
        "kind": row.kind,
        "payload": row.payload,
        "due_at": row.due_at,
        "state": JobState(row.state),
        "attempts": row.attempts,
        "error": row.error,
        "key": row.key,
        "workspace_id": None if row.workspace_id is None else WorkspaceId(row.workspace_id),
        "created_at": row.created_at,
    }
    return Job(**said | instead)
