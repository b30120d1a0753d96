"""Two nodes on one PostgreSQL claim each job once, also when they look at the same instant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import Engine, func, select

from room_server.ids import NodeId, WorkspaceId
from room_server.jobs import store
from room_server.jobs.rules import JobState, Policy
from room_server.jobs.service import Jobs
from room_server.jobs.store import Claim
from room_server.mail import store as mail_store
from room_server.mail.message import Address, Message
from room_server.mail.outbox import Outbox
from room_server.mail.store import MailState
from room_server.storage import Database
from tests.jobs.work import KIND, Node, Work, add, job
from tests.kit.clock import FakeClock
from tests.kit.postgres import PostgresDatabase, postgres

pytestmark = pytest.mark.slow  # and not of `make test-fast`, which needs nothing but what `make build` leaves


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with postgres() as running:
        yield running


@pytest.fixture
async def database(engine: Engine, clock: FakeClock) -> AsyncIterator[Database]:
    """Its tables as the stores describe them; migrations for PostgreSQL come with the rest of it."""
    tables = [store.jobs, mail_store.mails]
    store.jobs.metadata.create_all(engine, tables)
    yield cast(Database, PostgresDatabase(engine, clock.wall))
    store.jobs.metadata.drop_all(engine, tables)


async def test_each_job_is_done_by_one_node(engine: Engine, database: Database, clock: FakeClock) -> None:
    jobs = Jobs(database)
    async with database.transaction() as tx:
        for number in range(60):
            await jobs.add(tx, KIND, {"n": number}, workspace_id=WorkspaceId("w"))
    works = Work(), Work()
    nodes = [
        Node(cast(Database, PostgresDatabase(engine, clock.wall)), clock, name) for name in ("one", "two")
    ]
    for node, work in zip(nodes, works, strict=True):
        node.runner.handle(KIND, work, Policy(at_once=5))
    for _ in range(12):
        await asyncio.gather(*(node.look() for node in nodes))
    done = sorted(payload["n"] for work in works for payload in work.done)
    assert done == list(range(60))
    assert all(work.done for work in works), "both had a share"
    async with database.reading() as reading:
        states = await reading.execute(select(store.jobs.c.state, func.count()).group_by(store.jobs.c.state))
        assert {tuple(row) for row in states} == {(JobState.DONE.value, 60)}


async def test_rows_that_another_transaction_is_claiming_are_passed_over(
    engine: Engine, database: Database, clock: FakeClock
) -> None:
    jobs = Jobs(database)
    ours = {await add(jobs, database) for _ in range(4)}
    until = clock.now() + timedelta(minutes=1)
    async with database.transaction() as first:
        of_first = await store.claim(first, KIND, Claim(NodeId("one"), "a"), until, 2)
        async with asyncio.timeout(10), database.transaction() as second:
            of_second = await store.claim(second, KIND, Claim(NodeId("two"), "b"), until, 4)
    taken = [one.job_id for one in (*of_first, *of_second)]
    assert (len(of_first), len(of_second)) == (2, 2)
    assert set(taken) == ours


async def test_a_key_makes_one_job_and_one_mail(database: Database) -> None:
    jobs = Jobs(database)
    assert await add(jobs, database, key="once") == await add(jobs, database, key="once")
    outbox = Outbox(database, jobs, "rooms.example.org")
    message = Message(
        to=Address("ann@example.org"), language="en", subject="Hello", text="Hello", kind="test"
    )
    async with database.transaction() as tx:
        mail_id = await outbox.add(tx, message, key="k", group="g")
        assert await outbox.add(tx, message, key="k", group="g") == mail_id
    mail = await outbox.mail(mail_id)
    assert mail is not None
    assert mail.message == message
    async with database.transaction() as tx:
        assert await mail_store.begin(tx, mail_id)
        assert await mail_store.under_way(tx, "g") == 1
        assert await outbox.cancel(tx, "g") == 0
        assert not await mail_store.begin(tx, mail_id), "the hand-over that was under way is not begun again"
    mail = await outbox.mail(mail_id)
    assert mail is not None
    assert mail.state is MailState.CANCELLED


async def test_counts_and_states_are_read_alike(database: Database, clock: FakeClock) -> None:
    jobs = Jobs(database)
    job_id = await add(jobs, database, due=clock.now() - timedelta(seconds=5))
    counts, now = await jobs.counts()
    assert counts.oldest_due_at is not None
    assert (counts.waiting, counts.dead, now - counts.oldest_due_at) == (1, 0, timedelta(seconds=5))
    assert (await job(database, job_id)).state is JobState.WAITING
