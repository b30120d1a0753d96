"""A Socket.IO connection to `/room`, as thin as hundreds of them beside the server ask for.

Engine.IO 4 over one websocket: `0` open, `2` and `3` ping and pong, `4` a Socket.IO packet; of those `0`
connected, `1` disconnected, `2` event, `3` acknowledgement, `4` refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp

NAMESPACE = "/room"


class Refused(Exception):
    """The server said no, with its stable code."""


class RoomSocket:
    """Connected on return of `connect`; `snapshot()` waits for the first notice."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._next = 0
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._snapshot: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())
        self.notices = 0
        #: Told the raw text of every notice.
        self.hears: Callable[[str], None] | None = None

    @classmethod
    async def connect(cls, http: aiohttp.ClientSession, url: str, ticket: str) -> RoomSocket:
        """Raise `Refused` when the ticket is not taken."""
        address = f"{url.rstrip('/')}/socket.io/?EIO=4&transport=websocket"
        socket = await http.ws_connect(address, max_msg_size=1 << 20)
        self = cls(socket)
        await socket.send_str(f"40{NAMESPACE},{json.dumps({'ticket': ticket})}")
        try:
            await self._connected
        except Refused:
            await self.close()
            raise
        return self

    async def snapshot(self) -> dict[str, Any]:
        return await self._snapshot

    async def request(self, event: str, **payload: object) -> dict[str, Any]:
        """Send one request and return its reply.  Raise `Refused` with the code of an error."""
        number, self._next = self._next, self._next + 1
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        await self._socket.send_str(f"42{NAMESPACE},{number}{json.dumps([event, payload])}")
        [answer] = await reply
        if "error" in answer:
            raise Refused(f"{event}: {answer['error']['code']}: {answer['error'].get('detail')}")
        return dict(answer["ok"])

    async def close(self) -> None:
        await self._socket.close()
        await asyncio.wait([self._reading])

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._hear(message.data)
        lost = ConnectionError("the connection is closed")
        waiting: list[asyncio.Future[Any]] = [self._connected, self._snapshot, *self._replies.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(lost)
                future.exception()

    async def _hear(self, text: str) -> None:
        if text == "2":
            await self._socket.send_str("3")
        elif text.startswith(f"42{NAMESPACE},["):
            self._notice(text)
        elif text.startswith(f"43{NAMESPACE},"):
            number, _, rest = text.removeprefix(f"43{NAMESPACE},").partition("[")
            self._replies.pop(int(number)).set_result(json.loads("[" + rest))
        elif text.startswith(f"40{NAMESPACE}"):
            self._connected.set_result(None)
        elif text.startswith(f"44{NAMESPACE}"):
            self._connected.set_exception(Refused(text))

    def _notice(self, text: str) -> None:
        self.notices += 1
        if self.hears is not None:
            self.hears(text)
        # Of the notices only the snapshot is decoded: the others would cost the driver more than the server.
        if not self._snapshot.done() and text.startswith(f'42{NAMESPACE},["room.snapshot"'):
            self._snapshot.set_result(json.loads(text.removeprefix(f"42{NAMESPACE},"))[1])
