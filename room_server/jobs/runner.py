"""The runner: takes jobs that are due, as many of each kind as have a place, and notes how they ended.

    look ──► nothing committed since, nothing due by now: done, for some microseconds
      ▲  └─► due: claim in one transaction ──► a task each ──► done, again later, dead
      │
      └── woken by a hint, by what ended here, by the next due instant, or after POLL_S at the latest

A claim lapses by itself unless it is prolonged, so the jobs of a node that died are taken by others; a node
that comes back frees what it held at once.

Invariants: no more of a kind are in work here than its policy says; none runs twice here at once, however the
wall clock steps; a job that fails, or ends its process, harms no other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from room_server import ids
from room_server.clock import Clock
from room_server.errors import Refused
from room_server.ids import JobId, NodeId
from room_server.jobs import store
from room_server.jobs.rules import Away, Dead, Job, JobState, Policy, Retry, pause_s, reason_of
from room_server.jobs.store import Claim
from room_server.storage import Database, Transaction

Handler = Callable[[Job], Awaitable[None]]
OnDead = Callable[[Transaction, Job], Awaitable[None]]
Report = Callable[[Transaction], Awaitable[bool]]

POLL_S = 1.0
AFTER_TROUBLE_S = 1.0
CLAIM = timedelta(seconds=60)
PROLONG_EVERY_S = 20.0
FORGET_EVERY_S = 3_600.0
DONE_KEPT = timedelta(days=7)
DEAD_KEPT = timedelta(days=90)
REST = Policy(first_pause_s=2.0, longest_pause_s=60.0)
"""How long a kind rests while what it needs is away."""
DIED = "its process ended while it ran"

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Work:
    """A job in work here, by the word of its claim."""

    word: str
    task: asyncio.Task[None]


@dataclass(slots=True)
class _Kind:
    """How one kind is worked on, and what of it is in work here."""

    name: str
    handler: Handler
    policy: Policy
    on_dead: OnDead
    running: dict[JobId, _Work] = field(default_factory=dict)
    rests_until_ns: int = 0
    outages: int = 0

    def places(self, now_ns: int) -> int:
        return 0 if now_ns < self.rests_until_ns else self.policy.at_once - len(self.running)


async def no_longer(_tx: Transaction, _job: Job) -> None:
    """Leave a dead job at that."""


class Runner:
    """One a node.  `handle` each kind, `begin`, then `run` as a task, then `close`.

    Kinds that nobody handles here wait.  `chance` gives numbers in [0, 1).
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        node_id: NodeId,
        chance: Callable[[], float] = random.random,
        poll_s: float = POLL_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._node_id = node_id
        self._chance = chance
        self._poll_s = poll_s
        self._kinds: dict[str, _Kind] = {}
        self._hint = asyncio.Event()
        self._seen: tuple[int, frozenset[str], frozenset[JobId]] | None = None
        self._next_due: datetime | None = None
        self._prolong_at_ns = 0
        self._forget_at_ns = 0

    def handle(
        self, kind: str, handler: Handler, policy: Policy | None = None, on_dead: OnDead = no_longer
    ) -> None:
        """Have `handler` called for each job of `kind`; `on_dead` writes beside a job's end as dead.

        A handler that returns has done the job.  `Retry`, or any error, means another try after a pause that
        grows; `Away` lets the whole kind rest and spends no try; `Dead` ends it.  `on_dead` awaits nothing
        but its transaction.
        """
        assert kind not in self._kinds, "one handler a kind"
        self._kinds[kind] = _Kind(kind, handler, policy or Policy(), on_dead)

    def hint(self) -> None:
        """Look now: a job was committed."""
        self._hint.set()

    async def begin(self) -> None:
        """Free what a former process of this node held."""
        async with self._database.transaction() as tx:
            freed = await store.free_claims_of(tx, self._node_id)
        if freed:
            _log.info("jobs_taken_over", count=freed)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._hint.clear()
            try:
                wait_s = await self.look()
            except Refused as refused:
                _log.warning("jobs_wait", code=refused.code)
                wait_s = AFTER_TROUBLE_S
            except Exception:
                _log.exception("jobs_wait")
                wait_s = AFTER_TROUBLE_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def look(self) -> float:
        """Begin what is due and has a place; return in how many seconds to look again."""
        await self._prolong()
        await self._forget()
        now_ns = self._clock.monotonic_ns()
        free = [kind for kind in self._kinds.values() if kind.places(now_ns) > 0]
        if free and await self._is_due(free):
            await self._take(free)
            return 0.0 if self._has_places() else self._poll_s
        return self._wait_s()

    async def close(self, within_s: float) -> None:
        """Let what runs end within that time, then stop it; what was stopped waits as if never taken."""
        tasks = [work.task for kind in self._kinds.values() for work in kind.running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)
        left = self._held()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if left:
            await self._give_back(left)

    async def _give_back(self, held: Mapping[JobId, str]) -> None:
        try:
            async with self._database.transaction() as tx:
                for job_id, word in held.items():
                    await store.give_back(tx, job_id, word, None)
        except Refused as refused:  # their claims lapse
            _log.warning("jobs_not_given_back", code=refused.code)

    # ---- taking

    async def _is_due(self, free: Sequence[_Kind]) -> bool:
        """Whether something is; asks only when something was committed, or the next due instant came."""
        names, held = frozenset(kind.name for kind in free), self._held()
        # Read before the question: what is committed after it is seen at the next look.
        sight = self._database.version(), names, frozenset(held)
        now = self._clock.now()
        if sight == self._seen and (self._next_due is None or now < self._next_due):
            return False
        async with self._database.reading() as reading:
            self._next_due = await store.next_due(reading, names, held)
            now = reading.now
        self._seen = sight
        return self._next_due is not None and self._next_due <= now

    async def _take(self, free: Sequence[_Kind]) -> None:
        word, now_ns = ids.new(), self._clock.monotonic_ns()
        taken: list[tuple[_Kind, Job]] = []
        async with self._database.transaction() as tx:
            for kind in free:
                holder = Claim(self._node_id, word)
                places = kind.places(now_ns)
                found = await store.claim(tx, kind.name, holder, tx.now + CLAIM, places, kind.running)
                taken += [(kind, job) for job in found]
        for kind, job in taken:
            task = asyncio.create_task(self._do(kind, job, word), name=f"job {kind.name}")
            kind.running[job.job_id] = _Work(word, task)

    def _has_places(self) -> bool:
        now_ns = self._clock.monotonic_ns()
        return any(kind.places(now_ns) > 0 for kind in self._kinds.values())

    def _wait_s(self) -> float:
        now, now_ns = self._clock.now(), self._clock.monotonic_ns()
        waits = [self._poll_s]
        if self._next_due is not None and self._next_due > now:
            waits.append((self._next_due - now).total_seconds())
        waits += [left / 1e9 for kind in self._kinds.values() if (left := kind.rests_until_ns - now_ns) > 0]
        return min(waits)

    # ---- doing

    async def _do(self, kind: _Kind, job: Job, word: str) -> None:
        try:
            report = await self._outcome(kind, job, word)
            await self._insist(job, report)
        except Exception:  # its claim lapses, and it is done again
            _log.exception("job_end_lost", kind=kind.name, job=job.job_id)
        finally:
            kind.running.pop(job.job_id, None)
            self.hint()

    async def _outcome(self, kind: _Kind, job: Job, word: str) -> Report:
        """Have the job done and return what to write of it."""
        if job.attempts > kind.policy.tries:
            return partial(self._end_as_dead, kind, job, word, DIED)
        try:
            await kind.handler(job)
        except Away as away:
            self._rest(kind, away)
            return partial(store.give_back, job_id=job.job_id, word=word, error=reason_of(away))
        except Dead as error:
            return partial(self._end_as_dead, kind, job, word, reason_of(error))
        except Exception as error:
            if not isinstance(error, Retry):
                _log.exception("job_failed", kind=kind.name, job=job.job_id)
            return self._failed(kind, job, word, reason_of(error))
        kind.outages = 0
        return partial(store.done, job_id=job.job_id, word=word)

    def _failed(self, kind: _Kind, job: Job, word: str, reason: str) -> Report:
        if job.attempts >= kind.policy.tries:
            return partial(self._end_as_dead, kind, job, word, reason)
        pause = timedelta(seconds=pause_s(kind.policy, job.attempts, self._chance()))

        async def again(tx: Transaction) -> bool:
            return await store.again(tx, job.job_id, word, tx.now + pause, reason)

        return again

    async def _end_as_dead(self, kind: _Kind, job: Job, word: str, reason: str, tx: Transaction) -> bool:
        ours = await store.dead(tx, job.job_id, word, reason)
        if ours:
            await kind.on_dead(tx, job)
            _log.warning("job_dead", kind=kind.name, job=job.job_id, reason=reason)
        return ours

    def _rest(self, kind: _Kind, away: Away) -> None:
        """Begin none of the kind for a while; those that run notice the same outage, which counts once."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < kind.rests_until_ns:
            return
        kind.outages += 1
        rest_s = pause_s(REST, kind.outages, self._chance())
        kind.rests_until_ns = now_ns + round(rest_s * 1e9)
        if kind.outages == 1:
            _log.warning("jobs_rest", kind=kind.name, reason=reason_of(away))

    async def _insist(self, job: Job, report: Report) -> None:
        """Write how it ended; what the database refuses now it takes later."""
        while True:
            try:
                ours = await self._database.transact(report)
            except Refused as refused:
                _log.warning("job_end_waits", job=job.job_id, code=refused.code)
                await asyncio.sleep(AFTER_TROUBLE_S)
            else:
                if not ours:
                    _log.warning("job_claim_lost", job=job.job_id)
                return

    # ---- holding on, and forgetting

    def _held(self) -> dict[JobId, str]:
        return {job_id: work.word for kind in self._kinds.values() for job_id, work in kind.running.items()}

    async def _prolong(self) -> None:
        now_ns = self._clock.monotonic_ns()
        held = self._held()
        if not held or now_ns < self._prolong_at_ns:
            return
        self._prolong_at_ns = now_ns + round(PROLONG_EVERY_S * 1e9)
        async with self._database.transaction() as tx:
            lost = await store.prolong(tx, held, tx.now + CLAIM)
        for kind in self._kinds.values():
            for job_id in lost & kind.running.keys():
                _log.warning("job_claim_lost", job=job_id)
                kind.running[job_id].task.cancel()

    async def _forget(self) -> None:
        """Drop the rows of what ended long ago."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._forget_at_ns:
            return
        self._forget_at_ns = now_ns + round(FORGET_EVERY_S * 1e9)
        async with self._database.transaction() as tx:
            await store.forget(tx, JobState.DONE, tx.now - DONE_KEPT)
            await store.forget(tx, JobState.DEAD, tx.now - DEAD_KEPT)
