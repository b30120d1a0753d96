"""From what a room tells to the wire: which event a notice is, and its payload as JSON values."""

from __future__ import annotations

from typing import Any

from room_server.room import notices
from room_server.room.course import Position
from room_server.room.notices import Notice
from room_server.room.stage import StageView
from signaling.tables import NOTICES

EVENTS: dict[type[Any], str] = {
    notices.Snapshot: "room.snapshot",
    notices.PersonCameOrWent: "room.person",
    notices.CountChanged: "room.count",
    notices.MessagePublished: "chat.message",
    notices.MessageHeld: "chat.held",
    notices.MessageRejected: "chat.removed",
    notices.ChatModeChanged: "chat.mode",
    notices.CtaShown: "cta.show",
    notices.CtaHidden: "cta.hide",
    StageView: "stage.changed",
    Position: "playback.position",
    notices.TimelineView: "playback.timeline",
    notices.SessionStateChanged: "session.state",
    notices.LayersWanted: "media.layers",
    notices.CodecsDecoded: "media.codecs",
    notices.MediaLost: "media.lost",
    notices.SeatMoved: "seat.moved",
    notices.SeatRemoved: "seat.removed",
}


def on_the_wire(notice: Notice) -> tuple[str, dict[str, Any]]:
    """Return the event and its payload."""
    event = EVENTS[type(notice)]
    return event, NOTICES[event].payload.model_validate(notice).model_dump(mode="json")
