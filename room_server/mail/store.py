"""The mail table: the outbox, and what has become of each message."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, Integer, Row, String, Table, Text, func, select, update

from room_server.ids import MailId, WorkspaceId
from room_server.mail.message import Address, Attachment, Message
from room_server.storage import Instant, Reading, Transaction, insert_new, metadata

mails = Table(
    "mail",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(200), unique=True),
    Column("group", String(200), index=True),
    Column("kind", String(64), nullable=False),
    Column("workspace_id", String(32), index=True),
    Column("language", String(8), nullable=False),
    Column("address", String(320), nullable=False),
    Column("name", String(200), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text),
    Column("headers", JSON, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("message_id", String(320), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", String(300)),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("handed_at", Instant),
    Column("sent_at", Instant),
    Column("cancelled_at", Instant),
    Index("ix_mail_state_sent_at", "state", "sent_at"),
)


class MailState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


_MAY_BE_SENT = (MailState.WAITING.value, MailState.SENDING.value, MailState.FAILED.value)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message in the outbox.  `due_at` is when it was to leave; `answer` the last word of the server."""

    mail_id: MailId
    message: Message
    message_id: str
    key: str | None
    group: str | None
    state: MailState
    attempts: int
    answer: str | None
    due_at: datetime
    created_at: datetime
    handed_at: datetime | None
    sent_at: datetime | None
    cancelled_at: datetime | None


async def add(tx: Transaction, mail: Mail) -> bool:
    """Add `mail`; return False, and change nothing, when one of its key is there."""
    message = mail.message
    row = {
        "id": mail.mail_id,
        "key": mail.key,
        "group": mail.group,
        "kind": message.kind,
        "workspace_id": message.workspace_id,
        "language": message.language,
        "address": message.to.email,
        "name": message.to.name,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "headers": dict(message.headers),
        "attachments": [
            [one.name, one.content_type, base64.b64encode(one.content).decode()]
            for one in message.attachments
        ],
        "message_id": mail.message_id,
        "state": mail.state.value,
        "attempts": mail.attempts,
        "due_at": mail.due_at,
        "created_at": mail.created_at,
    }
    return await tx.change(insert_new(mails), row) == 1


async def one(reading: Reading, mail_id: MailId) -> Mail | None:
    row = (await reading.execute(select(mails).where(mails.c.id == mail_id))).one_or_none()
    return None if row is None else _mail(row)


async def id_of_key(reading: Reading, key: str) -> MailId | None:
    found = await reading.execute(select(mails.c.id).where(mails.c.key == key))
    return found.scalar_one_or_none()


async def sent(reading: Reading, most: int) -> Sequence[Mail]:
    """Return what was handed over, the last at the head."""
    found = await reading.execute(
        select(mails)
        .where(mails.c.state == MailState.SENT.value)
        .order_by(mails.c.sent_at.desc(), mails.c.id.desc())
        .limit(most)
    )
    return [_mail(row) for row in found]


# ---- the hand-over


async def begin(tx: Transaction, mail_id: MailId) -> bool:
    """Mark the hand-over as begun; return False, for good, when it may not begin.

    A row that was cancelled while a former hand-over was under way ends here, too.
    """
    here = mails.c.id == mail_id, mails.c.state.in_(_MAY_BE_SENT)
    await tx.change(
        update(mails).where(*here, mails.c.cancelled_at.is_not(None)).values(state=MailState.CANCELLED.value)
    )
    begun = await tx.change(
        update(mails)
        .where(*here)
        .values(state=MailState.SENDING.value, attempts=mails.c.attempts + 1, handed_at=tx.now)
    )
    return begun == 1


async def end(tx: Transaction, mail_id: MailId, state: MailState, answer: str) -> None:
    """Note how the hand-over ended, or that it did not come to one; what is sent stays so."""
    await tx.change(
        update(mails)
        .where(mails.c.id == mail_id, mails.c.state.in_(_MAY_BE_SENT))
        .values(state=state.value, answer=answer, sent_at=tx.now if state is MailState.SENT else None)
    )
    if state is not MailState.SENT:
        await tx.change(
            update(mails)
            .where(mails.c.id == mail_id, mails.c.state == state.value, mails.c.cancelled_at.is_not(None))
            .values(state=MailState.CANCELLED.value)
        )


async def give_up(tx: Transaction, mail_id: MailId) -> None:
    """Let it be failed, with the answer that it has."""
    here = mails.c.id == mail_id, mails.c.state.in_((MailState.WAITING.value, MailState.SENDING.value))
    await tx.change(
        update(mails).where(*here, mails.c.cancelled_at.is_not(None)).values(state=MailState.CANCELLED.value)
    )
    await tx.change(update(mails).where(*here).values(state=MailState.FAILED.value))


async def cancel(tx: Transaction, group: str) -> int:
    """Cancel what of `group` was not sent; return how many now never begin.

    Of one whose hand-over is under way only the next try is cancelled.
    """
    of_group = mails.c.group == group, mails.c.cancelled_at.is_(None)
    await tx.change(
        update(mails).where(*of_group, mails.c.state == MailState.SENDING.value).values(cancelled_at=tx.now)
    )
    return await tx.change(
        update(mails)
        .where(*of_group, mails.c.state.in_((MailState.WAITING.value, MailState.FAILED.value)))
        .values(state=MailState.CANCELLED.value, cancelled_at=tx.now)
    )


async def under_way(reading: Reading, group: str) -> int:
    """Return how many hand-overs of `group` are under way."""
    found = await reading.execute(
        select(func.count()).where(mails.c.group == group, mails.c.state == MailState.SENDING.value)
    )
    return int(found.scalar_one())


def _mail(row: Row[Any]) -> Mail:
    return Mail(
        mail_id=MailId(row.id),
        message=_message(row),
        message_id=row.message_id,
        key=row.key,
        group=row.group,
        state=MailState(row.state),
        attempts=row.attempts,
        answer=row.answer,
        due_at=row.due_at,
        created_at=row.created_at,
        handed_at=row.handed_at,
        sent_at=row.sent_at,
        cancelled_at=row.cancelled_at,
    )


def _message(row: Row[Any]) -> Message:
    return Message(
        to=Address(row.address, row.name),
        language=row.language,
        subject=row.subject,
        text=row.text,
        html=row.html,
        kind=row.kind,
        workspace_id=None if row.workspace_id is None else WorkspaceId(row.workspace_id),
        headers=row.headers,
        attachments=tuple(
            Attachment(name, content_type, base64.b64decode(content))
            for name, content_type, content in row.attachments
        ),
    )
