"""Jobs: what is to be done later or again, and when the next try is due.

    add ──► WAITING ──claim──► CLAIMED ─┬─► DONE      handled; forgotten after a while
               ▲                        ├─► DEAD      `Dead`, or the last try failed; an operator may retry
               │                        │
               ├──── pause grows ◄──────┤   `Retry`, or any error: one try is spent
               ├──── same due ◄─────────┤   `Away`, or the server stops: no try is spent
               └──── claim lapses ◄─────┘   the node died: one try is spent, so that poison ends

Invariant: a job is in the hands of one claim at a time, and what the former holder of a lapsed claim reports
changes nothing.  A handler may nevertheless be called again for what it had done (at least once): whoever
must not do a thing twice keeps a record of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from room_server.ids import JobId, WorkspaceId

LONGEST_REASON = 300


class JobState(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`due_at` is when it may next be taken: due, tried again, or left by a claim that lapsed.

    `attempts` counts the tries that were begun, this one included; `error` is why the last one failed.
    """

    job_id: JobId
    kind: str
    payload: Mapping[str, Any]
    due_at: datetime
    state: JobState
    attempts: int
    error: str | None
    key: str | None
    workspace_id: WorkspaceId | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a kind is worked on: how many at once on a node, how often, and how long the pauses are."""

    at_once: int = 4
    tries: int = 12
    first_pause_s: float = 10.0
    longest_pause_s: float = 3_600.0


class Retry(Exception):
    """It did not work; another try may.  The words are stored and shown: short, and without secrets."""


class Away(Exception):
    """What all jobs of this kind need cannot be reached: the kind rests for a while, and no try is spent."""


class Dead(Exception):
    """It will never work.  The words are stored and shown, as those of `Retry`."""


def pause_s(policy: Policy, attempts: int, chance: float) -> float:
    """Return how long to wait after that many tries: doubled each time, within bounds, spread by `chance`.

    `chance` in [0, 1) takes up to half of the pause away, so that what failed together is not tried together.
    """
    doubled = policy.first_pause_s * 2.0 ** min(attempts - 1, 60)
    return min(policy.longest_pause_s, doubled) * (1 - chance / 2)


def reason_of(error: Exception) -> str:
    """Return what is stored of `error`: the words of ours, and of others their name alone.

    What a library puts into its words may be a secret or a person's.
    """
    said = str(error) if isinstance(error, Retry | Away | Dead) else type(error).__name__
    return said[:LONGEST_REASON] or type(error).__name__
