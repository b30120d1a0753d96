"""An outbox, a runner and a way out, as a server has them; looks and time are the test's."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from room_server.ids import MailId
from room_server.jobs.rules import Policy
from room_server.jobs.service import Jobs
from room_server.mail.delivery import Delivery
from room_server.mail.message import Address, Message
from room_server.mail.outbox import JOB_KIND, Outbox
from room_server.mail.sending import POLICY, Sending
from room_server.mail.server import sender_of, server_of
from room_server.mail.smtp import SmtpDelivery
from room_server.mail.store import Mail
from room_server.storage import Database
from tests.jobs.work import Node
from tests.kit.clock import FakeClock

SENDER = sender_of("Les salles <salles@example.org>")


def to(email: str, name: str = "", **how: Any) -> Message:
    said: dict[str, Any] = {"language": "en", "subject": "Hello", "text": "Hello.\n", "kind": "test"} | how
    return Message(to=Address(email, name), **said)


def delivery(url: str, trusted: ssl.SSLContext | None = None, timeout_s: float = 20) -> SmtpDelivery:
    return SmtpDelivery(server_of(url), SENDER, timeout_s, trusted)


class Post:
    """Everything between `add` and the server."""

    def __init__(self, database: Database, clock: FakeClock, way: Delivery, policy: Policy = POLICY) -> None:
        self.database = database
        self.clock = clock
        self.jobs = Jobs(database)
        self.outbox = Outbox(database, self.jobs, "rooms.example.org")
        self.node = Node(database, clock)
        sending = Sending(database, way)
        self.node.runner.handle(JOB_KIND, sending.send, policy, sending.given_up)

    async def add(self, *messages: Message, **how: Any) -> list[MailId]:
        async with self.database.transaction() as tx:
            return [await self.outbox.add(tx, message, **how) for message in messages]

    async def look(self) -> None:
        """Send what can be sent now."""
        runner = self.node.runner
        await runner.look()
        while runner._held():
            await self.node.rest()
            await runner.look()

    async def mail(self, mail_id: MailId) -> Mail:
        found = await self.outbox.mail(mail_id)
        assert found is not None
        return found

    async def states(self, mail_ids: Sequence[MailId]) -> set[str]:
        return {(await self.mail(mail_id)).state.value for mail_id in mail_ids}


@asynccontextmanager
async def post(database: Database, clock: FakeClock, way: Delivery, **how: Any) -> AsyncIterator[Post]:
    """Close what is open at the end of the block."""
    one = Post(database, clock, way, **how)
    try:
        yield one
    finally:
        await one.node.runner.close(0)
        await way.close()
