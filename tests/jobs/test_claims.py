"""Who holds a job: claims lapse, are prolonged, are freed by a node that comes back; clocks may step."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from room_server.jobs.rules import JobState
from room_server.jobs.runner import CLAIM, DIED, PROLONG_EVERY_S
from room_server.jobs.service import Jobs
from room_server.storage import Database
from tests.jobs.work import KIND, Node, Work, add, few, job
from tests.kit.clock import FakeClock
from tests.room.waiting import until

CLAIM_S = CLAIM.total_seconds()


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def node(database: Database, clock: FakeClock, work: Work) -> AsyncIterator[Node]:
    one = Node(database, clock)
    one.runner.handle(KIND, work, few(3))
    yield one
    await one.runner.close(0)


async def held(node: Node, work: Work) -> None:
    """Have the node begin a job that does not end."""
    work.hold()
    await node.runner.look()
    await until(lambda: work.inside == 1)


async def test_the_job_of_a_node_that_died_is_taken_over_when_its_claim_lapses(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    job_id = await add(jobs, database)
    await held(node, work)
    second, theirs = Node(database, clock, "two"), Work()
    second.runner.handle(KIND, theirs)
    clock.advance(CLAIM_S - 1)
    await second.look()
    assert not theirs.begun
    clock.advance(1)
    await second.look()
    assert theirs.begun[0].attempts == 2
    work.let_go()
    await node.rest()
    found = await job(database, job_id)
    assert (found.state, found.attempts) == (JobState.DONE, 2), (
        "what the former holder reports changes nothing"
    )


async def test_what_a_former_holder_reports_while_another_works_changes_nothing(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    job_id = await add(jobs, database)
    await held(node, work)
    clock.advance(CLAIM_S)
    second, theirs = Node(database, clock, "two"), Work()
    second.runner.handle(KIND, theirs)
    await held(second, theirs)
    work.let_go()
    await node.rest()
    assert (await job(database, job_id)).state is JobState.CLAIMED
    theirs.let_go()
    await second.rest()
    assert (await job(database, job_id)).state is JobState.DONE


async def test_a_claim_is_prolonged_as_long_as_its_node_works_on_it(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    await add(jobs, database)
    await held(node, work)
    second, theirs = Node(database, clock, "two"), Work()
    second.runner.handle(KIND, theirs)
    for _ in range(20):
        clock.advance(PROLONG_EVERY_S)
        await node.runner.look()
        await second.look()
    assert not theirs.begun
    assert len(work.begun) == 1


async def test_a_node_that_lost_its_claim_stops(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    await add(jobs, database)
    await held(node, work)
    clock.advance(CLAIM_S)
    second, theirs = Node(database, clock, "two"), Work()
    second.runner.handle(KIND, theirs)
    await second.look()
    assert len(theirs.done) == 1
    await node.look()
    assert (work.inside, work.done) == (0, [])


async def test_a_node_that_comes_back_takes_up_at_once_what_it_held(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    job_id = await add(jobs, database)
    await held(node, work)
    again, theirs = Node(database, clock), Work()
    again.runner.handle(KIND, theirs)
    await again.runner.begin()
    await again.look()
    assert theirs.begun[0].attempts == 2
    assert (await job(database, job_id)).state is JobState.DONE


async def test_a_job_that_ends_its_process_each_time_becomes_dead(
    jobs: Jobs, database: Database, clock: FakeClock
) -> None:
    job_id = await add(jobs, database)
    nodes = []
    for _ in range(4):
        work, node = Work(), Node(database, clock)
        node.runner.handle(KIND, work, few(3))
        await node.runner.begin()
        work.hold()
        await node.runner.look()
        nodes.append((node, work))
    await nodes[-1][0].rest()
    found = await job(database, job_id)
    assert (found.state, found.error) == (JobState.DEAD, DIED)
    assert [len(work.begun) for _, work in nodes] == [1, 1, 1, 0]
    for node, _ in nodes:
        await node.runner.close(0)


async def test_a_stop_waits_for_what_ends_and_gives_back_the_rest_without_spending_a_try(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    job_id = await add(jobs, database)
    await held(node, work)
    await node.runner.close(0.01)
    found = await job(database, job_id)
    assert (found.state, found.attempts, found.due_at) == (JobState.WAITING, 0, clock.now())


async def test_a_clock_that_steps_forward_begins_nothing_twice(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    first = await add(jobs, database)
    await held(node, work)
    await node.runner.look()
    clock.step(7_200)
    second = await add(jobs, database)
    await node.runner.look()
    await node.runner.look()
    await until(lambda: work.inside == 2)
    assert [one.job_id for one in work.begun] == [first, second]
    work.let_go()
    await node.rest()
    await node.look()
    assert len(work.done) == 2
    assert (await job(database, first)).state is JobState.DONE


async def test_a_clock_that_steps_back_delays_what_waits_and_repeats_nothing(
    jobs: Jobs, database: Database, clock: FakeClock, node: Node, work: Work
) -> None:
    first = await add(jobs, database)
    await held(node, work)
    second = await add(jobs, database)
    clock.step(-3_600)
    work.let_go()
    await node.rest()
    await node.look()
    assert (await job(database, first)).state is JobState.DONE
    assert (await job(database, second)).state is JobState.WAITING
    clock.advance(3_600)
    await node.look()
    assert (await job(database, second)).state is JobState.DONE
    assert len(work.done) == 2
