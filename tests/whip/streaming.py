"""A player and a program of another make (aiortc) that speak WHEP and WHIP to a whole server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiortc import MediaStreamTrack, RTCSessionDescription

from room_server.access.rules import Admission, Link, Role
from room_server.events.rules import Session
from room_server.room.live import Room
from tests.kit.patience import PATIENCE_S
from tests.kit.server import Reply, ServerUnderTest
from tests.media.engine_peers import Peer

SDP = "application/sdp"
NEW_NAMES = "a=ice-ufrag:anew\r\na=ice-pwd:0123456789012345678901234\r\n"
FRAGMENT = "application/trickle-ice-sdpfrag"
PLAYER = "VLC/3.0.21 LibVLC/3.0.21"


class Stream(Peer):
    """One connection by WHEP or WHIP; `post` it, then `accept` the answer."""

    def __init__(self, server: ServerUnderTest) -> None:
        super().__init__()
        self.server = server
        self.reply: Reply

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def post(self, way: str, link: Link, query: str = "", agent: str = PLAYER) -> Reply:
        path = f"/api/{way}/{self.server.token(link)}{query}"
        headers = {"Content-Type": SDP, "User-Agent": agent}
        self.reply = await self.server.ask("POST", path, data=await self.offer(), headers=headers)
        return self.reply

    async def accept(self) -> None:
        assert self.reply.status == 201, self.reply.text
        await self.connection.setRemoteDescription(RTCSessionDescription(self.reply.text, "answer"))

    async def watch(self, link: Link, query: str = "") -> None:
        """Watch with a slot of each kind, as most players do."""
        self.receive(1, 1)
        await self.post("whep", link, query)
        await self.accept()

    async def send(self, link: Link, *tracks: MediaStreamTrack) -> None:
        """Publish to the stage."""
        self.publish(*tracks)
        await self.post("whip", link)
        await self.accept()

    @property
    def path(self) -> str:
        return str(self.reply.headers["Location"]).removeprefix(self.server.url)

    async def patch(self, text: str, match: str | None, **headers: str) -> Reply:
        condition = {} if match is None else {"If-Match": match}
        told = {"Content-Type": FRAGMENT, **condition, **headers}
        return await self.server.ask("PATCH", self.path, data=text, headers=told)

    async def delete(self) -> Reply:
        return await self.server.ask("DELETE", self.path)


@asynccontextmanager
async def streams(server: ServerUnderTest, count: int = 1) -> AsyncIterator[list[Stream]]:
    """Streams that go away at the end."""
    opened = [Stream(server) for _ in range(count)]
    try:
        yield opened
    finally:
        await asyncio.gather(*(one.leave() for one in opened))


def room_of(server: ServerUnderTest, session: Session) -> Room | None:
    return server.running.rooms._rooms.here(session.session_id)


def people(server: ServerUnderTest, session: Session) -> list[str]:
    """Who is in the room, by name."""
    room = room_of(server, session)
    return [] if room is None else [member.name for member in room.state.roster.members.values()]


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what only looking can tell."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (a room tells sockets, and there is none)
            await asyncio.sleep(0.02)


async def host_in(server: ServerUnderTest, session: Session) -> Admission:
    """A host in the room, who has put it on air."""
    link = await server.link(session, Role.HOST, "Hal")
    access, rooms = server.running.access, server.running.rooms
    reply = await server.join(link, "the-host")
    host = await access.redeem(reply.body["ticket"])
    await rooms.admitted(host)
    await rooms.hosting.start(host)
    return host
