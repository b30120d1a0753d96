"""The outbox: mail is a row in the transaction of what it tells, and leaves after its commit.

    add ──► WAITING ──► SENDING ─┬─► SENT      the server took it, and its answer was committed
              │ ▲                ├─► WAITING   not now (4xx, no connection): later, with the same Message-ID
              │ └────────────────┘─► FAILED    never (5xx), or the last try failed; its job may be retried
              └──► CANCELLED

What is promised, and what is not:
- A message is lost in no case: its row and its job are committed with what it tells.
- It is handed over once.  The one exception is a message in the very moment between the end of its text and
  the commit of the server's answer, when the process dies or the connection breaks: then nobody can know
  whether the server took it, and it is handed over again with the same Message-ID (RFC 5321, section 4.1.1.4;
  many servers drop the second).
- After `cancel` is committed no hand-over begins; those that have begun are counted by `under_way`, and
  `settled` waits for them, so that whoever awaits it before acknowledging keeps the whole promise.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from room_server import ids
from room_server.ids import MailId
from room_server.jobs.service import Jobs
from room_server.mail import store
from room_server.mail.message import Message
from room_server.mail.store import Mail, MailState
from room_server.storage import Database, Transaction

JOB_KIND = "mail"
SETTLES_EVERY_S = 0.05


class Outbox:
    """Where features leave their mail.  `domain` is what Message-IDs end with."""

    def __init__(self, database: Database, jobs: Jobs, domain: str) -> None:
        self._database = database
        self._jobs = jobs
        self._domain = domain

    async def add(
        self,
        tx: Transaction,
        message: Message,
        *,
        due: datetime | None = None,
        key: str | None = None,
        group: str | None = None,
    ) -> MailId:
        """Leave `message` to be sent at `due`, or as soon as `tx` is committed.

        A `key` makes one mail however often it is added: the one that is there is returned and stays as it
        is.  `group` names what is cancelled together ("session:ID").
        """
        mail_id = MailId(ids.new())
        mail = Mail(
            mail_id=mail_id,
            message=message,
            message_id=f"<{mail_id}@{self._domain}>",
            key=key,
            group=group,
            state=MailState.WAITING,
            attempts=0,
            answer=None,
            due_at=due or tx.now,
            created_at=tx.now,
            handed_at=None,
            sent_at=None,
            cancelled_at=None,
        )
        if not await store.add(tx, mail):
            assert key is not None, "identifiers do not repeat"
            there = await store.id_of_key(tx, key)
            assert there is not None, "its key is taken"
            return there
        payload = {"mail_id": mail_id}
        await self._jobs.add(tx, JOB_KIND, payload, due=due, workspace_id=message.workspace_id)
        return mail_id

    def hint(self) -> None:
        """Let what was committed leave at once; without, it does within a second."""
        self._jobs.hint()

    async def cancel(self, tx: Transaction, group: str) -> int:
        """Cancel what of `group` was not sent; return how many messages now never leave."""
        return await store.cancel(tx, group)

    async def settled(self, group: str) -> None:
        """Return when no hand-over of `group` is under way; each takes a connection's time-out at most."""
        while True:
            async with self._database.reading() as reading:
                if not await store.under_way(reading, group):
                    return
            await asyncio.sleep(SETTLES_EVERY_S)

    async def mail(self, mail_id: MailId) -> Mail | None:
        async with self._database.reading() as reading:
            return await store.one(reading, mail_id)
