"""Socket.IO in and out: who is connected, and their requests handed to `dispatch`.

    connect ──ticket──► redeemed ──► admitted: snapshot first ──► requests, notices ──┬─► disconnect
       └ refused with a code                                                          └─► closing: seat.moved
                                                                                          or seat.removed

Requests of one connection are answered one after the other, in order, so that who asks too much waits alone.

Invariant: a connection that is closing gets its last notice and nothing after it; when `on_closing` returns,
its media and its events have stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

import structlog
from aiohttp import web
from socketio.exceptions import ConnectionRefusedError as SocketRefused

from room_server.access.device import in_language
from room_server.access.rules import Admission, Closing, SeatMovedTo
from room_server.access.service import OnClosing
from room_server.errors import Refused
from room_server.ids import ConnectionId
from room_server.room.notices import SeatMoved, SeatRemoved
from room_server.room.service import RoomService
from signaling.dispatch import Say, answer, internal, refusal
from signaling.fanout import NAMESPACE, Outlet, SocketFanout
from signaling.rate import Rates
from signaling.socket_server import SocketServer
from signaling.tables import REQUESTS
from signaling.wire import MAX_PACKET_BYTES, PING_EVERY_S, PING_TIMEOUT_S

MAX_TICKET_CHARS = 200

_log = structlog.get_logger(__name__)


class Tickets(Protocol):
    """The part of `room_server.access.service.Access` that a connection needs."""

    on_closing: OnClosing

    async def redeem(self, ticket: str) -> Admission: ...
    async def release(self, admission: Admission) -> None: ...


class Door(Protocol):
    """Keeps out addresses that brought too many tickets that admit nobody."""

    async def check(self, request: web.Request) -> None: ...
    async def wrong_ticket(self, request: web.Request) -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a socket may take: to bring its ticket, to answer a ping, to let itself be closed."""

    connect_s: float = 10.0
    ping_every_s: int = PING_EVERY_S
    ping_timeout_s: int = PING_TIMEOUT_S
    close_s: float = 0.5


@dataclass(slots=True)
class Connection:
    """A socket that holds a seat."""

    sid: str
    engine_sid: str
    admission: Admission
    outlet: Outlet
    cut: Callable[[], None]
    rates: Rates = field(default_factory=Rates)
    closing: bool = False
    closed: asyncio.Event | None = None
    """Made by who waits for it: it would be the largest part of most connections."""


def create(
    rooms: RoomService,
    access: Tickets,
    door: Door,
    fanout: SocketFanout,
    say: Say,
    patience: Patience | None = None,
) -> Signalling:
    """Return the signalling of this node, and have `access` close connections through it.

    `fanout` is the one the rooms tell through; `say(code, language, facts)` words an error.  Then `attach` it
    to the application, and `close` it after the rooms.
    """
    signalling = Signalling(rooms, access, door, fanout, say, patience or Patience())
    access.on_closing = signalling.on_closing
    return signalling


