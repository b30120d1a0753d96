"""The chat log of a session that is over: what was written, by whom, when, and how far into the session.

Invariant: hosts alone read it, and only once the session can gain no more messages.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from room_server.access.rules import PageState, Role
from room_server.access.service import LinkView
from room_server.events.rules import ChatMode, Session
from room_server.room import store
from room_server.room.chat import Message
from room_server.storage import Database

Say = Callable[[str], str]
"""Words a key of the page's catalogue."""

COLUMNS = ("at", "position", "author", "role", "state", "text")
_OVER = (PageState.OVER, PageState.CANCELLED)
_BYTE_ORDER_MARK = "\ufeff"
_FORMULA = tuple("=+-@\t\r＝＋－＠")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message; `position_s` counts from the start of the session, None for what was written before."""

    message: Message
    position_s: int | None


@dataclass(frozen=True, slots=True)
class ChatLog:
    """Every message of a session, in order."""

    session: Session
    entries: Sequence[Entry]


class ChatLogs:
    """Reads the logs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, view: LinkView) -> ChatLog | None:
        """Return what the link's person may read: None for whoever is no host, or while the session runs.

        A session without chat in which nobody wrote has no log (AUT-27).
        """
        link, session = view.link, view.session
        if link is None or session is None or link.role is not Role.HOST or view.state not in _OVER:
            return None
        async with self._database.reading() as reading:
            messages = await store.all_messages(reading, session.session_id)
        if not messages and session.chat_mode is ChatMode.NONE:
            return None
        return ChatLog(session, entries(messages, session.started_at))


def entries(messages: Iterable[Message], started_at: datetime | None) -> tuple[Entry, ...]:
    """Return the messages with their place in the session."""
    return tuple(Entry(message, _position_s(message.sent_at, started_at)) for message in messages)


def position(entry: Entry) -> str:
    """Return "0:12:04"; nothing for what was written before the start."""
    if entry.position_s is None:
        return ""
    minutes, seconds = divmod(entry.position_s, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def as_csv(log: ChatLog, say: Say) -> str:
    """Return the log for spreadsheets: UTF-8 with its mark, times in the session's zone
    with their offset (ISO 8601).

    What a spreadsheet would calculate is made text by an apostrophe before it.
    """
    zone = ZoneInfo(log.session.time_zone)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([say(f"log.column.{column}") for column in COLUMNS])
    for entry in log.entries:
        message = entry.message
        cells = (
            message.sent_at.astimezone(zone).isoformat(timespec="seconds"),
            position(entry),
            message.author_name,
            say("log.team" if message.by_team else "log.participant"),
            say(f"log.state.{message.state.value}"),
            message.text,
        )
        writer.writerow([_harmless(cell) for cell in cells])
    return _BYTE_ORDER_MARK + file.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA) else cell


def _position_s(sent_at: datetime, started_at: datetime | None) -> int | None:
    if started_at is None or sent_at < started_at:
        return None
    return int((sent_at - started_at).total_seconds())
