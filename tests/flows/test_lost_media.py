"""A fault of ours closed a room's media: browsers hear of it and are back before they would have noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.engine import RoomFailed
from room_server.access.rules import Role
from room_server.ids import SessionId
from tests.flows.browsers import Engine, Tab
from tests.flows.conftest import OpenTab
from tests.flows.people import join, stage_is_seen
from tests.kit.server import ServerUnderTest, start_server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

UNNOTICED_S = 4.0
"""Chromium misses the server's answers for about 6 s before it doubts, Firefox for 10."""


async def fail(server: ServerUnderTest, session_id: SessionId) -> None:
    """What the engine does, and says, after a panic in the room."""
    room = server.running.rooms._rooms.here(session_id)
    assert room is not None
    server.running.engine.close_room(room.key)
    server.running.rooms.media_event(RoomFailed(room.key, "a fault made by a test"))
    await asyncio.sleep(0)


def on_stage(host: Tab) -> None:
    join(host)
    host.press("Start…")
    host.press("Start the session")
    host.see("On air")
    host.press("Turn camera on")


@pytest.mark.parametrize("engine", list(Engine))
async def test_a_stage_goes_on_within_seconds_of_a_fault(
    engine: Engine, tmp_path: Path, opens: OpenTab
) -> None:
    async with start_server(tmp_path) as server:
        session = await server.session()
        hal = server.address(await server.link(session, Role.HOST, "Hal"))
        ann = server.address(await server.link(session, name="Ann"))
        host = await asyncio.to_thread(opens, Engine.CHROMIUM, hal)
        await asyncio.to_thread(on_stage, host)
        viewer = await asyncio.to_thread(opens, engine, ann)
        await asyncio.to_thread(join, viewer)
        await asyncio.to_thread(stage_is_seen, viewer)

        await fail(server, session.session_id)

        await asyncio.to_thread(stage_is_seen, viewer, UNNOTICED_S)
