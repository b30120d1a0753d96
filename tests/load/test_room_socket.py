"""The thin Socket.IO client understands a real Socket.IO server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.load.room_socket import Refused, RoomSocket


class _Room(socketio.AsyncNamespace):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("/room")
        self.gone = asyncio.Event()

    async def on_connect(self, sid: str, _: object, auth: dict[str, str]) -> None:
        if auth["ticket"] != "good":
            raise socketio.exceptions.ConnectionRefusedError("ticket_invalid")
        await self.emit("room.count", {"count": 1}, to=sid)
        await self.emit("room.snapshot", {"slots": {"audio": 4, "video": 4}}, to=sid)

    async def trigger_event(self, event: str, *arguments: Any) -> Any:
        if event == "media.offer":
            return {"ok": {"sdp": arguments[1]["sdp"].upper()}}
        if event == "session.start":
            return {"error": {"code": "not_allowed", "detail": "no"}}
        if event == "disconnect":
            self.gone.set()
            return None
        return await super().trigger_event(event, *arguments)


@pytest.fixture
async def room() -> AsyncIterator[tuple[_Room, str]]:
    server = socketio.AsyncServer(async_mode="aiohttp", transports=["websocket"])
    room = _Room()
    server.register_namespace(room)
    app = web.Application()
    server.attach(app)
    async with TestServer(app) as running:
        yield room, str(running.make_url("/"))
        await server.shutdown()


async def test_the_snapshot_comes_first_and_requests_are_answered(room: tuple[_Room, str]) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await RoomSocket.connect(http, room[1], "good")
        assert (await socket.snapshot())["slots"] == {"audio": 4, "video": 4}
        assert await socket.request("media.offer", sdp="v=0") == {"sdp": "V=0"}
        assert socket.notices == 2
        await socket.close()
        async with asyncio.timeout(5):
            await room[0].gone.wait()


async def test_a_refused_request_raises_its_code(room: tuple[_Room, str]) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await RoomSocket.connect(http, room[1], "good")
        with pytest.raises(Refused, match="not_allowed"):
            await socket.request("session.start")
        await socket.close()


async def test_a_refused_ticket_raises(room: tuple[_Room, str]) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(Refused, match="ticket_invalid"):
            await RoomSocket.connect(http, room[1], "bad")
