"""One probe: join, receive for some seconds, say what was seen."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import datetime
from typing import Final

from room_server.probe.joining import TakeOver
from room_server.probe.readings import Picture, freezes, position_error_s, skew_s
from room_server.probe.report import Report
from room_server.probe.viewer import Payload, Viewer

SAME_PLACE_S: Final = 0.5


async def probe(
    link: str, seconds: float, take_over: TakeOver = TakeOver.NEVER, language: str = "en"
) -> Report:
    """Visit a room for `seconds` after joining, less when the seat is lost, and report.

    Raise `ProbeRefused`, with its detail in `language`, when the server refuses the visit.
    """
    begun_s = time.time()
    async with Viewer(link, language=language) as viewer:
        await viewer.join(take_over)
        joined_s = time.time()
        await viewer.watch()
        with suppress(TimeoutError):
            await asyncio.wait_for(viewer.ended.wait(), seconds - (time.time() - joined_s))
        return await report(viewer, begun_s, joined_s)


async def report(viewer: Viewer, begun_s: float, joined_s: float) -> Report:
    """What a viewer saw so far; instants in seconds since the epoch."""
    started_s = started(viewer)
    pictures = viewer.videos[0].pictures() if viewer.videos else []
    ticks = await viewer.audios[0].ticks() if viewer.audios else []
    position_s = None
    if started_s is not None and not paused(viewer, started_s):
        position_s = position_error_s(_on_our_clock(viewer, pictures), started_s)
    firsts = [watch.first_at_s for watch in viewer.videos if watch.first_at_s is not None]
    first_frame_s = min(firsts) - max(joined_s, started_s or joined_s) if firsts else None
    receivings = viewer.receivings()
    return Report(
        joined_ms=round((joined_s - begun_s) * 1000),
        first_frame_ms=None if first_frame_s is None else max(0, round(first_frame_s * 1000)),
        video_frames=sum(watch.frames.count for watch in viewer.videos),
        audio_frames=sum(watch.frames.count for watch in viewer.audios),
        lost=sum(receiving.lost() for receiving in receivings),
        freezes=sum(freezes(watch.arrivals) for watch in viewer.videos),
        position_error_ms=_milliseconds(position_s),
        av_skew_ms=_milliseconds(skew_s(pictures, ticks)),
        closed=viewer.closed,
        started=started_s is not None,
    )


def started(viewer: Viewer) -> float | None:
    """When the session started, by the latest word about it; None before."""
    told = [snapshot["session"]["started_at"] for snapshot in viewer.heard("room.snapshot")]
    told += [notice["started_at"] for notice in viewer.heard("session.state")]
    instants = [_epoch_s(instant) for instant in told if instant is not None]
    return instants[-1] if instants else None


def paused(viewer: Viewer, started_s: float) -> bool:
    """Whether the server said that the position is not simply the time since the start."""
    told: list[Payload] = [
        snapshot["playback"] for snapshot in viewer.heard("room.snapshot") if snapshot["playback"]
    ]
    told += viewer.heard("playback.position")
    return any(_elsewhere(position, started_s) for position in told)


def _elsewhere(position: Payload, started_s: float) -> bool:
    if position["state"] == "paused" or position["taken_over_by"] is not None:
        return True
    if position["state"] not in ("playing", "buffer", "gap"):
        return False
    since_s = _epoch_s(position["server_time"]) - started_s
    return abs(float(position["position_s"]) - since_s) > SAME_PLACE_S


def _on_our_clock(viewer: Viewer, pictures: list[Picture]) -> list[Picture]:
    lags = [lag for receiving in viewer.receivings() if (lag := receiving.clock.lag_s) is not None]
    lag_s = min(lags, default=0.0)
    return [Picture(picture.at_s + lag_s, picture.strip_s) for picture in pictures]


def _epoch_s(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
