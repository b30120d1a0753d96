"""Outages, cancellations, clocks that step: nothing is lost, nothing comes twice, nothing starts in vain."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from room_server.mail import store
from room_server.mail.store import MailState
from room_server.storage import Database
from tests.kit.clock import FakeClock
from tests.kit.smtp import smtp_server
from tests.mail.post import delivery, post, to
from tests.room.waiting import until

MAILS = 30


async def test_a_mail_server_that_is_down_for_an_hour_costs_no_mail_and_none_comes_twice(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server:
        port = server.port
    messages = [to(f"p{number}@example.org") for number in range(MAILS)]
    async with post(database, clock, delivery(f"smtp://127.0.0.1:{port}")) as ours:
        mail_ids = await ours.add(*messages)
        for _ in range(3_600):
            await ours.look()
            clock.advance(1)
        assert await ours.states(mail_ids) == {"waiting"}
        mail = await ours.mail(mail_ids[0])
        assert "Error connecting" in (mail.answer or "")
        async with smtp_server(port=port) as server:
            for _ in range(60):
                await ours.look()
                clock.advance(1)
            assert Counter(came.recipients[0] for came in server.received) == {
                message.to.email: 1 for message in messages
            }
        assert await ours.states(mail_ids) == {"sent"}
        assert await ours.jobs.open() == []


async def test_no_mail_of_a_group_starts_after_its_cancellation_was_acknowledged(
    database: Database, clock: FakeClock
) -> None:
    """REC-28: reminders are being sent while the session is cancelled."""
    gate = asyncio.Event()
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        server.before_answer = gate.wait
        mail_ids = await ours.add(*(to(f"p{number}@example.org") for number in range(20)), group="session:s")
        [other] = await ours.add(to("other@example.org"), group="session:t", due=clock.now() + timedelta(1))
        await ours.node.runner.look()
        await until(lambda: len(server.received) == 4)

        async with database.transaction() as tx:
            assert await ours.outbox.cancel(tx, "session:s") == 16
        settled = asyncio.create_task(ours.outbox.settled("session:s"))
        gate.set()
        await settled  # from here on the cancellation is acknowledged
        begun = len(server.received)
        await ours.look()
        clock.advance(100_000)
        await ours.look()

        assert begun == 4
        assert max(Counter(came.recipients[0] for came in server.received).values()) == 1
        assert len(server.received) == 5, "the other session's mail left, and no more of ours"
        states = Counter([(await ours.mail(one)).state for one in mail_ids])
        assert states == {MailState.SENT: 4, MailState.CANCELLED: 16}
        assert (await ours.mail(other)).state is MailState.SENT


async def test_a_cancellation_just_before_the_text_leaves_is_heeded(
    database: Database, clock: FakeClock
) -> None:
    """Sender and recipient were accepted: the row is looked at again, and nothing leaves."""
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        [mail_id] = await ours.add(to("p@example.org"), group="g")
        way = delivery(server.url)
        mail = await ours.mail(mail_id)

        async def cancelled_meanwhile() -> bool:
            async with database.transaction() as tx:
                await ours.outbox.cancel(tx, "g")
            async with database.transaction() as tx:
                return await store.begin(tx, mail_id)

        assert await way.hand_over(mail, cancelled_meanwhile) is None
        await way.close()
        assert server.received == []


async def test_what_was_under_way_when_cancelled_and_failed_is_not_tried_again(
    database: Database, clock: FakeClock
) -> None:
    gate = asyncio.Event()
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        arrived = asyncio.Event()

        async def hold() -> None:
            arrived.set()
            await gate.wait()

        server.before_answer = hold
        server.to_text = lambda _message: "451 4.3.0 later"
        [mail_id] = await ours.add(to("p@example.org"), group="g")
        await ours.node.runner.look()
        await arrived.wait()
        assert (await ours.mail(mail_id)).state is MailState.SENDING
        async with database.transaction() as tx:
            assert await ours.outbox.cancel(tx, "g") == 0
        gate.set()
        await ours.node.rest()
        assert (await ours.mail(mail_id)).state is MailState.CANCELLED
        server.to_text = lambda _message: None
        clock.advance(100_000)
        await ours.look()
        assert server.received == []


async def test_clocks_that_step_send_nothing_twice_and_nothing_early(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        await ours.add(to("now@example.org"))
        await ours.add(to("later@example.org"), due=clock.now() + timedelta(hours=2))
        await ours.look()
        for step_s in (-7_200, 7_200, -60, 60):
            clock.step(step_s)
            await ours.look()
        assert [came.recipients[0] for came in server.received] == ["now@example.org"]
        clock.step(7_200)
        await ours.look()
        assert [came.recipients[0] for came in server.received] == ["now@example.org", "later@example.org"]


async def test_a_mail_that_is_refused_for_now_too_often_has_failed(
    database: Database, clock: FakeClock
) -> None:
    async with smtp_server() as server, post(database, clock, delivery(server.url)) as ours:
        server.answers["full@example.org"] = "452 4.2.2 mailbox full"
        [mail_id] = await ours.add(to("full@example.org"))
        for _ in range(50):
            await ours.look()
            clock.advance(3_600)
        mail = await ours.mail(mail_id)
        assert (mail.state, mail.answer) == (MailState.FAILED, "452 4.2.2 mailbox full")
        [dead] = await ours.jobs.dead()
        assert (dead.attempts, dead.error) == (40, "452 4.2.2")
