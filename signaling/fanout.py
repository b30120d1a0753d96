"""Fan-out: a notice is made into a frame once, and written to each reader's socket.

    outlet: WAITING ──open──► OPEN ──seal──► SEALED       WAITING keeps what comes first, in order
                               └── too far behind: cut off, the reader comes back to a snapshot

Nothing here waits: no task and no await a recipient, whatever the size of the room.

Invariant: a reader gets notices in the order they were told; a sealed outlet lets nothing more through.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import structlog
from socketio import packet as socket_packet

from room_server.ids import ConnectionId
from room_server.room.notices import Notice
from signaling.engine_io import MOST_UNREAD_BYTES, message_frame
from signaling.notices import on_the_wire

NAMESPACE = "/room"

_log = structlog.get_logger(__name__)


class Socket(Protocol):
    """The part of `engine_io.EngineSocket` that an outlet writes to."""

    @property
    def unread_bytes(self) -> int: ...
    def write(self, frame: bytes) -> None: ...
    def cut(self) -> None: ...


class Outlet:
    """The way to one reader."""

    __slots__ = ("_sealed", "_socket", "_waiting")

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._waiting: list[bytes] | None = []
        self._sealed = False

    def put(self, frame: bytes) -> None:
        if self._sealed:
            return
        if self._waiting is not None:
            self._waiting.append(frame)
        elif self._socket.unread_bytes >= MOST_UNREAD_BYTES:
            _log.warning("slow_reader_cut_off", unread_bytes=self._socket.unread_bytes)
            self._sealed = True
            self._socket.cut()
        else:
            self._socket.write(frame)

    def open(self) -> None:
        """The reader is connected: let through what waited, and everything from now on."""
        waiting, self._waiting = self._waiting or [], None
        for frame in waiting:
            self.put(frame)

    def seal(self) -> None:
        """Let nothing more through."""
        self._sealed = True


class SocketFanout:
    """The outlets of this node; what rooms know as their `Fanout`."""

    def __init__(self) -> None:
        self._outlets: dict[ConnectionId, Outlet] = {}

    def add(self, connection_id: ConnectionId, outlet: Outlet) -> None:
        self._outlets[connection_id] = outlet

    def remove(self, connection_id: ConnectionId) -> None:
        """Let nothing more through to this connection."""
        outlet = self._outlets.pop(connection_id, None)
        if outlet is not None:
            outlet.seal()

    def tell(self, to: Iterable[ConnectionId], notice: Notice) -> None:
        """Write `notice` to each of `to`; those that are gone are passed over."""
        outlets = [self._outlets[one] for one in to if one in self._outlets]
        if not outlets:
            return
        event, payload = on_the_wire(notice)
        text = socket_packet.Packet(socket_packet.EVENT, namespace=NAMESPACE, data=[event, payload]).encode()
        frame = message_frame(text)
        for outlet in outlets:
            outlet.put(frame)
