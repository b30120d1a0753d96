"""Fan-out: a notice is encoded once and put into the queue of each reader's socket.

    outlet: WAITING ──open──► OPEN ──seal──► SEALED       WAITING keeps what comes first, in order
                               └── too far behind: cut off, the reader comes back to a snapshot

Nothing here waits: no task and no await a recipient, whatever the size of the room.

Invariant: a reader gets notices in the order they were told; a sealed outlet lets nothing more through.
"""

from __future__ import annotations

from asyncio import Queue
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from engineio import packet as engine_packet
from socketio import packet as socket_packet

from room_server.ids import ConnectionId
from room_server.room.notices import Notice
from signaling.notices import on_the_wire

NAMESPACE = "/room"
MOST_BEHIND = 1_000
"""Packets that may wait for one reader."""

_log = structlog.get_logger(__name__)


class Outlet:
    """The way to one reader.  `cut` closes its transport at once."""

    def __init__(self, queue: Queue[Any], cut: Callable[[], None]) -> None:
        self._queue = queue
        self._cut = cut
        self._waiting: list[Any] | None = []
        self._sealed = False

    def put(self, packet: Any) -> None:
        if self._sealed:
            return
        if self._waiting is not None:
            self._waiting.append(packet)
        elif self._queue.qsize() >= MOST_BEHIND:
            _log.warning("slow_reader_cut_off", behind=self._queue.qsize())
            self._sealed = True
            self._cut()
        else:
            self._queue.put_nowait(packet)

    def open(self) -> None:
        """The reader is connected: let through what waited, and everything from now on."""
        waiting, self._waiting = self._waiting or [], None
        for packet in waiting:
            self.put(packet)

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
        """Queue `notice` for each of `to`; those that are gone are passed over."""
        outlets = [self._outlets[one] for one in to if one in self._outlets]
        if not outlets:
            return
        event, payload = on_the_wire(notice)
        text = socket_packet.Packet(socket_packet.EVENT, namespace=NAMESPACE, data=[event, payload]).encode()
        packet = engine_packet.Packet(engine_packet.MESSAGE, data=text)
        for outlet in outlets:
            outlet.put(packet)
