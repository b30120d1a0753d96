"""python-socketio's server with habits of its own, each for a reason.

- It stands on `engine_io`, which keeps and wakes less for each connection.
- No connection has a room of its own: who leaves would be looked for in those of all the others.
- A socket that connects to nothing is closed: it would otherwise live as long as it answers pings.
- A broken packet closes the socket that sent it, and is logged in a line: the library logs a stack trace for
  each and goes on, or leaves a socket half open.  Packets may not be named like the library's own events.
- Nothing is compressed: it would cost every reader of a notice a pass of their own, and 300 kB of memory.

Invariant: when the transport of a socket is gone, its `disconnect` event has happened.
"""

from __future__ import annotations

import asyncio
from typing import Any

import socketio
import structlog
from aiohttp import web

from signaling.engine_io import EngineServer
from signaling.fanout import NAMESPACE

_log = structlog.get_logger(__name__)

_RESERVED = ("connect", "disconnect", "*")


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """`connect_s`: how long a socket may take to connect to the namespace."""

    def __init__(self, connect_s: float, **options: Any) -> None:
        super().__init__(client_manager=_Manager(), **options)
        self._connect_s = connect_s

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    async def _handle_eio_connect(self, eio_sid: str, request: web.Request) -> None:
        await super()._handle_eio_connect(eio_sid, request)
        asyncio.get_running_loop().call_later(self._connect_s, self._cut_if_idle, eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:
            # Handlers answer for their own errors, so this is the packet's.
            _log.warning("broken_packet", error=type(error).__name__)
            self._cut(eio_sid)

    async def _handle_event(self, eio_sid: str, namespace: str, id: int | None, data: Any) -> None:
        if not data or not isinstance(data[0], str) or data[0] in _RESERVED:
            raise ValueError("not the name of an event")
        await super()._handle_event(eio_sid, namespace, id, data)

    def _cut_if_idle(self, eio_sid: str) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, NAMESPACE) is None:
            self._cut(eio_sid)

    def _cut(self, eio_sid: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            socket.cut()


class _Manager(socketio.AsyncManager):  # type: ignore[misc]
    """Knows who is connected; `fanout` knows whom to tell."""

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        if room != sid:
            super().basic_enter_room(sid, namespace, room, eio_sid)
