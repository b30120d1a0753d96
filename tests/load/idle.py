"""What the server costs when nothing happens: a fresh demo, and ten rooms in which people wait."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from room_server.events.service import RoomType
from tests.load.attendee import enter, view
from tests.load.figures import Json
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.server import READY_WITHIN_S, end_process, serving
from tests.load.workspace import Wanted

ROOMS = 10
SETTLE_S = 5
WINDOW_S = 15


async def run() -> Json:
    """Seconds to a fresh demo; resident MB, empty and with ten rooms waiting; per cent of a core."""
    ready_s = await _demo_ready_s()
    say(f"  a demo on a fresh data folder: ready after {ready_s:.2f} s")
    wanted = [Wanted(RoomType.AUTOMATED, starts_in_s=600, participants=1) for _ in range(ROOMS)]
    async with serving(wanted) as server, aiohttp.ClientSession() as http:
        await asyncio.sleep(SETTLE_S)
        empty_mb = server.rss_kb() / 1_024
        peers = await Peers.start(threads=1)
        try:
            for number, session in enumerate(server.sessions):
                await view(await enter(http, session.participants[0], number), peers)
            await asyncio.sleep(SETTLE_S)
            began, cpu_ns = time.monotonic(), server.cpu_ns()
            await asyncio.sleep(WINDOW_S)
            cpu_percent = (server.cpu_ns() - cpu_ns) / (time.monotonic() - began) / 1e7
            rss_mb = server.rss_kb() / 1_024
        finally:
            await peers.close()
    say(f"  {ROOMS} rooms waiting: {rss_mb:.1f} MB resident, {cpu_percent:.2f} % of a core")
    return {
        "demo_ready_s": round(ready_s, 2),
        "rooms": ROOMS,
        "rss_mb": round(rss_mb, 1),
        "rss_empty_mb": round(empty_mb, 1),
        "cpu_percent": round(cpu_percent, 2),
    }


async def _demo_ready_s() -> float:
    """From the command to its links, which a browser can open by then."""
    program = Path(sys.executable).with_name("room-server")
    with tempfile.TemporaryDirectory(prefix="room-server-bench-") as folder:
        began = time.monotonic()
        demo = await asyncio.create_subprocess_exec(
            *(program, "demo", "--json", "--port", "0", "--udp-port", "0", "--data-dir", folder),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert demo.stdout is not None
            async with asyncio.timeout(READY_WITHIN_S):
                if not await demo.stdout.readline():
                    raise RuntimeError("the demo ended without its links")
            return time.monotonic() - began
        finally:
            await end_process(demo)
