"""A node's rooms behind real sockets on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from room_server.access.rules import Admission, Link, Role, TakeOver
from room_server.events.rules import Session
from room_server.http.address import Addresses
from room_server.http.limits import TicketRate
from room_server.ids import SessionId
from signaling.fanout import SocketFanout
from signaling.server import Patience, Signalling, create
from tests.room.world import World, world
from tests.signaling.raw_client import RawClient

NEVER_S = 3_600
"""Longer than any test."""


def say(code: str, language: str, facts: Mapping[str, object]) -> str:
    """Words an error as its code and facts, so that tests see what reached the catalogue."""
    return f"{language}:{code}:{','.join(f'{name}={value}' for name, value in facts.items())}"


@dataclass
class Served:
    """The world behind the sockets, and who is connected."""

    world: World
    url: str
    signalling: Signalling
    clients: list[RawClient] = field(default_factory=list)

    def members(self, session_id: SessionId) -> list[Admission]:
        """Whom the room counts as here."""
        room = self.world.rooms._rooms.here(session_id)
        return list(room.state.roster.members.values()) if room else []

    async def link(
        self, session: Session | SessionId, name: str, role: Role = Role.PARTICIPANT, language: str = "en"
    ) -> Link:
        session_id = session.session_id if isinstance(session, Session) else session
        return await self.world.access.issue_link(session_id, name, role, language)

    async def ticket(self, link: Link, device_key: str = "key") -> str:
        token = self.world.access.token(link)
        taken = await self.world.access.take_seat(token, device_key, TakeOver.MOVE, "Firefox on Linux")
        return taken.ticket

    async def connect(self, link: Link, device_key: str = "key") -> RawClient:
        """Join as a client does, and wait for the snapshot."""
        client = await RawClient.connect(self.url, await self.ticket(link, device_key))
        self.clients.append(client)
        await client.until_told("room.snapshot")
        return client

    async def join(self, session: Session, name: str, role: Role = Role.PARTICIPANT) -> RawClient:
        return await self.connect(await self.link(session, name, role))


@asynccontextmanager
async def served(
    folder: Path, patience: Patience | None = None, wrong_tickets_per_minute: int = 1_000
) -> AsyncIterator[Served]:
    fanout = SocketFanout()
    door = TicketRate(wrong_tickets_per_minute, Addresses((), None))
    async with world(folder, fanout) as built:
        signalling = create(built.rooms, built.access, door, fanout, say, patience)
        app = web.Application()
        signalling.attach(app)
        server = TestServer(app)
        await server.start_server()
        here = Served(built, str(server.make_url("")).rstrip("/"), signalling)
        try:
            yield here
        finally:
            for client in here.clients:
                await client.close()
            await signalling.close()
            await server.close()