class Signalling:
    """The `/room` namespace."""

    def __init__(
        self,
        rooms: RoomService,
        access: Tickets,
        door: Door,
        fanout: SocketFanout,
        say: Say,
        patience: Patience,
    ) -> None:
        self._rooms = rooms
        self._access = access
        self._door = door
        self._fanout = fanout
        self._say = say
        self._patience = patience
        self._connections: dict[ConnectionId, Connection] = {}
        self._by_sid: dict[str, Connection] = {}
        self._server = SocketServer(
            patience.connect_s,
            async_mode="aiohttp",
            transports=["websocket"],
            namespaces=[NAMESPACE],
            async_handlers=False,
            max_http_buffer_size=MAX_PACKET_BYTES,
            ping_interval=patience.ping_every_s,
            ping_timeout=patience.ping_timeout_s,
        )
        self._server.on("connect", self._connect, namespace=NAMESPACE)
        self._server.on("disconnect", self._disconnect, namespace=NAMESPACE)
        self._server.on("*", self._unknown, namespace=NAMESPACE)
        for event in REQUESTS:
            self._server.on(event, self._handler(event), namespace=NAMESPACE)

    def attach(self, app: web.Application) -> None:
        """Serve `/socket.io` on `app`."""
        self._server.attach(app)

    async def close(self) -> None:
        """Close every connection; their clients come back by themselves."""
        await asyncio.gather(*(self._close(one) for one in list(self._connections.values())))

    # ---- coming

    async def _connect(self, sid: str, request: web.Request, auth: object = None) -> None:
        language = _language(request)
        try:
            await self._admit(sid, request, auth)
        except Refused as refused:
            raise self._socket_refused(refusal(refused, language, self._say)) from refused
        except Exception as error:
            raise self._socket_refused(internal("connect", language, self._say)) from error

    async def _admit(self, sid: str, request: web.Request, auth: object) -> None:
        ticket = auth.get("ticket") if isinstance(auth, dict) else None
        if not isinstance(ticket, str) or len(ticket) > MAX_TICKET_CHARS:
            raise Refused("ticket_invalid", 403)
        engine_sid = self._server.manager.eio_sid_from_sid(sid, NAMESPACE)
        socket = self._server.eio.sockets[engine_sid]
        admission = await self._redeem(ticket, request)
        connection = Connection(sid, engine_sid, admission, Outlet(socket), socket.cut)
        self._connections[admission.connection_id] = connection
        self._by_sid[sid] = connection
        self._fanout.add(admission.connection_id, connection.outlet)
        try:
            await self._rooms.admitted(admission)
            if connection.closing:
                raise Refused("ticket_invalid", 403)
        except BaseException:
            await self._gone(connection)
            raise
        # The connection's own acknowledgement is queued in this step of the loop; notices follow in the next.
        asyncio.get_running_loop().call_soon(connection.outlet.open)

    async def _redeem(self, ticket: str, request: web.Request) -> Admission:
        await self._door.check(request)
        try:
            return await self._access.redeem(ticket)
        except Refused as refused:
            if refused.code == "ticket_invalid":
                await self._door.wrong_ticket(request)
            raise

    def _socket_refused(self, ack: dict[str, Any]) -> SocketRefused:
        error = ack["error"]
        return SocketRefused(error["code"], {"code": error["code"], "detail": error["detail"]})

    # ---- asking

    def _handler(self, event: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def handle(sid: str, *arguments: Any) -> dict[str, Any]:
            return await self._request(sid, event, arguments)

        return handle

    async def _request(self, sid: str, event: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
        connection = self._by_sid.get(sid)
        if connection is None:
            return refusal(Refused("seat_moved"), "en", self._say)
        who = connection.admission
        wait_s = connection.rates.take(event, monotonic())
        if wait_s > 0:
            if connection.rates.flooding:
                _log.warning("flood_cut_off", connection=who.connection_id)
                connection.cut()
            facts = {"retry_after_s": round(wait_s, 2)}
            return refusal(Refused("too_fast", 429, facts), who.language, self._say)
        return await answer(self._rooms, who, event, arguments, self._say)

    async def _unknown(self, _event: str, sid: str, *_arguments: Any) -> dict[str, Any]:
        connection = self._by_sid.get(sid)
        language = connection.admission.language if connection else "en"
        return refusal(Refused("bad_request", 400), language, self._say)

    # ---- going

    async def _disconnect(self, sid: str, reason: str) -> None:
        connection = self._by_sid.get(sid)
        if connection is None:
            return
        by_a_press = reason == self._server.reason.CLIENT_DISCONNECT and not connection.closing
        on_stage = self._rooms.staging.is_on_stage(connection.admission)
        self._forget(connection)
        if by_a_press and on_stage:
            await self._quit(connection)
        await self._release(connection)

    async def on_closing(self, connection_id: ConnectionId, closing: Closing) -> None:
        """Tell a connection why its seat is gone, and close it; returns when its media and events stopped."""
        connection = self._connections.get(connection_id)
        if connection is None:
            return
        if isinstance(closing, SeatMovedTo):
            device = in_language(closing.device, connection.admission.language)
            self._fanout.tell([connection_id], SeatMoved(device, closing.at))
        else:
            self._fanout.tell([connection_id], SeatRemoved(closing.reason))
        self._fanout.remove(connection_id)
        self._rooms.left(connection.admission)
        await self._close(connection)

    async def _gone(self, connection: Connection) -> None:
        """The socket is gone: leave the room, free the seat."""
        self._forget(connection)
        await self._release(connection)

    async def _quit(self, connection: Connection) -> None:
        """Who says goodbye steps off the stage; who is only lost keeps the place."""
        try:
            await self._rooms.staging.quit(connection.admission)
        except Refused as refused:
            _log.warning("stage_not_left", code=refused.code)

    def _forget(self, connection: Connection) -> None:
        self._by_sid.pop(connection.sid, None)
        self._connections.pop(connection.admission.connection_id, None)
        self._fanout.remove(connection.admission.connection_id)
        self._rooms.left(connection.admission)
        if connection.closed is not None:
            connection.closed.set()

    async def _release(self, connection: Connection) -> None:
        try:
            await self._access.release(connection.admission)
        except Refused as refused:
            _log.warning("seat_not_released", code=refused.code)

    async def _close(self, connection: Connection) -> None:
        connection.closing = True
        connection.closed = connection.closed or asyncio.Event()
        if connection.sid not in self._by_sid:
            connection.closed.set()
        try:
            async with asyncio.timeout(self._patience.close_s):
                await self._server.disconnect(connection.sid, namespace=NAMESPACE)
                await self._server.eio.disconnect(connection.engine_sid)
                await connection.closed.wait()
        except TimeoutError:
            pass
        finally:
            asyncio.get_running_loop().call_later(self._patience.close_s, connection.cut)


def _language(request: web.Request) -> str:
    """French or English for somebody not admitted yet, by what their browser prefers."""
    wanted = request.headers.get("Accept-Language", "")
    return "fr" if wanted.lower().startswith("fr") else "en"
