"""The real media engine does what the rooms' `MediaPort` asks, offers of real browsers included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.engine import Engine, EngineConfig, EngineEvent, InjectedSource
from room_server.access.rules import Role
from room_server.access.service import Access
from room_server.errors import Refused
from room_server.events.rules import RoomType
from room_server.room.ports import MediaPort, Seats, Source
from tests.room.waiting import until
from tests.room.world import World, on_air, room_of, world

OFFERS = Path(__file__).parent.parent / "media/offers"


def fits(engine: Engine, access: Access, source: InjectedSource) -> tuple[MediaPort, Seats, Source]:
    """Types alone: what `main` passes is what the rooms ask for."""
    return engine, access, source


def offer(name: str) -> str:
    return (OFFERS / f"{name}.sdp").read_bytes().decode()


@pytest.fixture
async def engine() -> AsyncIterator[tuple[Engine, list[EngineEvent]]]:
    events: list[EngineEvent] = []
    engine = await Engine.start(EngineConfig(shards=1), events.append)
    yield engine, events
    await engine.close()


@pytest.fixture
async def here(tmp_path: Path, engine: tuple[Engine, list[EngineEvent]]) -> AsyncIterator[World]:
    async with world(tmp_path, engine=engine[0]) as built:
        yield built


@pytest.mark.parametrize("name", ["chromium-viewer", "firefox-viewer", "aiortc-viewer"])
async def test_a_browsers_offer_is_answered_and_replaced_by_its_next(
    here: World, engine: tuple[Engine, list[EngineEvent]], name: str
) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")

    first = here.rooms.staging.connect(ann, offer(name))
    second = here.rooms.staging.connect(ann, offer(name))

    assert "a=candidate:" in first
    assert first != second
    await until(lambda: len(engine[0].stats().peers) == 1)
    here.rooms.staging.view(ann, 0, 360)
    await here.leave(ann)
    await until(lambda: not engine[0].stats().peers)


async def test_only_who_may_publish_is_answered_so(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    assert "a=recvonly" in here.rooms.staging.connect(hal, offer("chromium-host"))
    assert "a=recvonly" not in here.rooms.staging.connect(ann, offer("chromium-host"))


async def test_a_room_too_many_is_refused_with_a_code(tmp_path: Path) -> None:
    engine = await Engine.start(EngineConfig(shards=1, max_rooms=1), lambda _: None)
    async with world(tmp_path, engine=engine) as here:
        await here.join((await here.session()).session_id, "Ann")
        with pytest.raises(Refused, match="room_full"):
            await here.join((await here.session()).session_id, "Bob")
    await engine.close()


async def test_nonsense_is_refused_and_harms_nothing(here: World) -> None:
    session = await here.session()
    ann = await here.join(session.session_id, "Ann")
    for sdp in ("", "v=0", "\x00" * 100, offer("chromium-viewer")[:300]):
        with pytest.raises(Refused, match="offer_refused"):
            here.rooms.staging.connect(ann, sdp)
    here.rooms.staging.connect(ann, offer("chromium-viewer"))


async def test_the_end_of_a_session_closes_its_media(
    here: World, engine: tuple[Engine, list[EngineEvent]]
) -> None:
    session = await here.session(RoomType.AUTOMATED)
    hal = await here.join(session.session_id, "Hal", Role.HOST)
    await on_air(here, session)
    here.rooms.staging.connect(hal, offer("chromium-host"))
    await here.rooms.staging.enter(hal)
    await here.rooms.running.take_over(hal)
    assert room_of(here, session).programme is not None

    await here.rooms.hosting.end(hal)

    await until(lambda: not engine[0].stats().peers)
