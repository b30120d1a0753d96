"""Somebody in a room of the tests connects and publishes."""

from __future__ import annotations

from media.engine import Kind, PeerId, TrackId, TrackStarted
from room_server.access.rules import Admission
from room_server.room.stage import StageView
from tests.room.world import World

SDP = "v=0"


def stage_as_told(here: World, who: Admission) -> StageView:
    return [told for told in here.notices.to(who) if isinstance(told, StageView)][-1]


def connect(here: World, who: Admission) -> PeerId:
    here.rooms.staging.connect(who, SDP)
    return max(here.media.peers)


def publish(here: World, peer: PeerId, audio: int, video: int) -> None:
    here.rooms.media_event(TrackStarted(TrackId(audio), peer, Kind.AUDIO))
    here.rooms.media_event(TrackStarted(TrackId(video), peer, Kind.VIDEO))
