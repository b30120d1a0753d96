"""Film that is written into the engine reaches peers of another make."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

import numpy as np
import pytest
from aiortc import RTCRtpReceiver

from media.engine import Engine, EngineConfig, PeerConnected
from tests.media.engine_film import (
    FRAMES_PER_S,
    GROUP,
    H264_SIZE,
    LENGTH_S,
    VP8_SIZE,
    Written,
    film,
    pictures,
    play,
    write_from,
)
from tests.media.engine_peers import ROOM, Peer, Witness, peers, running_engine, until

LENGTH = LENGTH_S * FRAMES_PER_S
TICKS_A_FRAME = 90_000 / FRAMES_PER_S


async def test_a_viewer_sees_and_hears_the_film() -> None:
    """ROOM-5: injected video and audio are received and decoded."""
    film()
    async with running_engine() as (engine, witness), peers(1) as (viewer,):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        await witness.until(PeerConnected)

        pictures = await viewer.slot("video", 0).until(lambda frames: len(frames) >= 50)
        sounds = await viewer.slot("audio", 0).until(lambda frames: len(frames) >= 50)
        playing.cancel()
    assert {(picture.width, picture.height) for picture in pictures} == {VP8_SIZE}
    assert any(abs(sound.to_ndarray()).max() > 4_000 for sound in sounds)


async def test_where_datagrams_leave_one_by_one_the_film_is_the_same() -> None:
    """A kernel that cuts nothing up costs time, and nothing else."""
    film()
    async with (
        running_engine(EngineConfig(shards=2, segmented_sends=False)) as (engine, _),
        peers(1) as (viewer,),
    ):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        pictures = await viewer.slot("video", 0).until(lambda frames: len(frames) >= 50)
        playing.cancel()
    assert {(picture.width, picture.height) for picture in pictures} == {VP8_SIZE}


async def test_a_late_viewer_sees_the_present_at_once() -> None:
    """AUT-5: joining in mid-group shows a picture within a second, and does not play behind."""
    pictures()
    async with running_engine() as (engine, witness), peers(8) as (early, *others):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        written = Written(source)
        playing = asyncio.create_task(play(written, "vp8", "opus"))
        early.receive(audio=1, video=1)
        await early.join(engine)
        for late in others:
            present = await _well_into_a_group(early, written)
            connected_ns = await _connect(late, engine, witness)
            frames = list(await late.slot("video", 0).until(lambda frames: len(frames) >= 40))
            newest = written.number(frames[-1])
            first = newest - (newest - written.number(frames[0])) % LENGTH
            if first <= present:
                break
        else:
            pytest.fail("it was the next group for everyone: nobody was shown the one under way")
        playing.cancel()
    # The pictures up to the present pass in less than the time of one; from then on they keep to the film's.
    played = (frames[-1].pts - frames[0].pts) / TICKS_A_FRAME
    assert first % GROUP == 0
    assert played <= newest - present + 1
    # The present, as the engine saw it when it began to send, was the newest picture due by then.
    begun = newest - int(played)
    assert written.pictures_due_ns[begun] - connected_ns < 1_000_000_000


async def _well_into_a_group(early: Peer, written: Written) -> int:
    """Wait until the early viewer has seen some of a group, not half of it; return the newest's number."""

    def place(frames: deque[Any]) -> int:
        return written.number(frames[-1]) % GROUP if frames else 0

    frames = await early.slot("video", 0).until(lambda frames: 10 <= place(frames) < 20)
    return written.number(frames[-1])


async def _connect(peer: Peer, engine: Engine, witness: Witness) -> int:
    """Join, and return the instant (monotonic) at which the engine's word of it was read."""
    so_far = len(witness.of(PeerConnected))
    peer.receive(audio=1, video=1)
    await peer.join(engine)
    await witness.until(PeerConnected, so_far + 1)
    return time.monotonic_ns()


async def test_a_viewer_who_comes_in_a_pause_sees_where_the_film_stands() -> None:
    """AUT-5: the group of pictures stays, and going on with the next frame leaves no seam."""
    frames = [frame for frame in film() if frame.codec == "vp8"]
    stands = 35
    async with running_engine() as (engine, _), peers(2) as (early, late):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        early.receive(audio=1, video=1)
        await early.join(engine)
        await write_from(source, frames[:stands])
        source.hold(time.monotonic_ns() + 20_000_000)
        # aiortc shows a picture when the next one begins.
        await early.slot("video", 0).until(lambda shown: len(shown) >= stands - 1)

        late.receive(audio=1, video=1)
        await late.join(engine)
        await late.slot("video", 0).until(lambda shown: len(shown) >= stands - 1)
        assert _pictures_behind(early, late) == 0

        await write_from(source, frames[stands:])
        await late.slot("video", 0).until(lambda shown: len(shown) >= len(frames) - 1)
        await early.slot("video", 0).until(lambda shown: len(shown) >= len(frames) - 1)
    assert _pictures_behind(early, late) == 0
    assert [shown.pts for shown in late.slot("video", 0).frames] == sorted(
        shown.pts for shown in late.slot("video", 0).frames
    )


