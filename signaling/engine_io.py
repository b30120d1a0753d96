"""Engine.IO 4 over a websocket and nothing else: what Socket.IO stands on.

    GET /socket.io/ ──► open ──► messages, a ping every `ping_interval` s ──► closed by either side
                                  └── no answer within `ping_timeout` s, or too much unread: cut off

The library's own socket keeps three tasks, a queue and four timers for each connection, and starts two tasks
for each packet that it reads.  Here a connection is the task that serves its request, and one timer; what is
written goes to the transport as one finished frame, and a notice to many is made into one once.

Invariant: who writes never waits; the `disconnect` event happens exactly once, before the request is over.

Source: the Engine.IO protocol, revision 4; frames by RFC 6455, section 5.2.
"""

from __future__ import annotations

import asyncio
import json

import engineio
import structlog
from aiohttp import WSMessage, WSMsgType, web

_log = structlog.get_logger(__name__)

MOST_UNREAD_BYTES = 512 * 1024
"""What may wait in the server for one reader: half a minute of a lively room."""

_OPEN, _CLOSE, _PING, _PONG, _MESSAGE = "0", "1", "2", "3", "4"
_TEXT, _BINARY = 0x81, 0x82


def message_frame(text: str) -> bytes:
    """The websocket frame of one Engine.IO message, the same for every reader."""
    return _frame(_TEXT, (_MESSAGE + text).encode())


class EngineSocket:
    """One connection.  `write` takes frames, `cut` ends it at once."""

    __slots__ = (
        "_asked_at",
        "_end_reason",
        "_ended",
        "_loop",
        "_request",
        "_server",
        "_sid",
        "_timer",
        "_ws",
    )

    def __init__(
        self, server: EngineServer, sid: str, request: web.Request, ws: web.WebSocketResponse
    ) -> None:
        self._server = server
        self._sid = sid
        self._request = request
        self._ws = ws
        self._loop = asyncio.get_running_loop()
        self._asked_at: float | None = None
        self._ended = False
        self._end_reason = server.reason.TRANSPORT_CLOSE
        self._timer = self._loop.call_later(server.ping_interval, self._beat)

    @property
    def unread_bytes(self) -> int:
        transport = self._request.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def write(self, frame: bytes) -> None:
        """Hand a finished frame to the transport; nothing happens when the connection is closed."""
        transport = self._request.transport
        if transport is not None and not self._ws.closed and not transport.is_closing():
            transport.write(frame)

    def cut(self) -> None:
        """End the connection now, whatever still waits for the reader."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def run(self) -> None:
        """Read until either side closes."""
        try:
            while await self._take(await self._ws.receive()):
                pass
        finally:
            self._timer.cancel()
            # Who waits for the end may be cancelled, the end may not: it frees the seat.
            await asyncio.shield(self._loop.create_task(self._finish()))

    async def _finish(self) -> None:
        await self.end(self._end_reason)
        await self._ws.close()

    async def end(self, reason: str) -> None:
        """Tell of the disconnection, once; what is read from then on is dropped."""
        if not self._ended:
            self._ended = True
            await self._server.handlers["disconnect"](self._sid, reason)

    async def _take(self, message: WSMessage) -> bool:
        """Take one websocket message; say whether more may come."""
        if message.type is WSMsgType.TEXT:
            return self._ended or await self._packet(message.data)
        if message.type is WSMsgType.BINARY:
            if not self._ended:
                await self._server.handlers["message"](self._sid, message.data)
            return True
        return False

    async def _packet(self, text: str) -> bool:
        kind = text[:1]
        if kind == _MESSAGE:
            await self._server.handlers["message"](self._sid, text[1:])
        elif kind == _PONG:
            self._asked_at = None
        elif kind == _CLOSE:
            self._end_reason = self._server.reason.CLIENT_DISCONNECT
            return False
        else:
            _log.warning("broken_packet", error="no Engine.IO packet")
            return False
        return True

    def _beat(self) -> None:
        now = self._loop.time()
        if self._asked_at is None:
            self._asked_at = now
            self.write(_PING_FRAME)
        left_s = self._asked_at + self._server.ping_timeout - now
        if left_s <= 0:
            self._end_reason = self._server.reason.PING_TIMEOUT
            self.cut()
        else:
            self._timer = self._loop.call_later(min(left_s, self._server.ping_interval), self._beat)


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]
    """The part of the library's server that Socket.IO asks for, on `EngineSocket`."""

    def attach(self, app: web.Application, engineio_path: str = "engine.io") -> None:
        app.router.add_get(f"/{engineio_path.strip('/')}/", self.handle_request)

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if query.get("EIO") != "4" or query.get("transport") != "websocket" or "sid" in query:
            return web.Response(status=400, text="Engine.IO 4 is spoken here, over a websocket alone.")
        ws = web.WebSocketResponse(max_msg_size=self.max_http_buffer_size, compress=False)
        await ws.prepare(request)
        sid = self.generate_id()
        socket = EngineSocket(self, sid, request, ws)
        self.sockets[sid] = socket
        try:
            socket.write(self._opening(sid))
            await self.handlers["connect"](sid, request)
            await socket.run()
        finally:
            del self.sockets[sid]
        return ws

    async def send(self, sid: str, data: str | bytes) -> None:
        """Write one message; nothing happens when the socket is gone."""
        socket = self.sockets.get(sid)
        if socket is not None:
            socket.write(message_frame(data) if isinstance(data, str) else _frame(_BINARY, data))

    async def disconnect(self, sid: str | None = None) -> None:
        """Say goodbye to one client; it closes the connection, or is cut off by who called."""
        socket = self.sockets.get(sid)
        if socket is not None:
            await socket.end(self.reason.SERVER_DISCONNECT)
            socket.write(_frame(_TEXT, _CLOSE.encode()))

    def _opening(self, sid: str) -> bytes:
        told = {
            "sid": sid,
            "upgrades": [],
            "pingInterval": self.ping_interval * 1_000,
            "pingTimeout": self.ping_timeout * 1_000,
            "maxPayload": self.max_http_buffer_size,
        }
        return _frame(_TEXT, (_OPEN + json.dumps(told)).encode())


def _frame(opcode: int, payload: bytes) -> bytes:
    """An unmasked, unfragmented frame, as servers send them."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 1 << 16:
        return bytes((opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + size.to_bytes(8, "big") + payload


_PING_FRAME = _frame(_TEXT, _PING.encode())
