"""A whole server in this process, on loopback ports, with builders for what it holds.

async with start_server(tmp_path) as server:
    session = await server.session(starts_in_s=-60)
    link = await server.link(session)
    reply = await server.join(link)
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web_app

from room_server.access.rules import Link, Role
from room_server.clock import wall_now
from room_server.config import Settings
from room_server.events.rules import ChatMode, RoomType, SeatPolicy, Session
from room_server.events.service import EventPlan, SessionPlan
from room_server.main import RoomServer
from room_server.occasion import SERVING, Occasion
from tests.kit.database import migrated

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any
    """The JSON of the answer, None when it has none."""


class ServerUnderTest:
    """A running server with what tests ask of it."""

    def __init__(self, running: RoomServer, http: aiohttp.ClientSession) -> None:
        self.running = running
        self.http = http

    @property
    def url(self) -> str:
        return self.running.url

    # ---- building what it holds

    async def session(
        self,
        *,
        starts_in_s: float = 0,
        room_type: RoomType = RoomType.LIVE,
        planned_length_s: float = 3_600,
        chat_mode: ChatMode = ChatMode.OPEN,
        seat_policy: SeatPolicy = SeatPolicy.MOVE,
        opens_before_s: int = 900,
        event_title: str = "Learning the new planner",
        title: str | None = None,
        time_zone: str = "Europe/Paris",
    ) -> Session:
        """Plan a session of an event of its own; it starts `starts_in_s` from the database's now."""
        workspace = await self.running.workspaces.create("A workspace")
        plan = EventPlan(title=event_title, opens_before_s=opens_before_s, seat_policy=seat_policy)
        event = await self.running.events.create_event(workspace, plan)
        return await self.running.events.create_session(
            event,
            SessionPlan(
                room_type=room_type,
                starts_at=self.running.database.wall() + timedelta(seconds=starts_in_s),
                time_zone=time_zone,
                planned_length_s=planned_length_s,
                title=title,
                chat_mode=chat_mode,
            ),
        )

    async def link(
        self, session: Session, role: Role = Role.PARTICIPANT, name: str = "Camille", language: str = "en"
    ) -> Link:
        return await self.running.access.issue_link(session.session_id, name, role, language)

    async def open_link(self, **kind: Any) -> Link:
        """Return a participant's link of a session whose room is open."""
        return await self.link(await self.session(**kind))

    def token(self, link: Link) -> str:
        return self.running.access.token(link)

    def address(self, link: Link) -> str:
        return f"{self.url}/a/{self.token(link)}"

    # ---- asking over HTTP

    async def join(
        self, link: Link, device_key: str = "a-laptop", *, take_over: bool = False, agent: str = FIREFOX
    ) -> Reply:
        """Press *Join*."""
        body = {"token": self.token(link), "device_key": device_key, "take_over": take_over}
        return await self.ask("POST", "/api/join", json=body, headers={"User-Agent": agent})

    async def ask(self, method: str, path: str, **kind: Any) -> Reply:
        async with self.http.request(method, self.url + path, allow_redirects=False, **kind) as reply:
            text = await reply.text()
            body = await reply.json(content_type=None) if "json" in reply.content_type and text else None
            return Reply(reply.status, reply.headers, text, body)


@asynccontextmanager
async def start_server(
    folder: Path,
    *,
    wall: Callable[[], datetime] = wall_now,
    occasion: Occasion = SERVING,
    **overrides: Any,
) -> AsyncIterator[ServerUnderTest]:
    """Run a server on `folder`; `overrides` are fields of `Settings`, `wall` the database's clock."""
    settings: dict[str, Any] = {
        "data_dir": folder / "data",
        "port": 0,
        "udp_port": 0,
        "metrics_port": 0,
        "media_shards": 1,
        "drain_s": 1.0,
    }
    chosen = Settings(**settings | overrides)
    await _furnish(chosen)
    running = await RoomServer.start(chosen, wall, occasion)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            yield ServerUnderTest(running, http)
    finally:
        await running.close()
        # aiohttp remembers every application that answered, and with it the server and its descriptors.
        web_app._cached_build_middleware.cache_clear()


async def _furnish(settings: Settings) -> None:
    """Give a new data folder its tables, which would take a process of their own."""
    if not settings.data_dir.exists():
        settings.data_dir.mkdir(mode=0o700, parents=True)
        shutil.copy(await migrated(), settings.database_path)
