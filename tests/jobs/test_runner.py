"""Jobs are done once, again after a failure, and never more at once than their kind allows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import event

from room_server.errors import Refused
from room_server.ids import JobId, WorkspaceId
from room_server.jobs.rules import Away, Dead, Job, JobState, Policy, Retry
from room_server.jobs.service import Jobs
from room_server.storage import Database, Transaction
from tests.jobs.work import KIND, Node, Work, add, few, job
from tests.kit.clock import FakeClock
from tests.room.waiting import until


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def node(database: Database, clock: FakeClock) -> Node:
    return Node(database, clock)


async def test_a_job_is_done_once_after_its_commit(
    jobs: Jobs, database: Database, node: Node, work: Work
) -> None:
    node.runner.handle(KIND, work)
    async with database.transaction() as tx:
        job_id = await jobs.add(tx, KIND, {"n": [1, "é"]}, workspace_id=WorkspaceId("w"))
        assert not work.begun
    await node.look()
    await node.look()
    assert work.done == [{"n": [1, "é"]}]
    assert (work.begun[0].attempts, work.begun[0].workspace_id) == (1, "w")
    assert (await job(database, job_id)).state is JobState.DONE


async def test_a_job_of_what_was_rolled_back_is_not_there(
    jobs: Jobs, database: Database, node: Node, work: Work
) -> None:
    node.runner.handle(KIND, work)

    async def fail() -> None:
        async with database.transaction() as tx:
            await jobs.add(tx, KIND, {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await node.look()
    assert not work.begun


async def test_a_job_is_never_begun_before_it_is_due(
    jobs: Jobs, database: Database, node: Node, work: Work, clock: FakeClock
) -> None:
    node.runner.handle(KIND, work)
    await add(jobs, database, due=clock.now() + timedelta(seconds=0.4))
    assert await node.look() == pytest.approx(0.4)
    clock.advance(0.399)
    await node.look()
    assert not work.begun
    clock.advance(0.001)
    await node.look()
    assert len(work.done) == 1


async def test_a_key_makes_one_job_even_after_it_is_done(
    jobs: Jobs, database: Database, node: Node, work: Work
) -> None:
    node.runner.handle(KIND, work)
    first = await add(jobs, database, key="once")
    await node.look()
    again = await add(jobs, database, key="once", payload={"n": 2})
    await node.look()
    assert first == again
    assert work.done == [{"n": 1}]


async def test_a_payload_that_is_no_json_fails_in_its_callers_hands(jobs: Jobs, database: Database) -> None:
    with pytest.raises(TypeError):
        await add(jobs, database, payload={"n": object()})


async def test_what_failed_is_tried_again_after_pauses_that_grow_and_then_is_dead(
    jobs: Jobs, database: Database, node: Node, work: Work, clock: FakeClock
) -> None:
    told: list[JobId] = []

    async def on_dead(_tx: Transaction, ended: Job) -> None:
        told.append(ended.job_id)

    node.runner.handle(KIND, work, few(3), on_dead)
    work.fails = Retry("450 later")
    job_id = await add(jobs, database)
    for pause_s in (10, 20):
        await node.look()
        found = await job(database, job_id)
        assert (found.state, found.error) == (JobState.WAITING, "450 later")
        assert (found.due_at - clock.now()).total_seconds() == pause_s
        assert not told
        clock.advance(pause_s)
    await node.look()
    clock.advance(1_000)
    await node.look()
    found = await job(database, job_id)
    assert (found.state, found.attempts, len(work.begun)) == (JobState.DEAD, 3, 3)
    assert told == [job_id]


async def test_poison_becomes_dead_and_harms_no_other(
    jobs: Jobs, database: Database, node: Node, clock: FakeClock
) -> None:
    done: list[int] = []

    async def handler(found: Job) -> None:
        done.append(100 // found.payload["n"])

    node.runner.handle(KIND, handler, few(2))
    poison = await add(jobs, database, payload={"n": 0})
    shapeless = await add(jobs, database, payload={})
    healthy = [await add(jobs, database, payload={"n": n}) for n in (1, 2, 4, 5, 10)]
    for _ in range(6):
        await node.look()
        clock.advance(100)
    assert sorted(done) == [10, 20, 25, 50, 100]
    for job_id, name in ((poison, "ZeroDivisionError"), (shapeless, "KeyError")):
        found = await job(database, job_id)
        assert (found.state, found.error) == (JobState.DEAD, name)
    for job_id in healthy:
        assert (await job(database, job_id)).state is JobState.DONE


async def test_what_can_never_work_is_tried_once(
    jobs: Jobs, database: Database, node: Node, work: Work, clock: FakeClock
) -> None:
    node.runner.handle(KIND, work)
    work.fails = Dead("550 nobody of that name")
    job_id = await add(jobs, database)
    await node.look()
    clock.advance(100_000)
    await node.look()
    found = await job(database, job_id)
    assert (found.state, found.error, len(work.begun)) == (JobState.DEAD, "550 nobody of that name", 1)


async def test_a_dead_job_begins_anew_when_an_operator_says_so(
    jobs: Jobs, database: Database, node: Node, work: Work
) -> None:
    node.runner.handle(KIND, work)
    work.fails = Dead("x")
    job_id = await add(jobs, database)
    await node.look()
    assert [one.job_id for one in await jobs.dead()] == [job_id]
    work.fails = None
    await jobs.retry(job_id)
    assert await jobs.dead() == []
    await node.look()
    assert len(work.done) == 1
    for wrong, code in ((job_id, "job_not_dead"), (JobId("nothing"), "unknown_job")):
        with pytest.raises(Refused) as refused:
            await jobs.retry(wrong)
        assert refused.value.code == code


async def test_no_more_of_a_kind_are_in_work_than_it_allows(
    jobs: Jobs, database: Database, node: Node, work: Work
) -> None:
    other = Work()
    node.runner.handle(KIND, work, Policy(at_once=3))
    node.runner.handle("other", other, Policy(at_once=1))
    for number in range(10):
        await add(jobs, database, payload={"n": number})
    await add(jobs, database, "other")
    work.hold()
    for _ in range(3):
        await node.runner.look()
    await until(lambda: len(other.done) == 1)
    assert len(work.begun) == 3
    work.let_go()
    while len(work.done) < 10:
        await node.look()
    assert work.most_inside == 3
    assert sorted(payload["n"] for payload in work.done) == list(range(10))


async def test_while_what_a_kind_needs_is_away_it_rests_and_spends_no_try(
    jobs: Jobs, database: Database, node: Node, work: Work, clock: FakeClock
) -> None:
    other = Work()
    node.runner.handle(KIND, work, Policy(at_once=2, tries=1))
    node.runner.handle("other", other)
    ours = [await add(jobs, database) for _ in range(5)]
    work.fails = Away("no connection")
    begun_at_s = []
    for second in range(600):
        before = len(work.begun)
        await node.look()
        if len(work.begun) > before:
            begun_at_s.append(second)
        clock.advance(1)
    pauses = [late - early for early, late in pairwise(begun_at_s)]
    assert pauses[:5] == [2, 4, 8, 16, 32]
    assert set(pauses[5:]) == {60}
    await add(jobs, database, "other")
    await node.look()
    assert len(other.done) == 1, "other kinds go on"
    work.fails = None
    clock.advance(60)
    while len(work.done) < len(ours):
        await node.look()
    assert {(await job(database, one)).state for one in ours} == {JobState.DONE}


async def test_kinds_that_nobody_handles_wait(
    jobs: Jobs, database: Database, node: Node, work: Work, clock: FakeClock
) -> None:
    node.runner.handle(KIND, work)
    job_id = await add(jobs, database, "of a later version")
    clock.advance(100_000)
    await node.look()
    assert (await job(database, job_id)).state is JobState.WAITING
    counts, now = await jobs.counts()
    assert counts.oldest_due_at is not None
    assert (counts.waiting, counts.dead, (now - counts.oldest_due_at).total_seconds()) == (1, 0, 100_000)


async def test_the_runner_wakes_by_a_hint_and_by_itself(
    jobs: Jobs, database: Database, clock: FakeClock, work: Work
) -> None:
    node = Node(database, clock)
    node.runner._poll_s = 3_600
    node.runner.handle(KIND, work)
    task = asyncio.create_task(node.runner.run())
    await add(jobs, database)
    node.runner.hint()
    await until(lambda: len(work.done) == 1)
    node.runner._poll_s = 0.01
    node.runner.hint()
    await add(jobs, database)
    await until(lambda: len(work.done) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_while_nothing_is_committed_or_due_the_rows_are_not_asked(
    jobs: Jobs, database: Database, node: Node, work: Work, clock: FakeClock
) -> None:
    node.runner.handle(KIND, work)
    await add(jobs, database, due=clock.now() + timedelta(seconds=30))
    await node.look()
    await node.look()
    asked: list[str] = []
    for engine in (database._reading, database._writing):
        event.listen(engine, "before_cursor_execute", lambda *found: asked.append(found[2]))
    for _ in range(20):
        await node.look()
        clock.advance(1)
    assert not asked
    clock.advance(10)
    await node.look()
    assert asked
    assert len(work.done) == 1


async def test_a_database_that_is_away_at_the_end_of_a_job_does_not_repeat_it(
    jobs: Jobs, database: Database, node: Node, work: Work
) -> None:
    node.runner.handle(KIND, work)
    job_id = await add(jobs, database)
    work.hold()
    await node.runner.look()
    await until(lambda: len(work.begun) == 1)
    refused: list[str] = []

    def refuse_once(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE job") and not refused:
            refused.append(statement)
            raise Refused("storage_away", 503)

    event.listen(database._writing, "before_cursor_execute", refuse_once)
    work.let_go()
    await node.rest()
    await node.look()
    assert len(refused) == len(work.begun) == 1
    assert (await job(database, job_id)).state is JobState.DONE


async def test_ended_jobs_are_forgotten_after_a_while_and_open_ones_never(
    jobs: Jobs, database: Database, node: Node, work: Work, clock: FakeClock
) -> None:
    node.runner.handle(KIND, work)
    done = await add(jobs, database)
    await node.look()
    work.fails = Dead("x")
    dead = await add(jobs, database)
    await node.look()
    waiting = await add(jobs, database, "unhandled")
    clock.advance(8 * 86_400)
    await node.look()
    with pytest.raises(AssertionError):
        await job(database, done)
    assert (await job(database, dead)).state is JobState.DEAD
    clock.advance(90 * 86_400)
    await node.look()
    with pytest.raises(AssertionError):
        await job(database, dead)
    assert (await job(database, waiting)).state is JobState.WAITING
