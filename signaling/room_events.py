"""Handlers of the session, the stage's people, the timeline and CTAs: one each, by the event's name."""

from __future__ import annotations

from room_server.access.rules import Admission
from room_server.ids import CtaId, PersonId
from room_server.room.service import RoomService
from signaling.handlers import Handler, handles
from signaling.wire import (
    CtaRef,
    Nothing,
    PersonRef,
    PlaybackExtendBuffer,
    PlaybackHandBack,
    PlaybackShortenBuffer,
    PlaybackSkipTo,
    StageLeave,
    StageShow,
)

HANDLERS: dict[str, Handler] = {}


@handles(HANDLERS, "session.start")
async def start(rooms: RoomService, who: Admission, _: Nothing) -> None:
    await rooms.hosting.start(who)


@handles(HANDLERS, "session.end")
async def end(rooms: RoomService, who: Admission, _: Nothing) -> None:
    await rooms.hosting.end(who)


@handles(HANDLERS, "cta.launch")
async def launch_cta(rooms: RoomService, who: Admission, payload: CtaRef) -> None:
    await rooms.hosting.launch_cta(who, CtaId(payload.cta_id))


@handles(HANDLERS, "cta.withdraw")
async def withdraw_cta(rooms: RoomService, who: Admission, payload: CtaRef) -> None:
    await rooms.hosting.withdraw_cta(who, CtaId(payload.cta_id))


@handles(HANDLERS, "stage.invite")
async def invite(rooms: RoomService, who: Admission, payload: PersonRef) -> None:
    await rooms.staging.invite(who, PersonId(payload.person_id))


@handles(HANDLERS, "stage.enter")
async def enter(rooms: RoomService, who: Admission, _: Nothing) -> None:
    await rooms.staging.enter(who)


@handles(HANDLERS, "stage.leave")
async def leave(rooms: RoomService, who: Admission, payload: StageLeave) -> None:
    await rooms.staging.leave(who, PersonId(payload.person_id) if payload.person_id else None)


@handles(HANDLERS, "stage.show")
async def show(rooms: RoomService, who: Admission, payload: StageShow) -> None:
    rooms.staging.show(who, payload.shows)


@handles(HANDLERS, "person.mute")
async def mute(rooms: RoomService, who: Admission, payload: PersonRef) -> None:
    await rooms.staging.mute(who, PersonId(payload.person_id))


@handles(HANDLERS, "person.unmute")
async def unmute(rooms: RoomService, who: Admission, payload: PersonRef) -> None:
    await rooms.staging.unmute(who, PersonId(payload.person_id))


@handles(HANDLERS, "person.remove")
async def remove(rooms: RoomService, who: Admission, payload: PersonRef) -> None:
    await rooms.staging.remove(who, PersonId(payload.person_id))


@handles(HANDLERS, "playback.take_over")
async def take_over(rooms: RoomService, who: Admission, _: Nothing) -> None:
    await rooms.running.take_over(who)


@handles(HANDLERS, "playback.hand_back")
async def hand_back(rooms: RoomService, who: Admission, payload: PlaybackHandBack) -> None:
    await rooms.running.hand_back(who, payload.where)


@handles(HANDLERS, "playback.skip_to")
async def skip_to(rooms: RoomService, who: Admission, payload: PlaybackSkipTo) -> None:
    await rooms.running.skip_to(who, payload.item_id)


@handles(HANDLERS, "playback.extend_buffer")
async def extend_buffer(rooms: RoomService, who: Admission, payload: PlaybackExtendBuffer) -> None:
    await rooms.running.extend_buffer(who, float(payload.seconds))


@handles(HANDLERS, "playback.shorten_buffer")
async def shorten_buffer(rooms: RoomService, who: Admission, payload: PlaybackShortenBuffer) -> None:
    await rooms.running.shorten_buffer(who, float(payload.seconds))
