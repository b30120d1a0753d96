"""What the engine refuses, survives, and does not spend."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from pathlib import Path

import pytest

from media.engine import (
    Engine,
    EngineConfig,
    EngineRefused,
    GoneReason,
    NegotiationRefused,
    PeerConnected,
    PeerGone,
    Publishing,
    RoomKey,
)
from tests.media.engine_film import film, play
from tests.media.engine_peers import ROOM, Witness, peers, running_engine


async def test_a_full_room_says_so_and_has_room_again_when_someone_leaves() -> None:
    async with (
        running_engine(EngineConfig(shards=1, max_peers_per_room=2)) as (engine, witness),
        peers(4) as crowd,
    ):
        for peer in crowd:
            peer.receive(audio=1, video=1)
        first, second, third, fourth = crowd
        leaver = await first.join(engine)
        await second.join(engine)
        with pytest.raises(EngineRefused) as refusal:
            await third.join(engine)
        assert refusal.value.code == "room_full"

        engine.disconnect(leaver.peer)
        gone = await witness.until(PeerGone)
        assert (gone[0].peer, gone[0].reason) == (leaver.peer, GoneReason.CLOSED)
        await fourth.join(engine)


async def test_a_room_that_is_not_open_takes_nobody() -> None:
    async with running_engine() as (engine, _), peers(1) as (peer,):
        engine.close_room(ROOM)
        peer.receive(audio=1, video=1)
        with pytest.raises(EngineRefused) as refusal:
            await peer.join(engine)
        assert refusal.value.code == "no_room"
        with pytest.raises(EngineRefused):
            engine.add_source(ROOM)
        with pytest.raises(EngineRefused):
            engine.set_layout(ROOM, [], [])


async def test_more_rooms_than_allowed_are_refused() -> None:
    async with running_engine(EngineConfig(shards=1, max_rooms=2)) as (engine, _):
        engine.open_room(ROOM)
        engine.open_room(RoomKey("room-2"))
        with pytest.raises(EngineRefused) as refusal:
            engine.open_room(RoomKey("room-3"))
        assert refusal.value.code == "too_many_rooms"


async def test_an_offer_that_makes_no_sense_is_refused() -> None:
    async with running_engine() as (engine, _):
        with pytest.raises(NegotiationRefused):
            engine.connect(ROOM, "v=0\r\n", Publishing.DENIED)


async def test_a_taken_port_is_an_error() -> None:
    async with running_engine() as (engine, _):
        with pytest.raises(OSError, match="in use"):
            await Engine.start(EngineConfig(udp_port=engine.udp_port), Witness())


async def test_a_frame_of_an_unknown_codec_is_refused() -> None:
    async with running_engine() as (engine, _):
        source = engine.add_source(ROOM)
        with pytest.raises(ValueError, match="codec"):
            source.write("av1", b"", time.monotonic_ns(), True)


async def test_random_datagrams_get_no_reply_and_disturb_nobody() -> None:
    """No reply to anything that is not authenticated: the server never amplifies."""
    film()
    chance = random.Random(7)
    async with running_engine() as (engine, _), peers(1) as (viewer,):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            stranger.connect(("127.0.0.1", engine.udp_port))
            for number in range(2_000):
                noise = bytearray(chance.randbytes(chance.randrange(1, 300)))
                noise[0] = chance.choice((0, 1, 20, 22, 0x80, 0x90, noise[0]))
                stranger.send(noise)
                if number % 100 == 0:
                    await asyncio.sleep(0)
            seen = len(viewer.slot("video", 0).frames)
            await viewer.slot("video", 0).until(lambda frames: len(frames) >= seen + 10)
            with pytest.raises(BlockingIOError):
                stranger.recv(2_000)
        assert engine.stats().unknown_datagrams > 0
        playing.cancel()


async def test_closing_the_engine_ends_every_connection_and_tells_of_it() -> None:
    async with running_engine() as (engine, witness), peers(2) as crowd:
        for peer in crowd:
            peer.receive(audio=1, video=1)
            await peer.join(engine)
        await witness.until(PeerConnected, 2)
        await engine.close()
        assert len(witness.of(PeerGone)) == 2
        await engine.close()


async def test_an_engine_with_idle_viewers_costs_next_to_nothing() -> None:
    async with running_engine() as (engine, witness), peers(3) as crowd:
        for peer in crowd:
            peer.receive(audio=1, video=1)
            await peer.join(engine)
        await witness.until(PeerConnected, 3)
        (spent_s, turns), begun_s = _media_work(), time.monotonic()
        await asyncio.sleep(2)
        (spent_by_then_s, turns_by_then), elapsed_s = _media_work(), time.monotonic() - begun_s
    assert (spent_by_then_s - spent_s) / elapsed_s < 0.005
    assert (turns_by_then - turns) / elapsed_s < 25, "threads wake up without anything to do"


def _media_work() -> tuple[float, int]:
    """CPU time of the core's threads in seconds, and how often they were put on a processor (proc(5))."""
    spent_ns = turns = 0
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().startswith("media-"):
            on_cpu_ns, _, times = (task / "schedstat").read_text().split()
            spent_ns, turns = spent_ns + int(on_cpu_ns), turns + int(times)
    return spent_ns / 1e9, turns
