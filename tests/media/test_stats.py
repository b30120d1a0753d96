"""What the engine counts of real peers, by track and by slot."""

from __future__ import annotations

from media.codecs import Codec, Kind
from media.engine import Engine, PeerStats, Publishing
from tests.media.engine_peers import ROOM, Peer, Plain, peers, running_engine, silence, until


async def test_tracks_and_slots_are_counted_one_by_one() -> None:
    async with running_engine() as (engine, _), peers(3) as (speaker, viewer, idle):
        speaker.publish(silence(), Plain(60, 90))
        audio, video = (await speaker.join(engine, Publishing.ALLOWED)).tracks
        engine.set_layout(ROOM, [None, audio.track], [None, video.track])
        viewer.receive(audio=2, video=2)
        idle.receive(audio=1, video=1)
        await viewer.join(engine)
        await idle.join(engine)
        await viewer.slot("video", 1).until(lambda frames: len(frames) >= 60)
        await until(lambda: of(engine, viewer).rtt_ms is not None)
        published, seen, nothing = (of(engine, one) for one in (speaker, viewer, idle))
        assert engine.stats().complete
    assert [(one.track, one.kind, one.codec) for one in published.tracks] == [
        (audio.track, Kind.AUDIO, Codec.OPUS),
        (video.track, Kind.VIDEO, Codec.VP8),
    ]
    assert all(one.packets > 30 and one.bytes > one.packets and one.lost == 0 for one in published.tracks)
    assert sum(one.packets for one in published.tracks) <= published.packets_in
    assert not published.slots
    assert [(one.kind, one.slot, one.track, one.layer) for one in seen.slots] == [
        (Kind.AUDIO, 1, audio.track, 0),
        (Kind.VIDEO, 1, video.track, 0),
    ]
    assert sum(one.packets for one in seen.slots) == seen.packets_out
    assert not any(one.frozen or one.freezes for one in seen.slots)
    assert not seen.tracks
    assert not nothing.slots, "the second slots are not its"


async def test_counts_of_threads_that_do_not_answer_are_said_to_be_missing() -> None:
    async with running_engine() as (engine, _):
        assert engine.stats().complete
    assert not engine.stats().complete, "they have ended"


def of(engine: Engine, peer: Peer) -> PeerStats:
    assert peer.connected is not None
    return next(one for one in engine.stats().peers if one.peer == peer.connected.peer)
