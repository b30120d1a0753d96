"""What one peer publishes reaches the others, and only through the slots of the layout."""

from __future__ import annotations

import time
from itertools import pairwise

import av

from media.engine import (
    Engine,
    GoneReason,
    Kind,
    Muting,
    PeerConnected,
    PeerGone,
    PeerStats,
    Publishing,
    TrackEnded,
    TrackStarted,
)
from tests.media.engine_peers import ROOM, Peer, Plain, keyframes, luma, peers, running_engine, silence, until


async def test_a_publishers_camera_and_microphone_reach_a_viewer() -> None:
    async with running_engine() as (engine, witness), peers(2) as (speaker, viewer):
        speaker.publish(silence(), Plain(200))
        published = await speaker.join(engine, Publishing.ALLOWED)
        audio, video = published.tracks
        assert (audio.kind, video.kind) == (Kind.AUDIO, Kind.VIDEO)
        engine.set_layout(ROOM, [None, audio.track], [None, video.track])
        viewer.receive(audio=2, video=2)
        await viewer.join(engine)

        started = await witness.until(TrackStarted, 2)
        pictures = await viewer.slot("video", 1).until(lambda frames: len(frames) >= 20)
        await viewer.slot("audio", 1).until(lambda frames: len(frames) >= 20)
        assert not viewer.slot("video", 0).frames
        assert not viewer.slot("audio", 0).frames

        await speaker.leave()
        await witness.until(PeerGone)
    assert {event.track for event in started} == {audio.track, video.track}
    assert abs(luma(pictures[-1]) - 200) < 8
    assert {event.track for event in witness.of(TrackEnded)} == {audio.track, video.track}


async def test_a_peer_that_may_not_publish_is_not_heard() -> None:
    """ROOM-7: the server, not the browser, decides who is on stage: also when a client sends regardless."""
    async with running_engine() as (engine, witness), peers(2) as (intruder, viewer):
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        intruder.publish(silence(), Plain(90))
        intruder.receive(audio=1, video=1)
        connected = await intruder.intrude(engine)
        await witness.until(PeerConnected, 2)
        assert connected.tracks == ()

        await until(lambda: _stats(engine, intruder).refused >= 20)

        totals = engine.stats().totals
        assert (totals["packets_in"], totals["packets_out"]) == (0, 0)
    assert not witness.of(TrackStarted)


async def test_a_slot_that_changes_hands_goes_on_without_a_break() -> None:
    async with running_engine() as (engine, witness), peers(3) as (dark, bright, viewer):
        dark.publish(Plain(20, 50))
        bright.publish(Plain(160, 220))
        dark_track = (await dark.join(engine, Publishing.ALLOWED)).tracks[0].track
        bright_track = (await bright.join(engine, Publishing.ALLOWED)).tracks[0].track
        viewer.receive(audio=1, video=1)
        engine.set_layout(ROOM, [], [dark_track])
        arrived = keyframes(viewer.connection.getReceivers()[1])
        begun_s = time.monotonic()
        await viewer.join(engine)
        await witness.until(TrackStarted, 2)
        sink = viewer.slot("video", 0)
        await sink.until(lambda frames: bool(frames) and not is_bright(frames[-1]))

        engine.set_layout(ROOM, [], [bright_track])
        await sink.until(lambda frames: is_bright(frames[-1]))
        engine.set_layout(ROOM, [], [dark_track])
        await sink.until(lambda frames: not is_bright(frames[-1]))
        elapsed_s = time.monotonic() - begun_s
        frames = list(sink.frames)
    origin = arrived[0][0]
    whole = {(timestamp - origin) % (1 << 32) for timestamp, is_keyframe in arrived if is_keyframe}
    changes = [after for before, after in pairwise(frames) if is_bright(before) != is_bright(after)]
    assert [is_bright(frame) for frame in changes] == [True, False]
    assert {frame.pts for frame in changes} <= whole, "a camera's first picture is a whole one"
    assert all(before.time < after.time for before, after in pairwise(frames))
    assert frames[-1].time - frames[0].time < elapsed_s


def is_bright(frame: av.VideoFrame) -> bool:
    return luma(frame) > 105


async def test_a_muted_track_is_dropped_and_comes_back() -> None:
    """ROOM-7: muting happens at the server."""
    async with running_engine() as (engine, _), peers(2) as (speaker, viewer):
        speaker.publish(Plain(120))
        track = (await speaker.join(engine, Publishing.ALLOWED)).tracks[0].track
        engine.set_layout(ROOM, [], [track])
        viewer.receive(audio=1, video=1)
        await viewer.join(engine)
        sink = viewer.slot("video", 0)
        await sink.until(lambda frames: len(frames) >= 5)

        engine.set_muted(track, Muting.MUTED)
        before = _sent_video(engine, viewer)
        received = _received(engine, speaker)
        await until(lambda: _received(engine, speaker) > received + 20)
        assert _sent_video(engine, viewer) - before <= 5

        engine.set_muted(track, Muting.AUDIBLE)
        seen = len(sink.frames)
        await sink.until(lambda frames: len(frames) >= seen + 10)


def _sent_video(engine: Engine, peer: Peer) -> int:
    return _stats(engine, peer).packets_out


def _received(engine: Engine, peer: Peer) -> int:
    return _stats(engine, peer).packets_in


def _stats(engine: Engine, peer: Peer) -> PeerStats:
    assert peer.connected is not None
    return next(one for one in engine.stats().peers if one.peer == peer.connected.peer)


async def test_closing_the_room_ends_every_connection() -> None:
    async with running_engine() as (engine, witness), peers(3) as crowd:
        for peer in crowd:
            peer.receive(audio=1, video=1)
            await peer.join(engine)
        await witness.until(PeerConnected, 3)
        engine.close_room(ROOM)
        gone = await witness.until(PeerGone, 3)
    assert {event.reason for event in gone} == {GoneReason.ROOM_CLOSED}
    assert {event.room for event in gone} == {ROOM}
