"""Handlers of media: an offer is answered, a view is passed on.  Packets never come near."""

from __future__ import annotations

from room_server.access.rules import Admission
from room_server.room.service import RoomService
from signaling.handlers import Handler, handles
from signaling.wire import MediaAnswer, MediaOffer, MediaRestart, MediaRestarted, MediaView

HANDLERS: dict[str, Handler] = {}


@handles(HANDLERS, "media.offer")
async def offer(rooms: RoomService, who: Admission, payload: MediaOffer) -> MediaAnswer:
    return MediaAnswer(sdp=rooms.staging.connect(who, payload.sdp))


@handles(HANDLERS, "media.restart")
async def restart(rooms: RoomService, who: Admission, payload: MediaRestart) -> MediaRestarted:
    ours = rooms.staging.restart_ice(who, payload.ice_ufrag)
    return MediaRestarted(ice_ufrag=ours.ufrag, ice_pwd=ours.pwd)


@handles(HANDLERS, "media.view")
async def view(rooms: RoomService, who: Admission, payload: MediaView) -> None:
    rooms.staging.view(who, payload.slot, payload.max_height)
