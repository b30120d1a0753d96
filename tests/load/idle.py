"""What the server costs when nothing happens: ten rooms open, one participant waiting in each."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from room_server.events.service import RoomType
from tests.load.attendee import enter, view
from tests.load.figures import Json
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.server import serving
from tests.load.workspace import Wanted

ROOMS = 10
SETTLE_S = 5
WINDOW_S = 15


async def run() -> Json:
    """Resident MB and per cent of a core, without anybody and with ten rooms waiting."""
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
        "rooms": ROOMS,
        "rss_mb": round(rss_mb, 1),
        "rss_empty_mb": round(empty_mb, 1),
        "cpu_percent": round(cpu_percent, 2),
    }
