"""An engine whose process gets no time for a while goes on in the present."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from aiortc import RTCSessionDescription

from tests.media.engine_film import FRAMES_PER_S
from tests.media.engine_peers import Sink, peers
from tests.media.engine_process import engine_process

STOPPED_S = 3.0
SETTLED_S = 1.5
LATE_S = 0.3
GROUP_S = 2


async def _told_late(sink: Sink, seconds: float) -> float:
    """Return the least difference, for some seconds, between our clock and that of what is received."""
    least = float("inf")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sink.changed.clear()
        await asyncio.wait_for(sink.changed.wait(), 10)
        newest = sink.frames[-1]
        least = min(least, time.monotonic() - newest.pts * float(newest.time_base))
    return least


async def test_a_process_that_was_stopped_goes_on_in_the_present_with_sound_and_picture() -> None:
    """Nothing plays late for good: what is long past is left out, and the picture begins at a keyframe."""
    async with engine_process() as engine, peers(1) as (viewer,):
        viewer.receive(audio=1, video=1)
        connection = viewer.connection
        await connection.setLocalDescription(await connection.createOffer())
        answer = await engine.answer(connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        sinks = [viewer.slot(kind, 0) for kind in ("audio", "video")]
        for sink in sinks:
            await sink.until(lambda frames: len(frames) >= 20)
        before = await asyncio.gather(*(_told_late(sink, 1.0) for sink in sinks))

        os.kill(engine.pid, signal.SIGSTOP)
        await asyncio.wait([asyncio.create_task(asyncio.sleep(STOPPED_S))])
        seen = [len(sink.frames) for sink in sinks]
        os.kill(engine.pid, signal.SIGCONT)
        went_on = time.monotonic()
        await asyncio.gather(*(_told_late(sink, SETTLED_S) for sink in sinks))
        after = await asyncio.gather(*(_told_late(sink, 1.0) for sink in sinks))
        heard, shown = (len(sink.frames) - count for sink, count in zip(sinks, seen, strict=True))
        passed_s = time.monotonic() - went_on
    for late_before, late_after in zip(before, after, strict=True):
        assert late_after - late_before < LATE_S
    # Half a second of what is late is played, and both ends of a span may hold a packet.
    assert 40 * passed_s < heard < 50 * (passed_s + 0.5) + 1
    assert 10 * passed_s < shown < FRAMES_PER_S * (passed_s + GROUP_S + 0.2)
