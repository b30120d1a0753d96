"""`room-server session`: what an operator does with sessions at the terminal.

A server may be running on the same data: the rows are written, and it heeds them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from room_server.events.rules import Session
from room_server.events.service import Events
from room_server.http.texts import texts
from room_server.ids import SessionId
from room_server.storage import Database

Print = Callable[[str], None]


async def list_sessions(database_path: Path, language: str, say: Print) -> None:
    """Print a line a session.  Raises `Refused`: `no_database` and as `Database.attach`."""
    database = await Database.attach(database_path)
    try:
        sessions = await Events(database).all()
    finally:
        await database.close()
    for session in sessions:
        say(_line(session, language))


async def cancel(database_path: Path, session_id: str, language: str, say: Print) -> None:
    """Cancel and say so.  Raises `Refused`: `unknown_session`, `session_over`, and as `list_sessions`."""
    database = await Database.attach(database_path)
    try:
        session = await Events(database).cancel(SessionId(session_id))
    finally:
        await database.close()
    say(texts().page("session.cancelled", language, title=session.title or session.event_title))


def _line(session: Session, language: str) -> str:
    starts_at = session.starts_at.astimezone(ZoneInfo(session.time_zone))
    state = texts().page(f"session.state.{session.state.value}", language)
    title = session.title or session.event_title
    return f"{session.session_id}  {state:<12} {starts_at:%Y-%m-%d %H:%M} {session.time_zone}  {title}"
