"""A client of our own that speaks the protocol by hand and keeps every byte it was sent.

Engine.IO 4 and Socket.IO 5 in thirty lines: what `docs/protocol.md` promises to authors of other clients.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self

import aiohttp

from tests.kit.patience import PATIENCE_S
from tests.room.waiting import until

NAMESPACE = "/room"


class ConnectRefused(Exception):
    """The server answered the connection with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["message"]
        self.data = error.get("data")


class RawClient:
    """One connection.  `notices` holds what was told, in order; `received` every byte that came."""

    def __init__(self, http: aiohttp.ClientSession, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self.ws = ws
        self.notices: list[tuple[str, Any]] = []
        self.received = bytearray()
        self.disconnected = asyncio.Event()
        self.answers_pings = True
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def open(cls, url: str, headers: dict[str, str] | None = None) -> Self:
        """A socket that has not connected to the namespace yet."""
        http = aiohttp.ClientSession()
        ws = await http.ws_connect(
            f"{url}/socket.io/?EIO=4&transport=websocket", headers=headers, max_msg_size=0, compress=0
        )
        return cls(http, ws)

    @classmethod
    async def connect(cls, url: str, ticket: object, headers: dict[str, str] | None = None) -> Self:
        """Connected with a ticket.  Raise `ConnectRefused`."""
        client = await cls.open(url, headers)
        await client.send_text(f"40{NAMESPACE},{json.dumps({'ticket': ticket})}")
        try:
            async with asyncio.timeout(PATIENCE_S):
                await client._connected
        except ConnectRefused:
            await client.close()
            raise
        return client

    async def request(self, event: str, payload: object = None) -> Any:
        """The acknowledgement of one request."""
        number = len(self._acks)
        self._acks[number] = asyncio.get_running_loop().create_future()
        arguments = [event] if payload is None else [event, payload]
        await self.send_text(f"42{NAMESPACE},{number}{json.dumps(arguments)}")
        async with asyncio.timeout(PATIENCE_S):
            return await self._acks[number]

    async def send_text(self, text: str) -> None:
        await self.ws.send_str(text)

    def told(self, event: str) -> list[Any]:
        return [payload for name, payload in self.notices if name == event]

    async def until(self, condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        await until(condition, within_s)

    async def until_told(self, event: str) -> Any:
        """The newest notice of that name, once there is one."""
        await self.until(lambda: bool(self.told(event)))
        return self.told(event)[-1]

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.ws.close()
        await self._http.close()

    async def _read(self) -> None:
        try:
            async for message in self.ws:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.received += message.data.encode()
                    await self._take(message.data)
        finally:
            self.disconnected.set()

    async def _take(self, text: str) -> None:
        if text == "2" and not self.answers_pings:
            return
        if text == "2":
            await self.send_text("3")
        elif text == "1":
            await self.ws.close()
        elif text.startswith(f"40{NAMESPACE},"):
            if not self._connected.done():
                self._connected.set_result(None)
        elif text.startswith(f"44{NAMESPACE},"):
            self._connected.set_exception(ConnectRefused(json.loads(text.split(",", 1)[1])))
        elif text.startswith(f"42{NAMESPACE},"):
            event, payload = json.loads(text.split(",", 1)[1])
            self.notices.append((event, payload))
        elif text.startswith(f"43{NAMESPACE},"):
            body = text.split(",", 1)[1]
            start = body.index("[")
            waiting = self._acks.get(int(body[:start]))
            if waiting is not None:
                waiting.set_result(json.loads(body[start:])[0])
        elif text.startswith(f"41{NAMESPACE},"):
            self.disconnected.set()
