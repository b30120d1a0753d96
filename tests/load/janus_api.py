"""Janus's websocket API, as far as watching a mountpoint of its streaming plugin needs it.

    create ──► session      attach ──► handle of a viewer
    watch (handle) ──► ack … event with the offer      start (handle, answer) ──► ack … event

Replies carry the transaction of their request; so does the event which a request led to.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from typing import Any

import aiohttp

PLUGIN = "janus.plugin.streaming"
_KEEP_ALIVE_S = 20.0


class JanusError(Exception):
    """Janus said no."""


class JanusSession:
    """One websocket with one session, whose handles are the viewers."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._session: int | None = None
        self._tasks = [asyncio.create_task(self._read())]

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, url: str) -> JanusSession:
        self = cls(await http.ws_connect(url, protocols=("janus-protocol",), max_msg_size=1 << 20))
        self._session = int((await self._ask(janus="create"))["data"]["id"])
        self._tasks.append(asyncio.create_task(self._keep_alive()))
        return self

    async def attach(self) -> int:
        """Return a new handle on the streaming plugin."""
        return int((await self._ask(janus="attach", plugin=PLUGIN))["data"]["id"])

    async def watch(self, handle: int, mountpoint: int) -> str:
        """Return Janus's offer."""
        event = await self._message(handle, {"request": "watch", "id": mountpoint})
        return str(event["jsep"]["sdp"])

    async def start(self, handle: int, answer: str) -> None:
        """Give the viewer's answer and start the stream."""
        await self._message(handle, {"request": "start"}, jsep={"type": "answer", "sdp": answer})

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._socket.close()

    async def _message(self, handle: int, body: dict[str, Any], **more: object) -> dict[str, Any]:
        return await self._ask(janus="message", handle_id=handle, body=body, **more)

    async def _ask(self, **request: object) -> dict[str, Any]:
        """Return the reply, for a message the event that follows its ack.  Raise `JanusError`."""
        transaction = str(next(self._numbers))
        replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._waiting[transaction] = replies
        session = {} if self._session is None else {"session_id": self._session}
        try:
            await self._socket.send_str(json.dumps({**request, **session, "transaction": transaction}))
            while (reply := refuse_errors(await replies.get()))["janus"] == "ack":
                continue
            return reply
        finally:
            del self._waiting[transaction]

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                said = json.loads(message.data)
                if (replies := self._waiting.get(said.get("transaction", ""))) is not None:
                    replies.put_nowait(said)
        for replies in self._waiting.values():
            replies.put_nowait({"janus": "error", "error": {"reason": "the connection is closed"}})

    async def _keep_alive(self) -> None:
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(_KEEP_ALIVE_S)
                request = {"janus": "keepalive", "session_id": self._session, "transaction": "alive"}
                await self._socket.send_str(json.dumps(request))


def refuse_errors(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the reply, or raise `JanusError` with the core's or the plugin's reason."""
    if reply["janus"] == "error":
        raise JanusError(str(reply["error"]["reason"]))
    data = reply.get("plugindata", {}).get("data", {})
    if "error" in data:
        raise JanusError(str(data["error"]))
    return reply