async def test_a_viewer_with_h264_gets_h264_and_one_without_gets_vp8() -> None:
    film()
    async with running_engine() as (engine, _), peers(2) as (both, vp8_only):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "h264", "opus"))
        for peer, names in ((both, ("video/VP8", "video/H264", "video/rtx")), (vp8_only, ("video/VP8",))):
            peer.receive(audio=1, video=1)
            transceiver = peer.connection.getTransceivers()[1]
            offered = RTCRtpReceiver.getCapabilities("video")
            assert offered is not None
            wanted = [codec for codec in offered.codecs if codec.mimeType in names]
            transceiver.setCodecPreferences(wanted)
            await peer.join(engine)
        sizes = []
        for peer in (both, vp8_only):
            pictures = await peer.slot("video", 0).until(lambda frames: len(frames) >= 30)
            sizes.append({(picture.width, picture.height) for picture in pictures})
        playing.cancel()
    assert sizes == [{H264_SIZE}, {VP8_SIZE}]


async def test_nothing_is_sent_past_the_deadline() -> None:
    film()
    async with running_engine() as (engine, _), peers(1) as (viewer,):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        written = Written(source)
        playing = asyncio.create_task(play(written, "vp8", "opus"))
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        await viewer.slot("video", 0).until(lambda frames: len(frames) >= 5)

        engine.set_deadline(time.monotonic_ns())
        assert await _sent_while_frames_fall_due(engine, written) == 0

        engine.set_deadline(None)
        seen = len(viewer.slot("video", 0).frames)
        await viewer.slot("video", 0).until(lambda frames: len(frames) >= seen + 10)
        playing.cancel()


async def _sent_while_frames_fall_due(engine: Engine, written: Written) -> int:
    """How many packets go out while twenty frames fall due, until every thread has looked at its own."""
    begun_ns = time.monotonic_ns()
    before = engine.stats().totals["packets_out"]
    await until(lambda: written.fallen_due(begun_ns) >= 20)
    for _ in range(3):  # a thread answers once a round, before it sends
        after = engine.stats().totals["packets_out"]
    return after - before


async def test_a_paused_slot_gets_nothing_until_it_is_shown_again() -> None:
    film()
    async with running_engine() as (engine, _), peers(1) as (viewer,):
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [], [source.video])
        written = Written(source)
        playing = asyncio.create_task(play(written, "vp8"))
        viewer.receive(audio=1, video=1)
        connected = await viewer.join(engine)
        await viewer.slot("video", 0).until(lambda frames: len(frames) >= 5)

        engine.set_view(connected.peer, 0, 0)
        assert await _sent_while_frames_fall_due(engine, written) == 0

        engine.set_view(connected.peer, 0, 180)
        seen = len(viewer.slot("video", 0).frames)
        await viewer.slot("video", 0).until(lambda frames: len(frames) >= seen + 10)
        playing.cancel()


@pytest.mark.slow
async def test_fifty_viewers_all_see_the_film() -> None:
    film()
    async with running_engine() as (engine, witness), peers(50, recent=2) as crowd:
        source = engine.add_source(ROOM)
        engine.set_layout(ROOM, [source.audio], [source.video])
        playing = asyncio.create_task(play(source, "vp8", "opus"))
        for viewer in crowd:
            viewer.receive(audio=1, video=1)
            await viewer.join(engine)
        await witness.until(PeerConnected, 50)
        for viewer in crowd:
            await viewer.slot("video", 0).until(lambda frames: len(frames) >= 1)
        stats = engine.stats()
        playing.cancel()
    assert sum(peer.connected for peer in stats.peers) == 50


def _pictures_behind(early: Peer, late: Peer) -> int:
    """How many pictures ago the early viewer saw what the late one sees."""
    seen = [frame.to_ndarray() for frame in early.slot("video", 0).frames][-50:]
    newest = late.slot("video", 0).frames[-1].to_ndarray()
    differences = [float(np.abs(newest.astype(int) - frame).mean()) for frame in seen]
    return len(differences) - 1 - int(np.argmin(differences))
