"""Automated sessions: how late their first packets come, what playing costs, whether lips fit.

Rooms start in several waves, each at one second, when their viewers are connected.  `start_late_ms` is the
time from that second to the first media packet in a viewer's socket, an entry a viewer; below zero is early.
`av_skew_ms` is what `room-server probe` decoded in each room, after the CPU was measured: it is not cheap.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp

from room_server.demo import film
from room_server.events.service import RoomType
from tests.load.attendee import enter, view
from tests.load.crowd import Pace, arrive
from tests.load.figures import Json, quantile, rounded
from tests.load.machine import Load
from tests.load.peers import Peers
from tests.load.progress import say
from tests.load.server import Server, Session, serving
from tests.load.workspace import Wanted

WAVES = 3
ROOMS_A_WAVE = 4
VIEWERS_A_ROOM = 3
FIRST_START_IN_S = 40
WAVES_APART_S = 4
FIRST_WITHIN_S = 10
WINDOW_S = 15
PROBE_S = 8
PROBES_AT_ONCE = 2
PROBE_WITHIN_S = 60
_PACE = Pace(per_s=25, within_s=30)


@dataclass(frozen=True, slots=True)
class Played:
    """`late_ms` has an entry a viewer, `skew_ms` one a room: None where the probe could not tell."""

    rooms: int
    viewers: int
    late_ms: Sequence[float] = field(repr=False)
    cpu_ns: int
    seconds: float
    skew_ms: Sequence[float | None]
    others_percent: float = 0.0

    def to_json(self) -> Json:
        apart = [abs(skew) for skew in self.skew_ms if skew is not None]
        return {
            "rooms": self.rooms,
            "viewers": self.viewers,
            "cpu_percent_per_room": round(self.cpu_ns / self.seconds / 1e7 / self.rooms, 2),
            "start_late_ms": {
                "min": rounded(min(self.late_ms)),
                "p50": rounded(quantile(self.late_ms, 0.5)),
                "p99": rounded(quantile(self.late_ms, 0.99)),
            },
            "av_skew_ms": {
                "p99": rounded(quantile(apart, 0.99)),
                "rooms": len(apart),
            },
            "others_cpu_percent": round(self.others_percent, 1),
        }


async def run() -> Json:
    """Measure, and return the figures."""
    plan = await film.Planning(film.usual_folder(Path())).plan()
    wanted = [
        Wanted(
            RoomType.AUTOMATED,
            starts_in_s=FIRST_START_IN_S + wave * WAVES_APART_S,
            participants=VIEWERS_A_ROOM + 1,
            film=plan,
        )
        for wave in range(WAVES)
        for _ in range(ROOMS_A_WAVE)
    ]
    async with aiohttp.ClientSession() as http, serving(wanted) as server:
        peers = await Peers.start(threads=1)
        try:
            played = await _measure(server, peers, http)
        finally:
            await peers.close()
    figures = played.to_json()
    say(f"  {figures}")
    return figures


async def _measure(server: Server, peers: Peers, http: aiohttp.ClientSession) -> Played:
    seats = [
        (number, session, link)
        for number, (session, link) in enumerate(
            (session, link) for session in server.sessions for link in session.participants[:VIEWERS_A_ROOM]
        )
    ]
    say(f"  {len(seats)} viewers join {len(server.sessions)} rooms")
    _, failures = await arrive([partial(_watch, http, link, n, peers) for n, _, link in seats], _PACE)
    if failures or (min(session.starts_at for session in server.sessions).timestamp() < time.time()):
        raise RuntimeError("a session began before its viewers were in: nothing was measured")
    late_ms = await asyncio.gather(*(_late_ms(peers, number, session) for number, session, _ in seats))
    say(f"  first packets {min(late_ms):.1f} to {max(late_ms):.1f} ms after their second")
    load = Load.now((server.pid, peers.pid))
    began, cpu = time.monotonic(), server.cpu_ns()
    await asyncio.sleep(WINDOW_S)
    cpu_ns, seconds = server.cpu_ns() - cpu, time.monotonic() - began
    others_percent = load.others_percent(Load.now((server.pid, peers.pid)))
    return Played(
        rooms=len(server.sessions),
        viewers=len(seats),
        late_ms=late_ms,
        cpu_ns=cpu_ns,
        seconds=seconds,
        skew_ms=await _skews_ms([session.participants[VIEWERS_A_ROOM] for session in server.sessions]),
        others_percent=others_percent,
    )


async def _watch(http: aiohttp.ClientSession, link: str, number: int, peers: Peers) -> None:
    await view(await enter(http, link, number), peers)


async def _late_ms(peers: Peers, number: int, session: Session) -> float:
    """Raise TimeoutError when a viewer has nothing `FIRST_WITHIN_S` after the start."""
    starts_s = session.starts_at.timestamp()
    async with asyncio.timeout(starts_s - time.time() + FIRST_WITHIN_S):
        first_ns = await peers.instant("first_packet", number)
    return (first_ns - round(starts_s * 1e9)) / 1e6


async def _skews_ms(links: Sequence[str]) -> Sequence[float | None]:
    say(f"  {len(links)} rooms probed, {PROBES_AT_ONCE} at once, {PROBE_S} s each")
    places = asyncio.Semaphore(PROBES_AT_ONCE)

    async def one(link: str) -> float | None:
        async with places:
            return await _skew_ms(link)

    return await asyncio.gather(*map(one, links))


async def _skew_ms(link: str) -> float | None:
    """How much later the picture is than its sound; None when the probe could not tell."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("room-server"),
        *("probe", link, "--seconds", str(PROBE_S), "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PROBE_WITHIN_S):
            out, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"the probe ended with {process.returncode}")
    skew_ms: float | None = json.loads(out)["av_skew_ms"]
    return skew_ms
