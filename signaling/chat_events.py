"""Handlers of the chat."""

from __future__ import annotations

from room_server.access.rules import Admission
from room_server.ids import MessageId
from room_server.room.chat import Message
from room_server.room.service import RoomService
from signaling.handlers import Handler, handles
from signaling.wire import ChatPost, ChatSetMode, MessageRef

HANDLERS: dict[str, Handler] = {}


@handles(HANDLERS, "chat.post")
async def post(rooms: RoomService, who: Admission, payload: ChatPost) -> Message:
    return await rooms.talking.post(who, payload.key, payload.text)


@handles(HANDLERS, "chat.approve")
async def approve(rooms: RoomService, who: Admission, payload: MessageRef) -> None:
    await rooms.talking.approve(who, MessageId(payload.message_id))


@handles(HANDLERS, "chat.reject")
async def reject(rooms: RoomService, who: Admission, payload: MessageRef) -> None:
    await rooms.talking.reject(who, MessageId(payload.message_id))


@handles(HANDLERS, "chat.set_mode")
async def set_mode(rooms: RoomService, who: Admission, payload: ChatSetMode) -> None:
    await rooms.talking.set_mode(who, payload.mode)
