"""A server that is killed in the middle of a bulk of mail goes on where it was."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from room_server.jobs.service import Jobs
from room_server.mail import store
from room_server.mail.outbox import Outbox
from room_server.mail.sending import POLICY
from room_server.mail.store import MailState
from room_server.storage import Database
from tests.cli.programs import start
from tests.kit.smtp import SmtpServer, smtp_server
from tests.mail.post import to
from tests.room.waiting import until, until_found

BULK = 120
KILLED_AFTER = 40


@asynccontextmanager
async def serving(folder: Path, server: SmtpServer) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await start(
        ("serve",),
        folder,
        {
            **dict.fromkeys(("ROOM_PORT", "ROOM_UDP_PORT", "ROOM_METRICS_PORT"), "0"),
            "ROOM_DATA_DIR": str(folder / "data"),
            "ROOM_SMTP_URL": server.url,
            "ROOM_MAIL_FROM": "The rooms <rooms@example.org>",
            "ROOM_MEDIA_SHARDS": "1",
            "ROOM_LOG_LEVEL": "error",
        },
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def in_state(database: Database, state: MailState) -> set[str]:
    async with database.reading() as reading:
        found = await reading.execute(
            select(store.mails.c.message_id).where(store.mails.c.state == state.value)
        )
        return set(found.scalars())


async def all_sent(database: Database) -> bool:
    return len(await in_state(database, MailState.SENT)) == BULK


@pytest.mark.slow
async def test_a_server_killed_in_the_middle_of_a_bulk_loses_nothing_and_repeats_only_what_was_in_flight(
    tmp_path: Path,
) -> None:
    """The server had the whole text of four messages and had not answered: nobody can know of these alone."""
    (tmp_path / "data").mkdir()
    database = await Database.open(tmp_path / "data" / "room.sqlite3")
    gate = asyncio.Event()
    async with smtp_server() as server:

        async def hold() -> None:
            if len(server.received) > KILLED_AFTER:
                await gate.wait()

        server.before_answer = hold
        outbox = Outbox(database, Jobs(database), "rooms.example.org")
        async with database.transaction() as tx:
            for number in range(BULK):
                await outbox.add(tx, to(f"p{number}@example.org"))
        async with serving(tmp_path, server) as child:
            in_flight = KILLED_AFTER + POLICY.at_once
            await until(lambda: len(server.received) == in_flight)
            child.send_signal(signal.SIGKILL)
            await child.wait()
        sending = await in_state(database, MailState.SENDING)
        sent = await in_state(database, MailState.SENT)
        assert len(sending) == POLICY.at_once
        gate.set()
        async with serving(tmp_path, server):
            await until(lambda: len(server.received) == BULK + POLICY.at_once)
            await until_found(lambda: all_sent(database))
        came = Counter(one.message_id for one in server.received)
    await database.close()
    assert len(came) == BULK, "nothing is lost"
    assert {message_id for message_id, times in came.items() if times > 1} == sending
    assert max(came.values()) == 2
    assert not sent & sending
