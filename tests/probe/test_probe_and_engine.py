"""The probe through the real media engine: what one side injects or publishes is decoded on the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from media.engine import Engine, EngineConfig, EngineEvent, Publishing, RoomKey, TrackStarted
from room_server.probe import Viewer, probe
from tests.kit.patience import PATIENCE_S
from tests.probe.film import FilmPicture, FilmSound
from tests.probe.outside_room import OutsideRoom, opened
from tests.probe.programme import Programme
from tests.probe.strain import strain

ROOM = RoomKey("room")
SINCE_S = 42


@dataclass
class Stage:
    """An engine with one room, and what it told."""

    engine: Engine = field(init=False)
    started: list[TrackStarted] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_event(self, event: EngineEvent) -> None:
        if isinstance(event, TrackStarted):
            self.started.append(event)
            self.changed.set()

    async def tracks(self, count: int) -> list[TrackStarted]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.started) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.started

    def room(self, publishing: Publishing = Publishing.DENIED) -> OutsideRoom:
        return OutsideRoom(
            started_at=datetime.fromtimestamp(time.time() - SINCE_S, UTC),
            answer=lambda sdp: self.engine.connect(ROOM, sdp, publishing).answer_sdp,
        )


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    made.engine = await Engine.start(EngineConfig(shards=1), made.on_event)
    made.engine.open_room(ROOM)
    yield made
    await made.engine.close()


@pytest.mark.timeout(300)
async def test_the_programme_is_seen_and_heard_at_its_place(stage: Stage) -> None:
    """AUT-5, ROOM-3: who joins in the middle of a group of pictures lands at the current position."""
    source = stage.engine.add_source(ROOM)
    stage.engine.set_layout(ROOM, [source.audio], [source.video])
    programme = Programme(source.write, SINCE_S)
    async with opened(stage.room()) as room:
        playing = asyncio.create_task(programme.run(time.monotonic_ns() - SINCE_S * 1_000_000_000))
        await asyncio.wait_for(programme.second_group.wait(), PATIENCE_S)
        async with strain() as machine:
            seen = await probe(f"{room.url}/a/one", seconds=6)
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
    assert seen.first_frame_ms is not None
    assert seen.first_frame_ms < 2_000 + machine.stalled_ms
    assert seen.video_frames > 60
    assert seen.audio_frames > 200
    assert seen.lost <= machine.dropped
    assert seen.position_error_ms is not None
    assert abs(seen.position_error_ms) < 100
    assert seen.av_skew_ms is not None
    assert abs(seen.av_skew_ms) < 40


async def test_what_one_publishes_another_sees_in_the_slot_of_the_layout(stage: Stage) -> None:
    """ROOM-3"""
    room = stage.room(Publishing.ALLOWED)
    begun_s = time.time() - SINCE_S
    async with opened(room), Viewer(f"{room.url}/a/host") as host, Viewer(f"{room.url}/a/guest") as guest:
        await host.join()
        await host.watch(publish=(FilmSound(begun_s), FilmPicture(begun_s)))
        by_kind = {str(started.kind): started.track for started in await stage.tracks(2)}
        await guest.join()
        await guest.watch()
        stage.engine.set_layout(ROOM, [None, by_kind["audio"]], [None, by_kind["video"]])
        pictures, sounds = guest.videos[1], guest.audios[1]
        async with asyncio.timeout(PATIENCE_S):
            await pictures.frames.reach(30)
            await sounds.frames.reach(50)
    assert guest.videos[0].frames.count == guest.audios[0].frames.count == 0
    assert host.videos[1].frames.count == host.audios[1].frames.count == 0
