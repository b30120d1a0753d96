"""Sending: the handler of the outbox's jobs.  What is promised stands in `outbox.py`."""

from __future__ import annotations

import asyncio
import re

import structlog

from room_server.errors import Refused
from room_server.ids import MailId
from room_server.jobs.rules import Away, Dead, Job, Policy, Retry
from room_server.mail import store
from room_server.mail.delivery import Delivery, Never, NotNow, Unreachable
from room_server.mail.store import MailState
from room_server.storage import Database, Transaction

POLICY = Policy(at_once=4, tries=40, first_pause_s=30.0, longest_pause_s=3_600.0)
"""Forty tries are about a day and a half; an outage of the whole server spends none."""
AFTER_TROUBLE_S = 1.0

_CODE = re.compile(r"[245]\d\d(?:[ -][245]\.\d{1,3}\.\d{1,3})?")

_log = structlog.get_logger(__name__)


class Sending:
    """Hands over what the outbox holds."""

    def __init__(self, database: Database, delivery: Delivery) -> None:
        self._database = database
        self._delivery = delivery

    async def send(self, job: Job) -> None:
        """Hand the job's mail over, unless it was sent or cancelled; what happened stands in its row."""
        mail_id = MailId(job.payload["mail_id"])
        async with self._database.reading() as reading:
            mail = await store.one(reading, mail_id)
        if mail is None:
            raise Dead("the mail is gone")
        if mail.state in (MailState.SENT, MailState.CANCELLED):
            return

        async def may_begin() -> bool:
            return await self._database.transact(lambda tx: store.begin(tx, mail_id))

        try:
            answer = await self._delivery.hand_over(mail, may_begin)
        except Unreachable as away:
            await self._note(mail_id, MailState.WAITING, str(away))
            raise Away(str(away)) from None
        except NotNow as later:
            await self._note(mail_id, MailState.WAITING, str(later))
            raise Retry(_code(str(later))) from None
        except Never as refused:
            await self._note(mail_id, MailState.FAILED, str(refused))
            raise Dead(_code(str(refused))) from None
        if answer is not None:
            await self._note(mail_id, MailState.SENT, answer)

    async def given_up(self, tx: Transaction, job: Job) -> None:
        """Let the mail of a dead job be failed; what the server said last stays."""
        await store.give_up(tx, MailId(job.payload["mail_id"]))

    async def _note(self, mail_id: MailId, state: MailState, answer: str) -> None:
        """Write how it ended; an answer that the database refuses now it takes later, not a second mail."""
        while True:
            try:
                return await self._database.transact(lambda tx: store.end(tx, mail_id, state, answer))
            except Refused as refused:
                _log.warning("mail_end_waits", mail=mail_id, code=refused.code)
                await asyncio.sleep(AFTER_TROUBLE_S)


def _code(answer: str) -> str:
    """Return the code of an answer: its words often repeat the address, and jobs are listed to operators."""
    found = _CODE.match(answer)
    return found[0] if found else answer
