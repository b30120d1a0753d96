"""`room-server jobs`: what waits, what was given up, and beginning the latter anew.

A server may be running on the same data: the rows are written, and it heeds them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path

from room_server.http.texts import texts
from room_server.ids import JobId
from room_server.jobs.rules import Job
from room_server.jobs.service import MOST_LISTED, Jobs
from room_server.storage import Database

Print = Callable[[str], None]


class Which(Enum):
    """What to list: all that is not done, or what was given up alone."""

    OPEN = auto()
    DEAD = auto()


class Form(Enum):
    """How to print it."""

    TEXT = auto()
    JSON = auto()


async def list_jobs(database_path: Path, which: Which, form: Form, language: str, say: Print) -> None:
    """Print a line a job, or one line of JSON.  Raises `Refused` as `Database.attach`."""
    database = await Database.attach(database_path)
    try:
        jobs = Jobs(database)
        found = await (jobs.dead() if which is Which.DEAD else jobs.open())
    finally:
        await database.close()
    if form is Form.JSON:
        say(json.dumps({"jobs": [_object(job) for job in found]}, ensure_ascii=False))
    else:
        _say_lines(found, which, language, say)


async def retry(database_path: Path, job_id: str, language: str, say: Print) -> None:
    """Let a dead job begin anew and say so.  Raises `Refused`: `unknown_job`, `job_not_dead`."""
    database = await Database.attach(database_path)
    try:
        await Jobs(database).retry(JobId(job_id))
    finally:
        await database.close()
    say(texts().page("jobs.retried", language, job=job_id))


def _say_lines(found: Sequence[Job], which: Which, language: str, say: Print) -> None:
    if not found:
        say(texts().page("jobs.none_dead" if which is Which.DEAD else "jobs.none", language))
    for job in found:
        say(_line(job, language))
    if len(found) == MOST_LISTED:
        say(texts().page("jobs.more", language, count=MOST_LISTED))


def _line(job: Job, language: str) -> str:
    state = texts().page(f"jobs.state.{job.state.value}", language)
    tries = texts().page("jobs.tries", language, count=job.attempts)
    due = f"{job.due_at:%Y-%m-%d %H:%M} UTC"
    return f"{job.job_id}  {state:<12} {job.kind:<12} {due}  {tries}  {job.error or ''}".rstrip()


def _object(job: Job) -> dict[str, object]:
    """Return what programs read; not the payload, which may be about people."""
    return {
        "id": job.job_id,
        "kind": job.kind,
        "state": job.state.value,
        "due_at": job.due_at.isoformat().replace("+00:00", "Z"),
        "attempts": job.attempts,
        "error": job.error,
        "workspace_id": job.workspace_id,
        "created_at": job.created_at.isoformat().replace("+00:00", "Z"),
    }
