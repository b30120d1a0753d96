"""What a handler is: it takes a validated payload, does one thing through a service, may reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from room_server.access.rules import Admission
from room_server.room.service import RoomService

Handler = Callable[[RoomService, Admission, Any], Awaitable[object]]


def handles(table: dict[str, Handler], event: str) -> Callable[[Handler], Handler]:
    """Register a handler in its module's table, once an event."""

    def register(handler: Handler) -> Handler:
        if event in table:
            raise ValueError(f"{event} has a handler already")
        table[event] = handler
        return handler

    return register
