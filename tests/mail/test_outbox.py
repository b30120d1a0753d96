"""The outbox: mail is there exactly when what it tells is, once a key, and gone when cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from room_server.ids import MailId, WorkspaceId
from room_server.jobs.service import Jobs
from room_server.mail.message import Address, Attachment, Message
from room_server.mail.outbox import JOB_KIND, Outbox
from room_server.mail.store import MailState
from room_server.storage import Database
from tests.kit.clock import FakeClock

ICS = Attachment(
    "session.ics", "text/calendar; method=REQUEST; charset=utf-8", b"BEGIN:VCALENDAR\r\n\xc3\xa9"
)


def hello(name: str = "Hélène") -> Message:
    return Message(
        to=Address("helene@example.org", name),
        language="fr",
        subject="Votre accès",
        text="Bonjour,\n\nà demain.",
        html="<p>Bonjour</p>",
        kind="confirmation",
        workspace_id=WorkspaceId("w"),
        headers={"Reply-To": "team@example.org"},
        attachments=(ICS,),
    )


async def test_a_message_comes_back_as_it_was_left(
    outbox: Outbox, database: Database, clock: FakeClock
) -> None:
    async with database.transaction() as tx:
        mail_id = await outbox.add(tx, hello(), group="session:s")
    mail = await outbox.mail(mail_id)
    assert mail is not None
    assert mail.message == hello()
    assert (mail.state, mail.attempts, mail.due_at, mail.group) == (
        MailState.WAITING,
        0,
        clock.now(),
        "session:s",
    )
    assert mail.message_id == f"<{mail_id}@rooms.example.org>"


async def test_mail_of_what_was_rolled_back_is_not_there(
    outbox: Outbox, database: Database, jobs: Jobs
) -> None:
    left: list[MailId] = []

    async def fail() -> None:
        async with database.transaction() as tx:
            left.append(await outbox.add(tx, hello()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await outbox.mail(left[0]) is None
    assert await jobs.open() == []


async def test_a_key_makes_one_mail_and_one_job(outbox: Outbox, database: Database, jobs: Jobs) -> None:
    due = database.wall() + timedelta(hours=1)
    async with database.transaction() as tx:
        first = await outbox.add(tx, hello(), key="reminder:r1", due=due)
        again = await outbox.add(tx, hello("Another"), key="reminder:r1")
    async with database.transaction() as tx:
        later = await outbox.add(tx, hello(), key="reminder:r1")
    assert first == again == later
    [job] = await jobs.open()
    assert (job.kind, job.due_at, job.workspace_id) == (JOB_KIND, due, "w")
    mail = await outbox.mail(first)
    assert mail is not None
    assert mail.message.to.name == "Hélène"


async def test_cancelling_takes_a_whole_group_and_no_other(outbox: Outbox, database: Database) -> None:
    async with database.transaction() as tx:
        ours = [await outbox.add(tx, hello(), group="session:one") for _ in range(3)]
        other = await outbox.add(tx, hello(), group="session:ones")
        alone = await outbox.add(tx, hello())
        assert await outbox.cancel(tx, "session:one") == 3
        assert await outbox.cancel(tx, "session:one") == 0
    states = [mail.state for mail_id in (*ours, other, alone) if (mail := await outbox.mail(mail_id))]
    assert states == [*[MailState.CANCELLED] * 3, MailState.WAITING, MailState.WAITING]


async def test_the_outbox_works_within_a_single_step_of_the_writer(
    outbox: Outbox, database: Database
) -> None:
    mail_id = await database.transact(lambda tx: outbox.add(tx, hello(), key="k"))
    assert await outbox.mail(mail_id) is not None
