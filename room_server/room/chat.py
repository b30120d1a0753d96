"""Chat rules: who may post, what is held back, who sees it.

    post ──┬─────────────► PUBLISHED      open mode, or a host or moderator speaks
           └─► HELD ─┬───► PUBLISHED      approve
                     └───► REJECTED       reject

    posted in     a participant's message       approve
    open          PUBLISHED
    moderated     HELD                          yes, whatever the mode is by then
    reply_later   HELD, collected to the end    never: its author wrote to the team alone
    none          refused, whoever posts

Held messages are a queue: hosts and moderators have the oldest before them, and one decided lets the next in.

Invariant: a message that is not PUBLISHED is seen by its author and moderators only.
"""

from __future__ import annotations

import unicodedata
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from room_server.access.rules import Admission
from room_server.errors import Refused
from room_server.events.rules import ChatMode
from room_server.ids import MessageId, PersonId
from room_server.room.permissions import Action, is_team, require

MAX_TEXT_CHARS = 2_000
HISTORY_MESSAGES = 500
"""How many published messages a snapshot carries, the newest, and how many held ones: a moderator's oldest,
an author's newest."""


class MessageState(StrEnum):
    PUBLISHED = "published"
    HELD = "held"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody wrote, as plain text; `by_team` when they were host or moderator as they wrote.

    `mode` is the chat's as it was posted: what its author was told of who reads it.
    """

    message_id: MessageId
    author_id: PersonId
    author_name: str
    by_team: bool
    text: str
    state: MessageState
    sent_at: datetime
    mode: ChatMode


def clean(text: str) -> str:
    """Return `text` without control characters (line feeds and tabs stay) and without outer space.

    What changes the direction or order of other text goes too.  Raise `Refused` text_empty when nothing
    visible is left, bad_request when it is longer than 2,000 characters.
    """
    kept = "".join(char for char in text.replace("\r\n", "\n") if _is_text(char)).strip()
    if not any(_is_visible_char(char) for char in kept):
        raise Refused("text_empty")
    if len(kept) > MAX_TEXT_CHARS:
        raise Refused("bad_request", facts={"field": "text"})
    return kept


def post(mode: ChatMode, author: Admission, text: str, *, message_id: MessageId, now: datetime) -> Message:
    """Return the new message, HELD or PUBLISHED.  Raise `Refused` chat_closed or text_empty."""
    if mode is ChatMode.NONE:
        raise Refused("chat_closed")
    by_team = is_team(author.role)
    state = MessageState.PUBLISHED if by_team or mode is ChatMode.OPEN else MessageState.HELD
    return Message(message_id, author.person_id, author.name, by_team, clean(text), state, now, mode)


def approve(message: Message, by: Admission) -> Message:
    """Return `message` PUBLISHED.  Raise `Refused` not_allowed, chat_collecting or already_decided."""
    require(by, Action.MODERATE_CHAT)
    if message.mode is ChatMode.REPLY_LATER:
        raise Refused("chat_collecting")
    return _decided(message, MessageState.PUBLISHED)


def reject(message: Message, by: Admission) -> Message:
    """Return `message` REJECTED.  Raise `Refused` not_allowed or already_decided."""
    require(by, Action.MODERATE_CHAT)
    return _decided(message, MessageState.REJECTED)


def is_visible(message: Message, reader: Admission) -> bool:
    """Whether any byte of `message` may reach `reader`."""
    if message.state is MessageState.PUBLISHED:
        return True
    return reader.person_id == message.author_id or is_team(reader.role)


@dataclass(frozen=True, slots=True)
class ChatLog:
    """The chat as a room holds it: the newest published messages and every held one, by `sent_at`."""

    mode: ChatMode
    published: tuple[Message, ...] = ()
    held: tuple[Message, ...] = ()

    def with_message(self, message: Message) -> ChatLog:
        """Return the log after `message` was posted or decided."""
        held = tuple(one for one in self.held if one.message_id != message.message_id)
        if message.state is MessageState.PUBLISHED:
            published = _in_order(self.published, message)[-HISTORY_MESSAGES:]
            return replace(self, held=held, published=published)
        if message.state is MessageState.HELD:
            return replace(self, held=_in_order(held, message))
        return replace(self, held=held)

    @property
    def queue(self) -> tuple[Message, ...]:
        """The held messages that hosts and moderators have before them."""
        return self.held[:HISTORY_MESSAGES]

    def queued_since(self, before: ChatLog) -> tuple[Message, ...]:
        """Return what entered the queue since `before`."""
        known = {message.message_id for message in before.queue}
        return tuple(message for message in self.queue if message.message_id not in known)

    def seen_by(self, reader: Admission) -> ChatLog:
        """Return what `reader` may see of it."""
        if is_team(reader.role):
            return replace(self, held=self.queue)
        visible = tuple(message for message in self.held if is_visible(message, reader))
        return replace(self, held=visible[-HISTORY_MESSAGES:])


def _decided(message: Message, state: MessageState) -> Message:
    if message.state is not MessageState.HELD:
        raise Refused("already_decided")
    return replace(message, state=state)


def _in_order(messages: Iterable[Message], one_more: Message) -> tuple[Message, ...]:
    merged = [message for message in messages if message.message_id != one_more.message_id]
    insort(merged, one_more, key=lambda message: (message.sent_at, message.message_id))
    return tuple(merged)


_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def _is_text(char: str) -> bool:
    if char in "\n\t":
        return True
    return unicodedata.category(char) not in ("Cc", "Cs", "Cn") and char not in _REORDERING


def _is_visible_char(char: str) -> bool:
    return unicodedata.category(char) not in ("Cf", "Zs", "Zl", "Zp", "Cc", "Mn")
