"""An automated session: how late its first packet comes, what playing costs, whether lips fit.

Viewers are connected before the second at which the session starts.  `start_late_ms` is the time from that
second to the first media packet in a viewer's socket, one entry a viewer; below zero it would be early.
`av_skew_ms` is what `room-server probe` decoded, once the figures of CPU are taken: it decodes in Python.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp

from tests.load.attendee import enter, view
from tests.load.figures import Json, quantile, rounded
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.server import Server, demonstrating

VIEWERS = 10
STARTS_IN_S = 15
FIRST_WITHIN_S = 10
WINDOW_S = 15
PROBE_S = 10


async def run() -> Json:
    """One room with ten viewers."""
    async with demonstrating(VIEWERS + 1, STARTS_IN_S) as server:
        peers = await Peers.start(threads=1)
        try:
            return await _measure(server, peers)
        finally:
            await peers.close()


async def _measure(server: Server, peers: Peers) -> Json:
    session = server.sessions[0]
    assert session.starts_at is not None
    async with aiohttp.ClientSession() as http:
        for number, link in enumerate(session.participants[:VIEWERS]):
            await view(await enter(http, link, number), peers)
        starts_ns = round(session.starts_at.timestamp() * 1e9)
        spare_s = (starts_ns - time.time_ns()) / 1e9
        if spare_s < 0:
            raise RuntimeError("the session began before the viewers were in: nothing was measured")
        firsts = await _firsts(peers, spare_s + FIRST_WITHIN_S)
        late_ms = [(first - starts_ns) / 1e6 for first in firsts]
        began, cpu_ns = time.monotonic(), server.cpu_ns()
        await asyncio.sleep(WINDOW_S)
        cpu_percent = (server.cpu_ns() - cpu_ns) / (time.monotonic() - began) / 1e7
        skew_ms = await _skew_ms(session.participants[VIEWERS])
    say(
        f"  first packet {min(late_ms):.1f} to {max(late_ms):.1f} ms after the second; "
        f"playing to {VIEWERS} viewers: {cpu_percent:.1f} % of a core; picture after sound: {skew_ms} ms"
    )
    return {
        "rooms": 1,
        "viewers": VIEWERS,
        "cpu_percent_per_room": round(cpu_percent, 2),
        "start_late_ms": {
            "min": rounded(min(late_ms)),
            "p50": rounded(quantile(late_ms, 0.5)),
            "p99": rounded(quantile(late_ms, 0.99)),
        },
        "av_skew_ms": {"p99": None if skew_ms is None else abs(skew_ms)},
    }


async def _firsts(peers: Peers, within_s: float) -> list[int]:
    """When each viewer's first packet came.  Raise RuntimeError when somebody had none."""
    waiting = [asyncio.create_task(peers.instant("first_packet", number)) for number in range(VIEWERS)]
    _, missing = await asyncio.wait(waiting, timeout=within_s)
    if missing:
        raise RuntimeError(
            f"{len(missing)} of {VIEWERS} viewers had nothing {FIRST_WITHIN_S} s after the start"
        )
    return [task.result() for task in waiting]


async def _skew_ms(link: str) -> float | None:
    """How much later the picture is than its sound; None when the probe could not tell."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("room-server"),
        *("probe", link, "--seconds", str(PROBE_S), "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the probe ended with {process.returncode}")
    skew_ms: float | None = json.loads(out)["av_skew_ms"]
    return skew_ms
