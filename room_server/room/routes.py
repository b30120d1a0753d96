"""The chat log of a session that is over, for its hosts: on the page of their link, and as a file.

Invariant: any other link, and anybody without one, gets the same 404 and no byte of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from room_server.access.service import Access, LinkView
from room_server.errors import Refused
from room_server.http import language
from room_server.http.needs import Needs
from room_server.http.operations import Operation, Reply
from room_server.http.texts import DEFAULT_LANGUAGE, texts
from room_server.room.chat import MessageState
from room_server.room.log import ChatLog, ChatLogs, Entry, as_csv, position

MOST_ON_THE_PAGE = 500
CSV = "text/csv"


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the page shows it.  `state` is None for what everyone saw."""

    author: str
    by_team: bool
    text: str
    state: str | None
    at: str
    instant: str
    position: str


@dataclass(frozen=True, slots=True)
class LogOnPage:
    """`more`: how many messages only the file has."""

    lines: tuple[Line, ...]
    more: int
    href: str


class ChatLogRoutes:
    """What the access page shows of the log, and the file."""

    def __init__(self, access: Access, logs: ChatLogs) -> None:
        self._access = access
        self._logs = logs

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="chat_log",
                method="GET",
                path="/a/{token}/chat-log.csv",
                needs=Needs.LINK,
                summary="The chat log of a session that is over, for its hosts",
                handler=self.file,
                parameters={"token": "The secret of a host's link"},
                replies={200: Reply("Every message, with its author, time, position and state", CSV)},
                refusals={404: ("unknown_link",), 503: ("storage_away",)},
            ),
        )

    async def on_page(self, token: str, view: LinkView, reader: str) -> LogOnPage | None:
        """Return what the page of `view` shows its reader; None when that is no host's to read."""
        log = await self._logs.of(view)
        if log is None:
            return None
        shown = log.entries[:MOST_ON_THE_PAGE]
        zone = ZoneInfo(log.session.time_zone)
        lines = tuple(_line(entry, zone, reader) for entry in shown)
        return LogOnPage(lines, len(log.entries) - len(shown), f"/a/{token}/chat-log.csv")

    async def file(self, request: web.Request) -> web.Response:
        """Send the file."""
        view = await self._access.view(request.match_info["token"])
        log = await self._logs.of(view)
        if log is None:
            raise Refused("unknown_link", 404)
        reader = language.of(request, view.link.language if view.link else DEFAULT_LANGUAGE)
        return web.Response(
            text=as_csv(log, lambda key: texts().page(key, reader)),
            content_type=CSV,
            charset="utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{_file_name(log)}"',
                "Content-Language": reader,
            },
        )


def _line(entry: Entry, zone: ZoneInfo, reader: str) -> Line:
    message = entry.message
    published = message.state is MessageState.PUBLISHED
    return Line(
        author=message.author_name,
        by_team=message.by_team,
        text=message.text,
        state=None if published else texts().page(f"log.state.{message.state.value}", reader),
        at=_clock(message.sent_at.astimezone(zone), reader),
        instant=message.sent_at.isoformat(timespec="seconds"),
        position=position(entry),
    )


def _clock(at: datetime, reader: str) -> str:
    return f"{at:%H}\u00a0h\u00a0{at:%M}" if reader == "fr" else f"{at:%H:%M}"


def _file_name(log: ChatLog) -> str:
    day = log.session.starts_at.astimezone(ZoneInfo(log.session.time_zone))
    return f"chat-log-{day:%Y-%m-%d-%H%M}.csv"
